#include "native/core/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
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

  void drain(int thread) {
    for (size_t chunk; (chunk = next.fetch_add(1, std::memory_order_relaxed)) < chunks;) (*body)(chunk, thread);
  }
};

static int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1u, std::thread::hardware_concurrency());
}

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  if (threads <= 0) threads = std::min(usable_cores(), 64);
  for (int index = 1; index < threads; ++index) {
    state_->workers.emplace_back([state = state_.get(), index] {
      uint64_t seen = 0;
      std::unique_lock lock(state->mutex);
      for (;;) {
        state->wake.wait(lock, [&] { return state->stop || state->generation != seen; });
        if (state->stop) return;
        seen = state->generation;
        lock.unlock();
        state->drain(index);
        lock.lock();
        if (--state->active == 0) state->done.notify_one();
      }
    });
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
}

}  // namespace belle
