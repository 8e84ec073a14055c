#include "native/ops/attention.h"

#include "native/ops/attention_parts.h"

namespace belle::ops::BELLE_ISA {

namespace {

// The thread's scratch memory, cut up; as items where that is said.
struct Buffers {
  float* q;                           // items: panels of queries, depth = head_dim
  float* k;                           // items: rows
  float* v;                           // items: panels of value columns, depth = keys
  float* scores;                      // [keys, kTileCols] of one panel of queries
  float* p;                           // items (query, key): [steps of keys][kBlock]
  float* out;                         // unnormalised, in tiles
  float *maximum, *sum, *correction;  // [kBlock]; the maximum of what the softmax scales
  int64_t floats;
};

Buffers cut(float* base, int64_t d) {
  const int64_t width = round_up(d, kTileCols);
  Carver carver{base};
  Buffers b = {};
  b.q = carver.take(kBlock * d);
  b.k = carver.take(kBlock * d);
  b.v = carver.take(kBlock * width);
  b.scores = carver.take(kBlock * kTileCols);
  b.p = carver.take(kBlock * kBlock);
  b.out = carver.take(kBlock * width);
  b.maximum = carver.take(kBlock);
  b.sum = carver.take(kBlock);
  b.correction = carver.take(kBlock);
  b.floats = carver.used;
  return b;
}

// One vector of queries over the scores of a block of keys: the new maximum and sum, and the probabilities
// against the new maximum. `seen`: keys that its last query sees (may be <= 0). Rows of the next vector share
// tiles with these, so that zeros follow the seen keys for a tile's length.
template <bool Pairs>
BELLE_INLINE void softmax_lanes(const Buffers& b, int64_t lane, int64_t seen, int64_t keys, float scale) {
  const float* scores = b.scores + lane % kTileCols;
  float* p = b.p + lane;
  const int64_t n = at_least(0, at_most(seen, keys));
  const vf before = load(b.maximum + lane);
  vf top[2] = {before, before};
  int64_t j = 0;
  for (; j + 2 <= n; j += 2) {
    top[0] = larger(load(scores + j * kTileCols), top[0]);
    top[1] = larger(load(scores + (j + 1) * kTileCols), top[1]);
  }
  if (j < n) top[0] = larger(load(scores + j * kTileCols), top[0]);
  const vf now = larger(top[0], top[1]);
  const vf shift = now * splat(scale), correction = power<Pairs>(mul_add(before, splat(scale), -shift));
  vf total[2] = {};
  auto value = [&](int64_t key) {
    return power<Pairs>(mul_add(load(scores + key * kTileCols), splat(scale), -shift));
  };
  for (j = 0; j < n; j += 2) {
    const vf x = value(j), y = j + 1 < n ? value(j + 1) : vf{};
    total[0] = total[0] + x;
    total[1] = total[1] + y;
    if (Pairs) {
      store_pairs(p + j / 2 * kBlock, x, y);
    } else {
      store(p + j * kBlock, x);
      if (j + 1 < keys) store(p + (j + 1) * kBlock, y);
    }
  }
  const int64_t end = at_most(seen + kTileRows + 1, keys);
  for (; j < end; j += Pairs ? 2 : 1) store(p + (Pairs ? j / 2 : j) * kBlock, vf{});
  store(b.maximum + lane, now);
  store(b.sum + lane, mul_add(load(b.sum + lane), correction, total[0] + total[1]));
  store(b.correction + lane, correction);
}

template <class Step, bool Pairs>
void forward(const AttentionBlock& a) {
  const int64_t d = a.head_dim, steps = Pairs ? (d + 1) / 2 : d, panels = blocks(d, kTileCols);
  const Buffers b = cut(a.scratch, d);
  const ScoreRule rule = score_rule<Pairs>(a.scale, a.slope);
  const float scale = rule.prepare ? 1.0f : rule.scale;
  const int64_t vectors = blocks(a.rows, kLanes);
  pack({b.q, a.q, a.type, a.q_stride, 1, a.rows, d, kTileCols});
  for (int64_t i = 0; i < vectors * kLanes; i += kLanes) {
    store(b.maximum + i, splat(-__builtin_inff()));
    store(b.sum + i, vf{});
  }
  const int64_t end = a.first + a.rows;  // keys that the last row sees
  for (int64_t j0 = 0; j0 < end; j0 += kBlock) {
    const int64_t keys = at_most(kBlock, end - j0), value_steps = Pairs ? (keys + 1) / 2 : keys;
    const int64_t first = a.first - j0;  // the first query's position among this block's keys
    copy_rows<Pairs>(b.k, offset(a.k, j0 * a.kv_stride, a.type), a.type, a.kv_stride, keys, d);
    pack({b.v, offset(a.v, j0 * a.kv_stride, a.type), a.type, 1, a.kv_stride, d, keys, kTileCols});
    for (int64_t v0 = 0; v0 < vectors; v0 += kTileVectors) {
      const int64_t here = at_most(kTileVectors, vectors - v0), query = first + v0 * kLanes;
      for (int64_t j = 0; j < keys; j += kTileRows) {
        const int64_t skip = blind_vectors(j, query), rows = at_most(kTileRows, keys - j);
        if (skip >= here) break;
        const Tile tile = {.steps = steps,
                           .a = reinterpret_cast<const char*>(b.k + j * steps),
                           .a_row = 4 * steps,
                           .a_step = 4,
                           .b = b.q + v0 * kLanes * steps + skip * kLanes,
                           .sums = b.scores + j * kTileCols + skip * kLanes,
                           .first = true};
        multiply_any<Step>(tile, rows, here - skip);
        finish_scores(b.scores + j * kTileCols, rows, skip, here, j, query, rule);
      }
      for (int64_t v = v0; v < v0 + here; ++v)
        softmax_lanes<Pairs>(b, v * kLanes, first + (v + 1) * kLanes, keys, scale);
    }
    for (int64_t r = 0; r < a.rows; r += kTileRows) {
      const int64_t rows = at_most(kTileRows, a.rows - r), seen = at_most(first + r + rows, keys);
      if (seen <= 0) continue;
      for (int64_t c = 0; c < panels; ++c) {
        float* sums = b.out + (r / kTileRows * panels + c) * kTileRows * kTileCols;
        const int64_t wide = blocks(at_most(kTileCols, d - c * kTileCols), kLanes);
        if (j0 != 0) {
          for (int64_t i = 0; i < rows; ++i) {
            const float correction = b.correction[r + i];
            if (correction == 1.0f) continue;
            for (int64_t v = 0; v < wide; ++v) {
              float* at = sums + i * kTileCols + v * kLanes;
              store(at, load(at) * splat(correction));
            }
          }
        }
        const Tile tile = {.steps = Pairs ? (seen + 1) / 2 : seen,
                           .a = reinterpret_cast<const char*>(b.p + r),
                           .a_row = 4,
                           .a_step = 4 * kBlock,
                           .b = b.v + c * value_steps * kTileCols,
                           .sums = sums,
                           .first = j0 == 0};
        multiply_any<Step>(tile, rows, wide);
      }
    }
  }
  write_rows(a.out, a.type, a.out_stride, b.out, a.rows, d,
             [&](vf x, int64_t r) { return x / splat(b.sum[r]); });
  for (int64_t r = 0; r < a.rows; ++r)
    a.lse[r] = b.maximum[r] * scale / kUnit<Pairs> + __builtin_logf(b.sum[r]);
}

}  // namespace

int64_t attention_scratch(int64_t head_dim) { return cut(nullptr, head_dim).floats; }

void attention(const AttentionBlock& block) {
  kPairs&& block.type == Type::bf16 ? forward<PairStep, kPairs>(block) : forward<FloatStep, false>(block);
}

}  // namespace belle::ops::BELLE_ISA
