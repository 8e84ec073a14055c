// What a grid of attention blocks works through on a device: host code of the CUDA backend.
#include <algorithm>
#include <vector>

#include "cuda/attention/schedule.h"
#include "native/core/philox.h"
#include "test/native/check.h"

namespace belle::test {

TEST("attention: blocks begin at their document's start, long documents and the most work first") {
  const int32_t cu_seqlens[] = {0, 130, 130, 200, 500};
  std::vector<cuda::AttentionTask> tasks;
  const auto first = [](const cuda::AttentionTask& t) {
    return std::vector<int32_t>{t.start, t.length, t.first};
  };
  using Order = std::vector<std::vector<int32_t>>;
  const auto order = [&](cuda::AttentionBlocks kind) {
    tasks.clear();
    cuda::append_tasks(cu_seqlens, 4, 128, kind, &tasks);
    Order order;
    for (const auto& t : tasks) order.push_back(first(t));
    return order;
  };
  CHECK(order(cuda::AttentionBlocks::queries) ==
        (Order{{200, 300, 256}, {200, 300, 128}, {200, 300, 0}, {0, 130, 128}, {0, 130, 0}, {130, 70, 0}}));
  CHECK(order(cuda::AttentionBlocks::keys) ==
        (Order{{200, 300, 0}, {200, 300, 128}, {200, 300, 256}, {0, 130, 0}, {0, 130, 128}, {130, 70, 0}}));
}

TEST("attention: every block of queries of every document has a slot of its own") {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const Philox random(seed, RngStream::test);
    std::vector<int32_t> cu_seqlens = {0};
    for (uint64_t i = 0; i < 40; ++i) {
      const int32_t most = random.uniform(2 * i + 1) < 0.5 ? 4 : 300;
      cu_seqlens.push_back(cu_seqlens.back() + static_cast<int32_t>(random.uniform(2 * i) * most));
    }
    std::vector<cuda::AttentionTask> tasks;
    cuda::append_tasks(cu_seqlens.data(), 40, cuda::kSlotQueries, cuda::AttentionBlocks::queries, &tasks);
    std::vector<int64_t> slots;
    for (const cuda::AttentionTask& task : tasks) slots.push_back(cuda::slot_of_query(0, task, task.first));
    std::sort(slots.begin(), slots.end());
    CHECK(std::adjacent_find(slots.begin(), slots.end()) == slots.end());
    CHECK(slots.empty() || (slots.front() >= 0 && slots.back() < cuda::slots_of(cu_seqlens.back(), 40)));
  }
}

}  // namespace belle::test
