#include "native/backend/cpu_peak.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <vector>

namespace belle::backend {

double measure_peak(CpuContext& cpu, ops::Type type) {
  using Clock = std::chrono::steady_clock;
  constexpr int64_t kRounds = 200'000;  // some 2 ms
  const auto threads = static_cast<size_t>(cpu.pool.threads());
  std::vector<double> best(threads);
  // A chunk waits until all threads have one, so that each is measured while the others are busy.
  for (int run = 0; run < 6; ++run) {
    std::atomic<size_t> arrived{0};
    cpu.pool.run(threads, [&](size_t chunk, int) {
      ++arrived;
      while (arrived.load() < threads) {
      }
      const auto start = Clock::now();
      const double operations = cpu.kernels.peak(type, kRounds);
      const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
      best[chunk] = std::max(best[chunk], operations / seconds);
    });
  }
  double total = 0;
  for (const double one : best) total += one;
  return total;
}

}  // namespace belle::backend
