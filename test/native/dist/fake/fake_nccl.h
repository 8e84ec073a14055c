#pragma once
// What the stand-in for NCCL does wrong, and what it has seen; for the tests.
#include <atomic>

struct FakeNccl {
  std::atomic<int> init_held{0};      // an init stays in progress while this is set
  std::atomic<int> start_held{0};     // so does the start of a collective
  std::atomic<int> stuck{0};          // what is started now never ends
  std::atomic<int> async_error{0};    // what ncclCommGetAsyncError reports
  std::atomic<int> refuse_config{0};  // ncclCommInitRankConfig takes no config
  std::atomic<int> aborted{0}, finalized{0}, destroyed{0};
};
extern "C" FakeNccl* fake_nccl();
