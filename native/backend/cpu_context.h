#pragma once
// CpuContext: what the CPU backend keeps between calls: kernels, threads, scratch memory, the RoPE table, the
// accounts.
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "native/core/blocks.h"
#include "native/core/status.h"
#include "native/core/thread_pool.h"
#include "native/ops/kernel_table.h"

namespace belle::backend {

// Memory that is allocated at first use, grows and is reused. Its content is lost when it grows.
class Scratch {
 public:
  // 64-byte aligned; nullptr when the memory is not to be had.
  template <class T>
  T* get(int64_t count) {
    return static_cast<T*>(reserve(static_cast<uint64_t>(count) * sizeof(T)));
  }

 private:
  struct Free {
    void operator()(void* p) const { std::free(p); }
  };
  void* reserve(uint64_t bytes);
  std::unique_ptr<void, Free> memory_;
  uint64_t bytes_ = 0;
};

struct CpuContext {
  CpuContext(const ops::KernelTable& table, int threads)
      : kernels(table), pool(threads), thread(pool.threads()) {}

  const ops::KernelTable& kernels;
  ThreadPool pool;
  std::mutex mutex;  // one op at a time: the backend's one stream
  std::vector<Scratch> thread;
  Scratch rows, gathered, packed, partial_sums, block_counts;

  Scratch rope;  // [rope_rows, rope_dim]: cosines and sines of positions 0, 1, ...
  int64_t rope_rows = 0;
  int32_t rope_dim = 0;
  float rope_theta = 0;

  double peak[2] = {};  // floating-point operations per second by dtype, 0: not measured yet

  std::atomic<uint64_t> bytes_in_use{0}, bytes_peak{0};

  // body(chunk, thread) for every chunk. `work` is roughly the floating-point operations of all: too little
  // to be worth waking threads stays on the caller's. What a chunk computes must not depend on the thread.
  template <class Body>
  void parallel(int64_t chunks, double work, Body&& body) {
    if (chunks <= 0) return;
    if (work < 50e3) {
      for (int64_t chunk = 0; chunk < chunks; ++chunk) body(static_cast<size_t>(chunk), 0);
    } else {
      pool.run(static_cast<size_t>(chunks), std::ref(body));
    }
  }
  // Gives every thread `floats` floats of scratch memory.
  Status thread_scratch(int64_t floats, const char* op);
};

Status scratch_missing(const char* op, int64_t bytes);
// "13.4 GB": decimal, for messages.
std::string show_bytes(uint64_t bytes);

}  // namespace belle::backend
