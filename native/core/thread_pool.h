#pragma once
// ThreadPool: a fixed set of workers that run one parallel loop at a time. Work is cut into `chunks` pieces
// by the caller, so what a chunk computes never depends on how many threads there are: 1 thread = 2 threads,
// bit for bit.
#include <cstddef>
#include <functional>
#include <memory>

namespace belle {

// The cores this process may use (sched_getaffinity), at most 64.
int default_threads();

class ThreadPool {
 public:
  // threads = 0: default_threads(). Where the system refuses a thread the pool has fewer: slower, same
  // results.
  explicit ThreadPool(int threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;
  // Calls body(chunk, thread) for every chunk in [0, chunks), the caller's thread taking part; returns when
  // all are done. Not reentrant. 0 <= thread < threads(), for per-thread scratch memory. What body throws
  // (memory that ran out) is thrown again here, once no thread runs body any more; chunks not begun by then
  // are left out.
  void run(size_t chunks, const std::function<void(size_t chunk, int thread)>& body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace belle
