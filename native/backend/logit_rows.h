#pragma once
// How many rows of logits linear_cross_entropy is given room for:
// belle_linear_cross_entropy_args::chunk_rows.
#include <algorithm>
#include <cstdint>

namespace belle::backend {

// With what the CPU backend gathers beside them (some 8 MB at a width of 1,024) under 64 MB.
inline constexpr int64_t kLogitBytes = int64_t{54} << 20;

// As many rows as fill kLogitBytes, for a GEMM wants many. The order in which the head's gradient is summed
// depends on it, so it depends on nothing but the vocabulary and the dtype.
inline int64_t logit_rows(int64_t vocab, int64_t element_bytes) {
  return std::clamp<int64_t>(kLogitBytes / (vocab * element_bytes) / 16 * 16, 16, 1024);
}

}  // namespace belle::backend
