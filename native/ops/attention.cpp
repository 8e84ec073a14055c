#include "native/ops/attention.h"

#include "native/ops/float_block.h"
#include "native/ops/tile.h"

namespace belle::ops::BELLE_ISA {

constexpr int64_t kBlock = kAttentionBlock;

int64_t attention_scratch(int64_t head_dim) {
  const int64_t rows = round_up(kBlock, kTileRows), width = round_up(head_dim, kTileCols);
  return round_up(rows * head_dim, 16) + kBlock * head_dim + 2 * kBlock * width + kBlock * kBlock +
         round_up(rows * kBlock, 16) + 2 * kBlock;
}

BELLE_INLINE int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }

// scores[0, visible) of the query at `position` against keys j0, j0+1, ...: scaled and biased in place.
// Returns their maximum. Lanes past `visible` in the last vector become -infinity.
BELLE_INLINE float bias_scores(float* scores, int64_t visible, int64_t j0, int64_t position, float scale,
                               float slope) {
  vf top = splat(-__builtin_inff());
  for (int64_t j = 0; j < visible; j += kLanes) {
    const vf distance = to_float(lane_numbers() + static_cast<int32_t>(j0 + j - position));
    vf s = mul_add(load(scores + j), splat(scale), splat(slope) * distance);
    if (visible - j < kLanes) {
      s = lane_numbers() < static_cast<int32_t>(visible - j) ? s : splat(-__builtin_inff());
    }
    top = larger(s, top);
    store(scores + j, s);
  }
  return largest_lane(top);
}

// One row of the online softmax: scores become e^(score - new maximum), zero up to `keys`; the row's output
// so far is scaled to the new maximum.
BELLE_INLINE void softmax_row(float* scores, int64_t visible, int64_t keys, float highest, float* maximum,
                              float* sum, float* out, int64_t width) {
  const float before = *maximum, now = before > highest ? before : highest;
  const float correction = exponential(splat(before - now))[0];
  vf total = {};
  int64_t j = 0;
  for (; j < visible; j += kLanes) {
    const vf e = exponential(load(scores + j) - splat(now));
    total = total + e;
    store(scores + j, e);
  }
  for (; j < keys; j += kLanes) store(scores + j, vf{});
  *sum = *sum * correction + sum_lanes(total);
  *maximum = now;
  if (correction == 1.0f) return;
  for (int64_t e = 0; e < width; e += kLanes) store(out + e, load(out + e) * splat(correction));
}

void attention(const AttentionBlock& args) {
  const int64_t d = args.head_dim, width = round_up(d, kTileCols), padded = round_up(kBlock, kTileRows);
  float* at = args.scratch;
  auto carve = [&](int64_t floats) {
    float* here = at;
    at += round_up(floats, 16);
    return here;
  };
  float* q = carve(padded * d);        // panels of queries, depth = head_dim
  float* k = carve(kBlock * d);        // panels of keys, depth = head_dim
  float* v = carve(kBlock * width);    // panels of value columns, depth = keys
  float* out = carve(kBlock * width);  // unnormalised output rows
  float* scores = carve(kBlock * kBlock);
  float* weights = carve(padded * kBlock);  // scores as panels of queries, depth = keys
  float* maximum = carve(kBlock);
  float* sum = carve(kBlock);

  pack_floats(q, args.q, args.q_stride, 1, args.rows, d, kTileRows);
  for (int64_t i = 0; i < args.rows * width; i += kLanes) store(out + i, vf{});
  for (int64_t r = 0; r < args.rows; ++r) {
    maximum[r] = -__builtin_inff();
    sum[r] = 0;
  }
  const int64_t visible_last = args.first + (args.rows - 1) * args.position_step + 1;
  for (int64_t j0 = 0; j0 < visible_last; j0 += kBlock) {
    const int64_t keys = at_most(kBlock, visible_last - j0);
    pack_floats(k, args.k + j0 * args.kv_stride, args.kv_stride, 1, keys, d, kTileCols);
    pack_floats(v, args.v + j0 * args.kv_stride, 1, args.kv_stride, d, keys, kTileCols);
    // Keys the row at hand sees in this block; never decreasing over rows, so a tile needs what its last row
    // needs.
    auto visible = [&](int64_t r) {
      const int64_t n = args.first + r * args.position_step + 1 - j0;
      return n < 0 ? 0 : at_most(n, keys);
    };
    auto tile_keys = [&](int64_t r) { return visible(at_most(r + kTileRows, args.rows) - 1); };
    for (int64_t r = 0; r < args.rows; r += kTileRows) {
      multiply_floats(at_most(kTileRows, args.rows - r), tile_keys(r), d, q + r * d, k, d * kTileCols,
                      scores + r * kBlock, kBlock, 1.0f, 0.0f);
    }
    for (int64_t r = 0; r < args.rows; ++r) {
      float* row = scores + r * kBlock;
      const int64_t seen = visible(r);
      if (seen == 0) {
        for (int64_t j = 0; j < keys; j += kLanes) store(row + j, vf{});
        continue;
      }
      const float highest = bias_scores(row, seen, j0, args.first + r * args.position_step, args.scale,
                                        args.slopes[r * args.slope_step]);
      softmax_row(row, seen, keys, highest, &maximum[r], &sum[r], out + r * width, width);
    }
    pack_floats(weights, scores, kBlock, 1, args.rows, keys, kTileRows);
    for (int64_t r = 0; r < args.rows; r += kTileRows) {
      if (tile_keys(r) == 0) continue;
      multiply_floats(at_most(kTileRows, args.rows - r), d, tile_keys(r), weights + r * keys, v,
                      keys * kTileCols, out + r * width, width, 1.0f, 1.0f);
    }
  }
  for (int64_t r = 0; r < args.rows; ++r) {
    for_vectors(d, [&](int64_t e, int64_t count) {
      store_first(args.out + r * args.out_stride + e, load(out + r * width + e) / splat(sum[r]), count);
    });
    if (args.lse) args.lse[r] = maximum[r] + __builtin_logf(sum[r]);
  }
}

}  // namespace belle::ops::BELLE_ISA
