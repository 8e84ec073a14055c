#pragma once
// What the backward pass on Hopper keeps of each block of 64 queries of one head, in a slot of its own
// (schedule.h). A document's last block may be part of one.
#include "cuda/attention/attention.h"

namespace belle::cuda {

struct QuerySlots {
  int64_t slots;  // of a head
  AttentionRow*
      rows;        // [heads, slots, kSlotQueries]; a row past the document's end has no weight: lse2 = inf
  float* sums;     // [heads, slots, kSlotQueries * head_dim]: of dq, in the order of a block's threads
  int32_t* turns;  // [heads, slots]: how many blocks of keys have added their part
};

__device__ __forceinline__ int64_t slot_of(const QuerySlots& slots, const AttentionTask& task, int head,
                                           int query) {
  return slot_of_query(head * slots.slots, task, query);
}

// Before the pass: rows. A task is kMmaBlock tokens.
Status prepare_query_slots(Context& cuda, const AttentionInputs& in, const void* dout,
                           const QuerySlots& slots, AttentionTasks tasks);
// After it: dq = scale * sums.
Status finish_query_slots(Context& cuda, const AttentionInputs& in, void* dq, const QuerySlots& slots,
                          AttentionTasks tasks);

}  // namespace belle::cuda
