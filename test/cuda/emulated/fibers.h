#pragma once
// The threads of one block, as fibers of the calling thread.
#include <cstdint>
#include <functional>

namespace belle::cuda::emulated {

inline constexpr unsigned kMaxThreads = 1024, kWarp = 32;

// Runs thread(index) for index < count, each until it waits or ends. `backwards`: the last one first.
void run_block(unsigned count, bool backwards, const std::function<void(unsigned)>& thread);

// Called inside a thread.
unsigned current_thread();
void wait_for_block();  // until every thread of the block is here or has ended
void wait_for_warp();

// One slot a thread for values that pass between the threads of a warp: written before wait_for_warp(), read
// after it, free again after another one.
struct Slot {
  uint32_t words[8];
  const void* address;
};
Slot& slot_of(unsigned thread);

}  // namespace belle::cuda::emulated
