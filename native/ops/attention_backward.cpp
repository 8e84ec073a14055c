#include "native/ops/attention.h"
#include "native/ops/attention_parts.h"

namespace belle::ops::BELLE_ISA {

namespace {

// The thread's scratch memory, cut up; as items where that is said.
struct Buffers {
  float *q, *dout;            // items: panels of queries, depth = head_dim
  float *q_flat, *dout_flat;  // items: panels of columns, depth = queries
  float *k, *v;               // items: rows of the keys taken
  float* k_flat;              // items: panels of columns, depth = the keys of a block; of every block taken
  float *p, *ds;              // [keys][kBlock] of `type`, or float32 where that is widened
  float* ds_pairs;            // items (query, key): [steps of keys][kBlock]; ds itself without pairs
  float *lse, *delta;         // of the queries at hand; lse in the unit of the exponents
  float* dq;                  // in tiles
  float *dk, *dv;             // in tiles, of the keys taken
  int64_t floats;
};

Buffers cut(float* base, int64_t d, int64_t keys) {
  const int64_t width = round_up(d, kTileCols), whole = round_up(keys, kTileRows) * width;
  Carver carver{base};
  Buffers b = {};
  b.q = carver.take(kBlock * d);
  b.dout = carver.take(kBlock * d);
  b.q_flat = carver.take(kBlock * width);
  b.dout_flat = carver.take(kBlock * width);
  b.k = carver.take(keys * d);
  b.v = carver.take(keys * d);
  b.k_flat = carver.take(whole);
  b.p = carver.take(kBlock * kBlock);
  b.ds = carver.take(kBlock * kBlock);
  b.ds_pairs = carver.take(kBlock * kBlock);
  b.lse = carver.take(kBlock);
  b.delta = carver.take(kBlock);
  b.dq = carver.take(kBlock * width);
  b.dk = carver.take(whole);
  b.dv = carver.take(whole);
  b.floats = carver.used;
  return b;
}

constexpr float kNoProbability = 1e30f;  // as lse: powers of less are 0, and it is finite

// dout . out of one row.
template <class T>
float row_product(const void* out, const void* dout, int64_t at, int64_t d) {
  const T *x = static_cast<const T*>(out) + at, *y = static_cast<const T*>(dout) + at;
  vf sum = {};
  for_vectors(d, [&](int64_t e, int64_t count) {
    sum = mul_add(load_first(x + e, count), load_first(y + e, count), sum);
  });
  return sum_lanes(sum);
}

// The queries [i0, i0 + rows) of head g as operands, and their statistics. Lanes past the last row get the
// probability 0.
template <bool Pairs>
void take_queries(const AttentionBackwardHead& a, const Buffers& b, int64_t g, int64_t i0, int64_t rows) {
  const int64_t d = a.head_dim, at = g * a.out_head_stride + i0 * a.out_stride;
  const void* q = offset(a.q, g * a.head_stride + i0 * a.q_stride, a.type);
  const void* dout = offset(a.dout, at, a.type);
  pack({b.q, q, a.type, a.q_stride, 1, rows, d, kTileCols});
  pack({b.dout, dout, a.type, a.out_stride, 1, rows, d, kTileCols});
  pack({b.q_flat, q, a.type, 1, a.q_stride, d, rows, kTileCols});
  pack({b.dout_flat, dout, a.type, 1, a.out_stride, d, rows, kTileCols});
  for (int64_t r = 0; r < round_up(rows, kLanes); ++r) {
    b.lse[r] = r < rows ? a.lse[g * a.lse_head_stride + i0 + r] * kUnit<Pairs> : kNoProbability;
    b.delta[r] = 0;
    if (r < rows) {
      b.delta[r] = a.type == Type::f32 ? row_product<float>(a.out, a.dout, at + r * a.out_stride, d)
                                       : row_product<bf16>(a.out, a.dout, at + r * a.out_stride, d);
    }
  }
}

template <bool Pairs>
constexpr int64_t items(int64_t depth) {
  return Pairs ? (depth + 1) / 2 : depth;
}
// A block of the keys taken, as operands, and their gradients.
struct Keys {
  const float *k, *v, *flat;
  float *dk, *dv;
  int64_t count;
};
// at: the block's first key, counted from the first one taken.
template <bool Pairs>
Keys key_block(const Buffers& b, int64_t at, int64_t count, int64_t d) {
  const int64_t rows = at * items<Pairs>(d), width = round_up(d, kTileCols);
  return {b.k + rows,        b.v + rows,        b.k_flat + items<Pairs>(at) * width,
          b.dk + at * width, b.dv + at * width, count};
}

// The keys [j0, j0 + count), j0 at a block's border.
template <bool Pairs>
void take_keys(const AttentionBackwardHead& a, const Buffers& b, int64_t j0, int64_t count) {
  const void *k = offset(a.k, j0 * a.kv_stride, a.type), *v = offset(a.v, j0 * a.kv_stride, a.type);
  copy_rows<Pairs>(b.k, k, a.type, a.kv_stride, count, a.head_dim);
  copy_rows<Pairs>(b.v, v, a.type, a.kv_stride, count, a.head_dim);
  for (int64_t j = 0; j < count; j += kBlock) {
    float* flat = b.k_flat + items<Pairs>(j) * round_up(a.head_dim, kTileCols);
    pack({flat, offset(k, j * a.kv_stride, a.type), a.type, 1, a.kv_stride, a.head_dim,
          at_most(kBlock, count - j), kTileCols});
  }
}

// From the tiles of bare products q.k and of dout.v: the probabilities and the gradients of the scores
// without the scale, as rows of keys from p and ds on and as pairs of keys. Where Masked, keys after the
// query give 0.
template <bool Pairs, bool Masked, bool Biased>
BELLE_INLINE void finish_tile(const Buffers& b, const float* products, const float* dp, int64_t j,
                              int64_t keys, int64_t lane, int64_t skip, int64_t vectors, const TileAt& at,
                              const ScoreRule& rule) {
  for (int64_t v = skip; v < vectors; ++v) {
    const int64_t to = j * kBlock + lane + v * kLanes;
    const vf lse = load(b.lse + lane + v * kLanes), delta = load(b.delta + lane + v * kLanes);
    auto finish = [&](int64_t r) {
      const int64_t i = r * kTileCols + v * kLanes;
      const vf s = score<Biased>(load(products + i), rule, at, r, v);
      vf p = power<Pairs>(exponent<Biased>(s, rule, lse));
      if (Masked) p = distance(at, r, v) <= 0 ? p : vf{};
      const vf ds = p * (load(dp + i) - delta);
      if (Pairs) {
        store(reinterpret_cast<bf16*>(b.p) + to + r * kBlock, p);
        store(reinterpret_cast<bf16*>(b.ds) + to + r * kBlock, ds);
      } else {
        store(b.p + to + r * kBlock, p);
        store(b.ds + to + r * kBlock, ds);
      }
      return ds;
    };
#pragma GCC unroll 3
    for (int64_t r = 0; r < keys; r += 2) {
      const vf x = finish(r), y = r + 1 < keys ? finish(r + 1) : vf{};
      if (Pairs) store_pairs(b.ds_pairs + (j + r) / 2 * kBlock + lane + v * kLanes, x, y);
    }
  }
}

// The queries taken against one block of keys. query: position of the first query among the keys.
struct Pair {
  int64_t rows, query;
  ScoreRule rule;
};

// p and ds of every tile that some query sees.
template <class Step, bool Pairs>
void score_gradients(const Buffers& b, const Pair& pair, const Keys& keys, int64_t d) {
  const int64_t steps = items<Pairs>(d), vectors = blocks(pair.rows, kLanes);
  alignas(64) float products[kTileRows * kTileCols], dp[kTileRows * kTileCols];
  // Tiles above the diagonal are left out; what a tile on it reads beyond is 0.
  if (keys.count - 1 > pair.query) {
    __builtin_memset(Pairs ? b.ds_pairs : b.ds, 0,
                     static_cast<uint64_t>(items<Pairs>(keys.count) * kBlock) * 4);
  }
  for (int64_t v0 = 0; v0 < vectors; v0 += kTileVectors) {
    const int64_t here = at_most(kTileVectors, vectors - v0), lane = v0 * kLanes;
    for (int64_t j = 0; j < keys.count; j += kTileRows) {
      const int64_t skip = blind_vectors(j, pair.query + lane), many = at_most(kTileRows, keys.count - j);
      if (skip >= here) break;
      Tile tile = {.steps = steps,
                   .a = reinterpret_cast<const char*>(keys.k + j * steps),
                   .a_row = 4 * steps,
                   .a_step = 4,
                   .b = b.q + lane * steps + skip * kLanes,
                   .sums = products + skip * kLanes,
                   .first = true};
      multiply_any<Step>(tile, many, here - skip);
      tile.a = reinterpret_cast<const char*>(keys.v + j * steps);
      tile.b = b.dout + lane * steps + skip * kLanes;
      tile.sums = dp + skip * kLanes;
      multiply_any<Step>(tile, many, here - skip);
      const TileAt at = {j, pair.query + lane};
      with_constants(
          j + many - 1 > at.query + skip * kLanes, pair.rule.biased, [&](auto masked, auto biased) {
            constexpr bool kMasked = decltype(masked)::value, kBiased = decltype(biased)::value;
            if (many == kTileRows) {
              finish_tile<Pairs, kMasked, kBiased>(b, products, dp, j, kTileRows, lane, skip, here, at,
                                                   pair.rule);
            } else {
              finish_tile<Pairs, kMasked, kBiased>(b, products, dp, j, many, lane, skip, here, at, pair.rule);
            }
          });
    }
  }
}

// Adds what the queries give to the keys; the first to reach them start their sums.
template <class Step, bool Pairs>
void add_to_keys(const Buffers& b, const Pair& pair, const Keys& keys, int64_t d, bool first) {
  const int64_t panels = blocks(d, kTileCols), query_steps = items<Pairs>(pair.rows),
                row_bytes = kBlock * (Pairs ? 2 : 4);
  for (int64_t j = 0; j < keys.count; j += kTileRows) {
    const int64_t many = at_most(kTileRows, keys.count - j), lane = blind_vectors(j, pair.query) * kLanes,
                  step = Pairs ? lane / 2 : lane;
    for (int64_t c = 0; c < panels; ++c) {
      const int64_t wide = blocks(at_most(kTileCols, d - c * kTileCols), kLanes),
                    at = (j / kTileRows * panels + c) * kTileRows * kTileCols;
      Tile tile = {.steps = query_steps - step,
                   .a = reinterpret_cast<const char*>(b.p) + j * row_bytes + step * 4,
                   .a_row = row_bytes,
                   .a_step = 4,
                   .b = b.dout_flat + (c * query_steps + step) * kTileCols,
                   .sums = keys.dv + at,
                   .first = first};
      multiply_any<Step>(tile, many, wide);
      tile.a = reinterpret_cast<const char*>(b.ds) + j * row_bytes + step * 4;
      tile.b = b.q_flat + (c * query_steps + step) * kTileCols;
      tile.sums = keys.dk + at;
      multiply_any<Step>(tile, many, wide);
    }
  }
}

// Adds what the keys give to the queries; the document's first keys start their sums.
template <class Step, bool Pairs>
void add_to_queries(const Buffers& b, const Pair& pair, const Keys& keys, int64_t d, bool first) {
  const int64_t panels = blocks(d, kTileCols), key_steps = items<Pairs>(keys.count);
  for (int64_t r = 0; r < pair.rows; r += kTileRows) {
    const int64_t many = at_most(kTileRows, pair.rows - r), seen = at_most(pair.query + r + many, keys.count);
    for (int64_t c = 0; c < panels; ++c) {
      const Tile tile = {.steps = items<Pairs>(seen),
                         .a = reinterpret_cast<const char*>((Pairs ? b.ds_pairs : b.ds) + r),
                         .a_row = 4,
                         .a_step = 4 * kBlock,
                         .b = keys.flat + c * key_steps * kTileCols,
                         .sums = b.dq + (r / kTileRows * panels + c) * kTileRows * kTileCols,
                         .first = first};
      multiply_any<Step>(tile, many, blocks(at_most(kTileCols, d - c * kTileCols), kLanes));
    }
  }
}

// One task: its loops over query heads, blocks of queries and blocks of keys.
template <class Step, bool Pairs>
struct Task {
  const AttentionBackwardHead& a;
  const Buffers b = cut(a.scratch, a.head_dim, a.part == AttentionPart::whole ? a.length : kBlock);
  const int64_t d = a.head_dim;

