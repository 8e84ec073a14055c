#pragma once
// What the attention kernels share. The products have their lanes along queries: a block of keys or values is
// the A operand, row by row, a block of queries the packed B operand, so that a query's maximum and sum are
// lanes and nothing is summed across a register.
#include "native/ops/attention.h"
#include "native/ops/multiply.h"
#include "native/ops/multiply_tile.h"

namespace belle::ops::BELLE_ISA {

namespace {

constexpr int64_t kBlock = kAttentionBlock;
static_assert(kBlock % kTileRows == 0 && kBlock % kTileCols == 0 && kBlock % 2 == 0);

// Hands out 64-byte aligned parts of scratch memory; with base NULL it only counts.
struct Carver {
  float* base;
  int64_t used = 0;
  float* take(int64_t floats) {
    float* here = base ? base + used : nullptr;
    used += round_up(floats, 16);
    return here;
  }
};

// 2^x for finite x < 127, relative error below 2e-7, 0 where that is below the normal numbers; NaN stays NaN.
// The polynomial is the minimax one of 2^r - 1 over [-1/2, 1/2] for the relative error.
BELLE_INLINE vf power_of_two(vf x) {
#if defined(__AVX512F__)
  const vf n = (vf)_mm512_maskz_roundscale_ps(0xffff, (__m512)x, 0);
  const vf r = x - n;
#else
  const vf lowest = splat(-127.0f);
  x = lowest > x ? lowest : x;
  const vf magic = splat(12582912.0f + 127.0f);  // 1.5 * 2^23: adding it rounds; 127: the exponent's bias
  const vf shifted = x + magic;
  const vf r = x - (shifted - magic);
#endif
  vf p = splat(1.326472731e-3f);
  p = mul_add(p, r, splat(9.671512991e-3f));
  p = mul_add(p, r, splat(5.550733581e-2f));
  p = mul_add(p, r, splat(2.402224243e-1f));
  p = mul_add(p, r, splat(6.931470037e-1f));
  p = mul_add(p, r, splat(1.0f));
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_scalef_ps(0xffff, (__m512)p, (__m512)n);
#else
  return p * (vf)((vi)shifted << 23);
#endif
}
constexpr float kLog2E = 1.44269504088896341f;

// Exponents are of 2 for pairs, whose probabilities are rounded to bfloat16 anyway, and of e for float32, so
// that none of its bits is lost.
template <bool Pairs>
constexpr float kUnit = Pairs ? kLog2E : 1.0f;
template <bool Pairs>
BELLE_INLINE vf power(vf exponent) {
  return Pairs ? power_of_two(exponent) : exponential(exponent);
}

// Rows of keys or values as items along memory, steps(head_dim) of them a row: copied, so that rows that lie
// pages apart are near, and widened or padded to whole pairs where need be.
template <bool Pairs>
void copy_rows(float* out, const void* in, Type type, int64_t stride, int64_t rows, int64_t depth) {
  const int64_t steps = Pairs ? (depth + 1) / 2 : depth;
  for (int64_t r = 0; r < rows; ++r, out += steps) {
    if constexpr (Pairs) {
      const bf16* from = static_cast<const bf16*>(in) + r * stride;
      out[steps - 1] = 0;
      __builtin_memcpy(out, from, static_cast<uint64_t>(depth) * 2);
    } else if (type == Type::f32) {
      const float* from = static_cast<const float*>(in) + r * stride;
      for_vectors(depth, [&](int64_t i, int64_t n) { store_first(out + i, load_first(from + i, n), n); });
    } else {
      const bf16* from = static_cast<const bf16*>(in) + r * stride;
      for_vectors(depth, [&](int64_t i, int64_t n) { store_first(out + i, load_first(from + i, n), n); });
    }
  }
}

// Lanes x of the even item and y of the odd one as pairs.
#if defined(__AVX512BF16__)
BELLE_INLINE void store_pairs(float* out, vf x, vf y) {
  typedef int16_t words __attribute__((vector_size(64)));
  constexpr words order = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                           8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const __m512i both = (__m512i)_mm512_cvtne2ps_pbh((__m512)y, (__m512)x);
  store(out, (vf)_mm512_maskz_permutexvar_epi16(~__mmask32{}, (__m512i)order, both));
}
#else
BELLE_INLINE void store_pairs(float*, vf, vf) {}  // there are no pairs
#endif

// Of a tile of keys [key, key + kTileRows) against a panel of queries that starts at position `query`, both
// counted from the same token: the vectors of queries that see none of these keys.
BELLE_INLINE int64_t blind_vectors(int64_t key, int64_t query) {
  return key > query ? (key - query) / kLanes : 0;
}

// How the bare products of a head become exponents in units of kUnit.
struct ScoreRule {
  float scale, slope;
  bool biased;  // a slope, or no positive scale: else the maximum of the bare products serves
};
template <bool Pairs>
BELLE_INLINE ScoreRule score_rule(float scale, float slope) {
  return {scale * kUnit<Pairs>, slope * kUnit<Pairs>, slope != 0.0f || !(scale > 0.0f)};
}

// One vector of a tile of bare products: the keys of row r, the queries of vector v. key and query are the
// positions of row 0 and lane 0.
struct TileAt {
  int64_t key, query;
};
BELLE_INLINE vi distance(const TileAt& at, int64_t r, int64_t v) {
  return static_cast<int32_t>(at.key + r - at.query - v * kLanes) - lane_numbers();
}
template <bool Biased>
BELLE_INLINE vf score(vf product, const ScoreRule& rule, const TileAt& at, int64_t r, int64_t v) {
  if (!Biased) return product;
  return mul_add(product, splat(rule.scale), splat(rule.slope) * to_float(distance(at, r, v)));
}
// score * scale - reference
template <bool Biased>
BELLE_INLINE vf exponent(vf score, const ScoreRule& rule, vf reference) {
  return Biased ? score - reference : mul_add(score, splat(rule.scale), -reference);
}

// body(std::true_type or false_type like constants) for two conditions, so that loops are compiled for each.
template <bool Value>
struct Constant {
  static constexpr bool value = Value;
};
template <class Body>
BELLE_INLINE void with_constants(bool a, bool b, Body body) {
  if (a) return b ? body(Constant<true>{}, Constant<true>{}) : body(Constant<true>{}, Constant<false>{});
  return b ? body(Constant<false>{}, Constant<true>{}) : body(Constant<false>{}, Constant<false>{});
}

// out[r][e] = scale * sums, from tiles [row tile][column panel][kTileRows][kTileCols].
template <class Scale>
BELLE_INLINE void write_rows(void* out, Type type, int64_t stride, const float* tiles, int64_t rows,
                             int64_t cols, Scale scale) {
  const int64_t panels = blocks(cols, kTileCols);
  for (int64_t r = 0; r < rows; ++r) {
    const float* from = tiles + (r / kTileRows * panels * kTileRows + r % kTileRows) * kTileCols;
    for (int64_t e = 0; e < cols; e += kTileCols, from += kTileRows * kTileCols) {
      for_vectors(at_most(cols - e, kTileCols), [&](int64_t i, int64_t count) {
        const vf x = scale(load(from + i), r);
        if (type == Type::f32) {
          store_first(static_cast<float*>(out) + r * stride + e + i, x, count);
        } else {
          store_first(static_cast<bf16*>(out) + r * stride + e + i, x, count);
        }
      });
    }
  }
}

}  // namespace

}  // namespace belle::ops::BELLE_ISA
