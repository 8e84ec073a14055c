#pragma once
// What a grid of attention blocks works through: blocks of tokens, each of one document. A block begins at a
// multiple of its size counted from its document's start, so that nothing depends on the document's place in
// the pack.
#include <algorithm>
#include <cstdint>
#include <vector>

namespace belle::cuda {

struct AttentionTask {
  int32_t start, length;  // of the document, in tokens
  int32_t first;          // the block's first token, counted from the document's start
  int32_t document;
};

// Those with the most work first: thread blocks start in this order, and the short ones fill the gaps at the
// end. A block of queries sees the keys up to its last one; a block of keys is seen from its first one on.
enum class AttentionBlocks { queries, keys };
inline void append_tasks(const int32_t* cu_seqlens, int32_t documents, int32_t size, AttentionBlocks kind,
                         std::vector<AttentionTask>* tasks) {
  const auto begin = static_cast<std::ptrdiff_t>(tasks->size());
  for (int32_t i = 0; i < documents; ++i) {
    const int32_t start = cu_seqlens[i], length = cu_seqlens[i + 1] - start;
    for (int64_t first = 0; first < length; first += size)
      tasks->push_back({start, length, static_cast<int32_t>(first), i});
  }
  const auto work = [&](const AttentionTask& t) -> int64_t {
    return kind == AttentionBlocks::keys ? int64_t{t.length} - t.first
                                         : std::min<int64_t>(t.length, int64_t{t.first} + size);
  };
  std::stable_sort(tasks->begin() + begin, tasks->end(),
                   [&](const AttentionTask& a, const AttentionTask& b) { return work(a) > work(b); });
}

}  // namespace belle::cuda
