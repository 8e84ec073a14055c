#pragma once
// How many rows of logits linear_cross_entropy is given room for:
// belle_linear_cross_entropy_args::chunk_rows.
#include <algorithm>
#include <cstdint>
#include <string_view>

namespace belle::backend {

// At most so many bytes (but 16 rows), and no more rows than pay.
struct LogitRoom {
  // The CPU's. With what its backend gathers beside them (some 8 MB at a width of 1,024) under 64 MB.
  int64_t bytes = int64_t{54} << 20, rows = 1024;
};
// A GPU wants products of thousands of rows: a chunk less is 2.6 GB of the head's gradient, at LLaMA-7B with
// 79,458 rows, that need not be read and written again.
inline LogitRoom logit_room(std::string_view backend) {
  return backend == "cuda" ? LogitRoom{.bytes = int64_t{1} << 30, .rows = 4096} : LogitRoom{};
}

// Elements of a row, as belle_linear_cross_entropy_args::logits_scratch has room for: whole 16 bytes.
inline int64_t logit_width(int64_t vocab) { return (vocab + 7) / 8 * 8; }

// The order in which the head's gradient is summed depends on it, so it depends on nothing but the backend,
// the vocabulary and the dtype.
inline int64_t logit_rows(int64_t vocab, int64_t element_bytes, LogitRoom room = {}) {
  return std::clamp<int64_t>(room.bytes / (vocab * element_bytes) / 16 * 16, 16, room.rows);
}

}  // namespace belle::backend
