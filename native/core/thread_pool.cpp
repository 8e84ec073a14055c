#include "native/core/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace belle {

struct ThreadPool::State {
  std::vector<std::thread> workers;
  std::mutex mutex;
  std::condition_variable wake, done;
  const std::function<void(size_t, int)>* body = nullptr;
  size_t chunks = 0;
  std::atomic<size_t> next{0};
  uint64_t generation = 0;
  size_t active = 0;
  bool stop = false;
  std::exception_ptr thrown;  // by body, the first one

  // An exception that left a thread would end the process, one that left run() would leave the workers with a
  // dead body.
  void drain(int thread) noexcept {
    try {
      for (size_t chunk; (chunk = next.fetch_add(1, std::memory_order_relaxed)) < chunks;)
        (*body)(chunk, thread);
    } catch (...) {
      next.store(chunks, std::memory_order_relaxed);
      const std::lock_guard lock(mutex);
      if (!thrown) thrown = std::current_exception();
    }
  }

  void work(int thread) {
    uint64_t seen = 0;
    std::unique_lock lock(mutex);
    for (;;) {
      wake.wait(lock, [&] { return stop || generation != seen; });
      if (stop) return;
      seen = generation;
      lock.unlock();
      drain(thread);
      lock.lock();
      if (--active == 0) done.notify_one();
    }
  }
};

int default_threads() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return std::clamp(CPU_COUNT(&set), 1, 64);
  return static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1u, 64u));
}

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  if (threads <= 0) threads = default_threads();
  state_->workers.reserve(static_cast<size_t>(threads) - 1);
  try {
    for (int index = 1; index < threads; ++index) {
      state_->workers.emplace_back([state = state_.get(), index] { state->work(index); });
    }
  } catch (const std::exception&) {  // a limit on threads or memory; those that started do the work
  }
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stop = true;
  }
  state_->wake.notify_all();
  for (auto& worker : state_->workers) worker.join();
}

int ThreadPool::threads() const { return static_cast<int>(state_->workers.size()) + 1; }

void ThreadPool::run(size_t chunks, const std::function<void(size_t, int)>& body) {
  if (chunks <= 1 || state_->workers.empty()) {
    for (size_t chunk = 0; chunk < chunks; ++chunk) body(chunk, 0);
    return;
  }
  {
    std::lock_guard lock(state_->mutex);
    state_->body = &body;
    state_->chunks = chunks;
    state_->next.store(0, std::memory_order_relaxed);
    state_->active = state_->workers.size();
    ++state_->generation;
  }
  state_->wake.notify_all();
  state_->drain(0);
  std::unique_lock lock(state_->mutex);
  state_->done.wait(lock, [&] { return state_->active == 0; });
  if (state_->thrown) std::rethrow_exception(std::exchange(state_->thrown, nullptr));
}

}  // namespace belle