  Pair pair(int64_t g, int64_t i0, int64_t j0) const {
    return {at_most(kBlock, a.length - i0), i0 - j0, score_rule<Pairs>(a.scale, a.slopes[g * a.slope_step])};
  }
  int64_t keys_at(int64_t j0) const { return at_most(kBlock, a.length - j0); }
  void write_queries(int64_t g, int64_t i0) const {
    write_rows(offset(a.dq, g * a.head_stride + i0 * a.q_stride, a.type), a.type, a.q_stride, b.dq,
               at_most(kBlock, a.length - i0), d, [&](vf x, int64_t) { return x * splat(a.scale); });
  }
  void write_keys(int64_t j0, int64_t count) const {
    write_rows(offset(a.dk, j0 * a.kv_stride, a.type), a.type, a.kv_stride, b.dk, count, d,
               [&](vf x, int64_t) { return x * splat(a.scale); });
    write_rows(offset(a.dv, j0 * a.kv_stride, a.type), a.type, a.kv_stride, b.dv, count, d,
               [](vf x, int64_t) { return x; });
  }

  void whole() const {
    take_keys<Pairs>(a, b, 0, a.length);
    for (int64_t g = 0; g < a.group; ++g) {
      for (int64_t i0 = 0; i0 < a.length; i0 += kBlock) {
        take_queries<Pairs>(a, b, g, i0, at_most(kBlock, a.length - i0));
        for (int64_t j0 = 0; j0 <= i0; j0 += kBlock) {
          const Pair p = pair(g, i0, j0);
          const Keys keys = key_block<Pairs>(b, j0, keys_at(j0), d);
          score_gradients<Step, Pairs>(b, p, keys, d);
          add_to_keys<Step, Pairs>(b, p, keys, d, g == 0 && i0 == j0);
          add_to_queries<Step, Pairs>(b, p, keys, d, j0 == 0);
        }
        write_queries(g, i0);
      }
    }
    write_keys(0, a.length);
  }

