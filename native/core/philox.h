#pragma once
// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): a counter-based
// generator. A draw is a pure function of (seed, stream, index), so a resumed run needs no saved generator
// state.
#include <array>
#include <cmath>
#include <cstdint>

namespace belle {

// One number per independent use; values are stable because checkpoints and results depend on them.
enum class RngStream : uint32_t { init = 1, shuffle = 2, sample = 3, resize = 4, lora = 5, test = 100 };

class Philox {
 public:
  Philox(uint64_t seed, RngStream stream)
      : key_{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)},
        stream_(static_cast<uint32_t>(stream)) {}

  std::array<uint32_t, 4> block(uint64_t index, uint32_t sub = 0) const {
    std::array<uint32_t, 4> c{static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), stream_, sub};
    uint32_t k0 = key_[0], k1 = key_[1];
    for (int round = 0; round < 10; ++round) {
      const uint64_t p0 = 0xD2511F53ull * c[0], p1 = 0xCD9E8D57ull * c[2];
      c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<uint32_t>(p1),
           static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<uint32_t>(p0)};
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    return c;
  }
  // Uniform in [0, 1) with 53 bits.
  double uniform(uint64_t index, uint32_t sub = 0) const {
    const auto b = block(index, sub);
    const uint64_t bits = (static_cast<uint64_t>(b[0]) << 21) ^ (b[1] >> 11);
    return static_cast<double>(bits & ((1ull << 53) - 1)) * 0x1p-53;
  }
  // Standard normal by Box–Muller; one draw per index.
  double normal(uint64_t index, uint32_t sub = 0) const {
    const auto b = block(index, sub);
    const double u1 = (static_cast<double>(b[0]) + 1.0) * 0x1p-32, u2 = static_cast<double>(b[1]) * 0x1p-32;
    return std::sqrt(-2.0 * std::log(u1)) * std::cos(6.283185307179586476925 * u2);
  }

 private:
  std::array<uint32_t, 2> key_;
  uint32_t stream_;
};

}  // namespace belle
