#include "native/core/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace belle {

// A sleeping thread takes some 30 us to wake; loops inside a training step follow each other closer than
// that. So threads look out for this long before they go to sleep.
static constexpr auto kSpin = std::chrono::microseconds(60);

template <class Done>
static bool spin_until(const Done& done) {
  const auto start = std::chrono::steady_clock::now();
  do {
    for (int i = 0; i < 64; ++i) {
      if (done()) return true;
#if defined(__x86_64__)
      _mm_pause();
#endif
    }
  } while (std::chrono::steady_clock::now() - start < kSpin);
  return done();
}

// Claims are made on one word, (loop number, next chunk): a worker that wakes late finds the loop over or
// another one running, and nobody waits for it.
struct ThreadPool::State {
  static constexpr uint64_t kClosed = 0xffffffff;  // no chunk can be claimed while a loop is being set up

  std::vector<std::thread> workers;
  std::mutex mutex;  // guards sleeping and thrown
  std::condition_variable wake, done;
  std::atomic<uint64_t> next{kClosed};
  std::atomic<const std::function<void(size_t, int)>*> body{nullptr};
  std::atomic<uint64_t> chunks{0};  // below kClosed
  std::atomic<size_t> left{0};      // chunks that are not finished
  std::atomic<int> sleeping{0};
  std::atomic<bool> stop{false};
  std::exception_ptr thrown;  // by body, the first one

  // Chunks of the loop that runs until none is left to claim. A claim that succeeds was made before the loop
  // ended, so what was read of it is still its own.
  void drain(int thread) noexcept {
    for (;;) {
      uint64_t at = next.load(std::memory_order_acquire);
      const uint64_t chunk = at & kClosed;
      if (chunk >= chunks.load(std::memory_order_acquire)) return;
      const auto* run = body.load(std::memory_order_acquire);
      if (!next.compare_exchange_weak(at, at + 1, std::memory_order_acq_rel)) continue;
      try {
        (*run)(chunk, thread);
      } catch (...) {  // it would end the process, or leave the workers with a dead body
        const std::lock_guard lock(mutex);
        if (!thrown) thrown = std::current_exception();
        leave_out_rest();
      }
      if (left.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        const std::lock_guard lock(mutex);  // the caller is either before its check or asleep
        done.notify_one();
      }
    }
  }

  // Claims what nobody has begun yet; the caller's own chunk keeps the loop open.
  void leave_out_rest() {
    const uint64_t end = chunks.load(std::memory_order_acquire);
    uint64_t at = next.load(std::memory_order_acquire);
    while ((at & kClosed) < end && !next.compare_exchange_weak(at, (at & ~kClosed) | end)) {
    }
    if ((at & kClosed) < end) left.fetch_sub(end - (at & kClosed), std::memory_order_acq_rel);
  }

  void work(int thread) {
    uint64_t seen = kClosed, now = kClosed;
    const auto called = [&] {
      now = next.load(std::memory_order_seq_cst);
      return stop || ((now & kClosed) != kClosed && (now | kClosed) != seen);
    };
    for (;;) {
      if (!spin_until(called)) {
        std::unique_lock lock(mutex);
        ++sleeping;
        wake.wait(lock, called);
        --sleeping;
      }
      if (stop) return;
      seen = now | kClosed;
      drain(thread);
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
  State& s = *state_;
  const uint64_t loop = ((s.next.load(std::memory_order_relaxed) >> 32) + 1) << 32;
  s.next.store(loop | State::kClosed, std::memory_order_seq_cst);
  s.body.store(&body, std::memory_order_release);
  s.chunks.store(chunks, std::memory_order_release);
  s.left.store(chunks, std::memory_order_release);
  s.next.store(loop, std::memory_order_seq_cst);
  if (s.sleeping.load(std::memory_order_seq_cst) > 0) {
    {
      const std::lock_guard lock(s.mutex);
    }  // one that is about to sleep has looked before, or sleeps by now
    s.wake.notify_all();
  }
  s.drain(0);
  const auto finished = [&] { return s.left.load(std::memory_order_acquire) == 0; };
  if (!spin_until(finished)) {
    std::unique_lock lock(s.mutex);
    s.done.wait(lock, finished);
  }
  if (s.thrown) std::rethrow_exception(std::exchange(s.thrown, nullptr));
}

}  // namespace belle