  void queries(int64_t g, int64_t i0) const {
    take_queries<Pairs>(a, b, g, i0, at_most(kBlock, a.length - i0));
    for (int64_t j0 = 0; j0 <= i0; j0 += kBlock) {
      take_keys<Pairs>(a, b, j0, keys_at(j0));
      const Pair p = pair(g, i0, j0);
      const Keys keys = key_block<Pairs>(b, 0, keys_at(j0), d);
      score_gradients<Step, Pairs>(b, p, keys, d);
      add_to_queries<Step, Pairs>(b, p, keys, d, j0 == 0);
    }
    write_queries(g, i0);
  }

  void keys(int64_t j0) const {
    take_keys<Pairs>(a, b, j0, keys_at(j0));
    const Keys keys = key_block<Pairs>(b, 0, keys_at(j0), d);
    for (int64_t g = 0; g < a.group; ++g) {
      for (int64_t i0 = j0; i0 < a.length; i0 += kBlock) {
        take_queries<Pairs>(a, b, g, i0, at_most(kBlock, a.length - i0));
        const Pair p = pair(g, i0, j0);
        score_gradients<Step, Pairs>(b, p, keys, d);
        add_to_keys<Step, Pairs>(b, p, keys, d, g == 0 && i0 == j0);
      }
    }
    write_keys(j0, keys_at(j0));
  }

  void run() const {
    switch (a.part) {
      case AttentionPart::whole:
        return whole();
      case AttentionPart::queries:
        return queries(a.head, a.block * kBlock);
      case AttentionPart::keys:
        return keys(a.block * kBlock);
    }
  }
};

}  // namespace

int64_t attention_backward_scratch(int64_t head_dim, int64_t keys) {
  return cut(nullptr, head_dim, keys).floats;
}

void attention_backward(const AttentionBackwardHead& head) {
  if (kPairs && head.type == Type::bf16) {
    Task<PairStep, kPairs>{head}.run();
  } else {
    Task<FloatStep, false>{head}.run();
  }
}

}  // namespace belle::ops::BELLE_ISA
