#pragma once
// What a grid of attention blocks works through: blocks of tokens, each of one document. A block begins at a
// multiple of its size counted from its document's start, so that nothing depends on the document's place in
// the pack.
#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#if defined(__CUDACC__)
#define BELLE_HOST_DEVICE __host__ __device__
#else
#define BELLE_HOST_DEVICE
#endif

namespace belle::cuda {

struct AttentionTask {
  int32_t start, length;  // of the document, in tokens
  int32_t first;          // the block's first token, counted from the document's start
  int32_t document;
};

// Thread blocks start in this order. Long documents first, and of a document those with the most work first:
// short ones fill the gaps at the end. One document after the other, so that blocks that run at the same time
// share what they read: at 7B the heads of one document of 2,048 tokens fill an L2 cache. A block of queries
// sees the keys up to its last one; a block of keys is seen from its first one on.
enum class AttentionBlocks { queries, keys };
inline void append_tasks(const int32_t* cu_seqlens, int32_t documents, int32_t size, AttentionBlocks kind,
                         std::vector<AttentionTask>* tasks) {
  const auto length = [&](int32_t i) { return cu_seqlens[i + 1] - cu_seqlens[i]; };
  std::vector<int32_t> order(static_cast<size_t>(documents));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return length(a) > length(b); });
  for (const int32_t i : order) {
    const int32_t blocks = static_cast<int32_t>((int64_t{length(i)} + size - 1) / size);
    for (int32_t n = 0; n < blocks; ++n)
      tasks->push_back({.start = cu_seqlens[i],
                        .length = length(i),
                        .first = (kind == AttentionBlocks::keys ? n : blocks - 1 - n) * size,
                        .document = i});
  }
}

// Blocks of kSlotQueries queries of a document have slots that follow one another; no two documents share
// one. `first`: the head's first slot.
inline constexpr int32_t kSlotQueries = 64;
BELLE_HOST_DEVICE inline int64_t slot_of_query(int64_t first, const AttentionTask& of, int32_t query) {
  return first + of.start / kSlotQueries + of.document + query / kSlotQueries;
}
inline int64_t slots_of(int64_t tokens, int32_t documents) { return tokens / kSlotQueries + documents + 1; }

}  // namespace belle::cuda
