#include "native/core/thread_pool.h"

#include <pthread.h>

#include <atomic>
#include <new>
#include <vector>

#include "test/native/check.h"

using namespace belle;

TEST("thread pool: every chunk once, whatever the number of threads") {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    CHECK_EQ(pool.threads(), threads);
    std::vector<std::atomic<int>> seen(1000);
    pool.run(seen.size(),
             [&](size_t chunk, int thread) { seen[chunk] += thread >= 0 && thread < threads ? 1 : 1000; });
    for (const auto& count : seen) CHECK_EQ(count.load(), 1);
  }
}

TEST("thread pool: what a chunk throws reaches the caller, and the pool works on") {
  for (const int threads : {1, 4}) {
    ThreadPool pool(threads);
    for (int round = 0; round < 50; ++round) {
      bool caught = false;
      try {
        pool.run(64, [&](size_t chunk, int) {
          if (chunk % 16 == static_cast<size_t>(round) % 16) throw std::bad_alloc();
        });
      } catch (const std::bad_alloc&) {
        caught = true;
      }
      CHECK(caught);
    }
    std::atomic<int> done{0};
    pool.run(64, [&](size_t, int) { ++done; });
    CHECK_EQ(done.load(), 64);
  }
}

TEST("thread pool: does all the work where the system refuses threads") {
  pthread_attr_t before, huge;
  CHECK_EQ(pthread_getattr_default_np(&before), 0);
  CHECK_EQ(pthread_attr_init(&huge), 0);
  CHECK_EQ(pthread_attr_setstacksize(&huge, size_t{1} << 46), 0);  // more than an address space holds
  CHECK_EQ(pthread_setattr_default_np(&huge), 0);
  {
    ThreadPool pool(4);
    CHECK_EQ(pool.threads(), 1);
    std::atomic<int> done{0};
    pool.run(64, [&](size_t, int) { ++done; });
    CHECK_EQ(done.load(), 64);
  }
  CHECK_EQ(pthread_setattr_default_np(&before), 0);
  pthread_attr_destroy(&huge);
  pthread_attr_destroy(&before);
}

TEST("thread pool: loops that follow each other at once, each whole when it ends") {
  for (const int threads : {2, 5}) {
    ThreadPool pool(threads);
    std::vector<int> value(7);
    for (int round = 1; round <= 20'000; ++round) {
      const auto count = static_cast<size_t>(1 + round % 7);
      pool.run(count, [&](size_t chunk, int) { value[chunk] = round; });
      for (size_t chunk = 0; chunk < count; ++chunk) CHECK_EQ(value[chunk], round);
    }
  }
}
