#pragma once
// ThreadPool: a fixed set of workers that run one parallel loop at a time. Work is cut into `chunks` pieces by the
// caller, so what a chunk computes never depends on how many threads there are: 1 thread = 2 threads, bit for bit.
#include <cstddef>
#include <functional>
#include <memory>

namespace belle {

class ThreadPool {
 public:
  // threads = 0: the cores this process may use (sched_getaffinity), at most 64.
  explicit ThreadPool(int threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;
  // Calls body(chunk, thread) for every chunk in [0, chunks), the caller's thread taking part; returns when all are
  // done. Not reentrant. body must not throw. 0 <= thread < threads(), for per-thread scratch memory.
  void run(size_t chunks, const std::function<void(size_t chunk, int thread)>& body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace belle
