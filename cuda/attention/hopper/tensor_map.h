#pragma once
// How the copy engine finds tiles of one head's rows: a map of q, k, v or dout.
#include <cuda.h>

#include "cuda/context.h"

namespace belle::cuda {

inline constexpr int kMapColumns = 64;  // of a tile: 128 bytes, the width of the swizzle

// Coordinates are column, head and token; a tile is kMapColumns columns of `rows` tokens of one head. Tokens
// from `tokens` on are read as zeros.
struct HeadRows {
  const void* base;
  int64_t head_stride, stride;  // elements
  int64_t tokens;
  int32_t heads, head_dim;
};
Status make_tensor_map(const HeadRows& of, int rows, CUtensorMap* map);

}  // namespace belle::cuda
