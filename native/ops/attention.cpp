#include "native/ops/attention.h"

#include "native/ops/attention_parts.h"

namespace belle::ops::BELLE_ISA {

namespace {

// A query's probabilities are taken against a reference near its largest score: the largest bare score of its
// first keys. The reference is raised, and what was summed scaled down to it, when a score passes it by
// kAbove; small, since the rounding of an exponent grows with it. A slope may push all scores below: with the
// largest more than kBelow under the reference the task is done again from that.
constexpr float kAbove = 8, kBelow = 60;

// The thread's scratch memory, cut up; as items where that is said. Statistics are of every query.
struct Buffers {
  float* q;    // items: panels of queries, depth = head_dim
  float* k;    // items: rows
  float* v;    // items: panels of value columns, depth = keys
  float* p;    // items (query, key): [steps of keys][kBlock]
  float* out;  // unnormalised, in tiles
  float *given, *reference, *largest, *sum;
  int64_t floats;
};

Buffers cut(float* base, int64_t d) {
  const int64_t width = round_up(d, kTileCols);
  Carver carver{base};
  Buffers b = {};
  b.q = carver.take(kAttentionRows * d);
  b.k = carver.take(kBlock * d);
  b.v = carver.take(kBlock * width);
  b.p = carver.take(kBlock * kBlock);
  b.out = carver.take(kAttentionRows * width);
  b.given = carver.take(kAttentionRows);
  b.reference = carver.take(kAttentionRows);
  b.largest = carver.take(kAttentionRows);
  b.sum = carver.take(kAttentionRows);
  b.floats = carver.used;
  return b;
}

// The tile's probabilities against the reference, as items at p; adds to sum and largest. Where Masked, keys
// after the query give 0.
template <bool Pairs, bool Masked, bool Biased>
BELLE_INLINE void softmax_tile(const Buffers& b, const float* products, float* p, int64_t keys, int64_t skip,
                               int64_t vectors, int64_t lane, const TileAt& at, const ScoreRule& rule) {
  for (int64_t v = skip; v < vectors; ++v) {
    const vf reference = load(b.reference + lane + v * kLanes);
    vf top = load(b.largest + lane + v * kLanes);
    vf total[2] = {};
    auto value = [&](int64_t r) {
      const vf s = score<Biased>(load(products + r * kTileCols + v * kLanes), rule, at, r, v);
      const vf x = power<Pairs>(exponent<Biased>(s, rule, reference));
      if (!Masked) {
        top = larger(s, top);
        return x;
      }
      const vi seen = distance(at, r, v) <= 0;
      top = larger(seen ? s : top, top);
      return seen ? x : vf{};
    };
    float* to = p + v * kLanes;
#pragma GCC unroll 3
    for (int64_t r = 0; r < keys; r += 2) {
      const vf x = value(r), y = r + 1 < keys ? value(r + 1) : vf{};
      total[0] = total[0] + x;
      total[1] = total[1] + y;
      if (Pairs) {
        store_pairs(to + r / 2 * kBlock, x, y);
      } else {
        store(to + r * kBlock, x);
        if (r + 1 < keys) store(to + (r + 1) * kBlock, y);
      }
    }
    store(b.sum + lane + v * kLanes, load(b.sum + lane + v * kLanes) + (total[0] + total[1]));
    store(b.largest + lane + v * kLanes, top);
  }
}

// The reference of queries that meet their document's first keys, of which there are `keys`, unless it is
// given (is not NaN) already.
BELLE_INLINE void first_reference(const Buffers& b, const float* products, int64_t keys, int64_t vectors,
                                  int64_t lane, const TileAt& at, const ScoreRule& rule) {
  for (int64_t v = 0; v < vectors; ++v) {
    vf top = splat(-__builtin_inff());
    for (int64_t r = 0; r < keys; ++r) {
      const vf s = load(products + r * kTileCols + v * kLanes) * splat(rule.scale);
      top = larger(distance(at, r, v) <= 0 ? s : top, top);
    }
    const vf given = load(b.given + lane + v * kLanes);
    store(b.reference + lane + v * kLanes, given == given ? given : top);
  }
}

// The block of keys at hand and queries that see some of it: one panel, or up to kBlock of them.
struct Part {
  int64_t lane, rows;  // the first query, counted in the task, and their number
  int64_t query;       // its position among the block's keys
  int64_t keys;
  bool first;          // the document's first block
  bool refer = false;  // its first tile decides the references
};

// Rows of keys and values that come after those at hand, asked for while there is other work.
struct Upcoming {
  const char *k, *v;
  int64_t stride, row_bytes, rows;
};
BELLE_INLINE void prefetch(const Upcoming& next, int64_t from) {
  for (int64_t r = from; r < at_most(from + kTileRows, next.rows); ++r) {
    for (int64_t i = 0; i < next.row_bytes; i += 64) {
      __builtin_prefetch(next.k + r * next.stride + i, 0, 2);
      __builtin_prefetch(next.v + r * next.stride + i, 0, 2);
    }
  }
}

// The probabilities of one panel of queries: a tile of products at a time.
template <class Step, bool Pairs>
void panel_probabilities(const Buffers& b, const Part& part, int64_t steps, float* p, const ScoreRule& rule,
                         const Upcoming& next) {
  const int64_t vectors = blocks(part.rows, kLanes);
  alignas(64) float products[kTileRows * kTileCols];
  for (int64_t j = 0; j < part.keys; j += kTileRows) {
    const int64_t skip = blind_vectors(j, part.query), keys = at_most(kTileRows, part.keys - j);
    if (skip >= vectors) break;
    const Tile tile = {.steps = steps,
                       .a = reinterpret_cast<const char*>(b.k + j * steps),
                       .a_row = 4 * steps,
                       .a_step = 4,
                       .b = b.q + part.lane * steps + skip * kLanes,
                       .sums = products + skip * kLanes,
                       .first = true};
    multiply_any<Step>(tile, keys, vectors - skip);
    prefetch(next, j);
    const TileAt at = {j, part.query};
    if (part.refer && j == 0) first_reference(b, products, keys, vectors, part.lane, at, rule);
    float* to = p + (Pairs ? j / 2 : j) * kBlock;
    with_constants(j + keys - 1 > part.query + skip * kLanes, rule.biased, [&](auto masked, auto biased) {
      constexpr bool kMasked = decltype(masked)::value, kBiased = decltype(biased)::value;
      if (keys == kTileRows) {
        softmax_tile<Pairs, kMasked, kBiased>(b, products, to, kTileRows, skip, vectors, part.lane, at, rule);
      } else {
        softmax_tile<Pairs, kMasked, kBiased>(b, products, to, keys, skip, vectors, part.lane, at, rule);
      }
    });
  }
  // Rows of one vector share tiles with rows of the next, which see more keys: zeros for a tile's length.
  for (int64_t v = 0; v < vectors; ++v) {
    const int64_t seen = part.query + (v + 1) * kLanes, end = at_most(seen + kTileRows + 1, part.keys);
    for (int64_t j = round_up(at_least(0, seen), kTileRows); j < end; j += Pairs ? 2 : 1)
      store(p + (Pairs ? j / 2 : j) * kBlock + v * kLanes, vf{});
  }
}

// Where a score of the panel passed its query's reference too far: raises that reference, scales what was
// summed before this block (`sum_before`, and the output) down to it, and returns true: the panel is to be
// computed again.
template <bool Pairs>
bool raise_references(const Buffers& b, const Part& part, const float* sum_before, int64_t panels,
                      const ScoreRule& rule) {
  const int64_t vectors = blocks(part.rows, kLanes);
  auto top = [&](int64_t v) {
    const vf largest = load(b.largest + part.lane + v * kLanes);
    return rule.biased ? largest : largest * splat(rule.scale);
  };
  bool passed = false;
  for (int64_t v = 0; v < vectors; ++v)
    passed |= largest_lane(top(v) - load(b.reference + part.lane + v * kLanes)) > kAbove;
  if (!passed) return false;
  for (int64_t v = 0; v < vectors; ++v) {
    float* reference = b.reference + part.lane + v * kLanes;
    const vf before = load(reference);
    const vf now = top(v) - before > splat(kAbove) ? top(v) : before;
    float factor[kLanes];
    store(factor, power<Pairs>(before - now));
    store(reference, now);
    store(b.sum + part.lane + v * kLanes, load(sum_before + v * kLanes) * load(factor));
    if (part.first) continue;
    for (int64_t i = 0; i < kLanes; ++i) {
      const int64_t row = part.lane + v * kLanes + i;
      float* out = b.out + (row / kTileRows * panels * kTileRows + row % kTileRows) * kTileCols;
      for (int64_t c = 0; c < panels; ++c, out += kTileRows * kTileCols) {
        for (int64_t e = 0; e < kTileCols; e += kLanes) store(out + e, load(out + e) * splat(factor[i]));
      }
    }
  }
  return true;
}

// Adds the block's probabilities times its values to the output of up to kBlock queries.
template <class Step, bool Pairs>
void add_values(const Buffers& b, const Part& part, int64_t d, int64_t value_steps) {
  const int64_t panels = blocks(d, kTileCols);
  for (int64_t r = 0; r < part.rows; r += kTileRows) {
    const int64_t rows = at_most(kTileRows, part.rows - r), seen = at_most(part.query + r + rows, part.keys);
    if (seen <= 0) continue;
    for (int64_t c = 0; c < panels; ++c) {
      const Tile tile = {.steps = Pairs ? (seen + 1) / 2 : seen,
                         .a = reinterpret_cast<const char*>(b.p + r),
                         .a_row = 4,
                         .a_step = 4 * kBlock,
                         .b = b.v + c * value_steps * kTileCols,
                         .sums = b.out + ((part.lane + r) / kTileRows * panels + c) * kTileRows * kTileCols,
                         .first = part.first};
      multiply_any<Step>(tile, rows, blocks(at_most(kTileCols, d - c * kTileCols), kLanes));
    }
  }
}

template <class Step, bool Pairs>
void add_blocks(const AttentionBlock& a, const Buffers& b, const ScoreRule& rule) {
  const int64_t d = a.head_dim, steps = Pairs ? (d + 1) / 2 : d, panels = blocks(d, kTileCols);
  for (int64_t i = 0; i < round_up(a.rows, kLanes); i += kLanes) {
    store(b.largest + i, splat(-__builtin_inff()));
    store(b.sum + i, vf{});
  }
  const int64_t end = a.first + a.rows;  // keys that the last row sees
  for (int64_t j0 = 0; j0 < end; j0 += kBlock) {
    const int64_t keys = at_most(kBlock, end - j0), size = size_of(a.type);
    const void *k = offset(a.k, j0 * a.kv_stride, a.type), *v = offset(a.v, j0 * a.kv_stride, a.type);
    copy_rows<Pairs>(b.k, k, a.type, a.kv_stride, keys, d);
    pack({b.v, v, a.type, 1, a.kv_stride, d, keys, kTileCols});
    Upcoming next = {static_cast<const char*>(k) + kBlock * a.kv_stride * size,
                     static_cast<const char*>(v) + kBlock * a.kv_stride * size, a.kv_stride * size, d * size,
                     at_most(kBlock, end - j0 - kBlock)};
    for (int64_t r0 = 0; r0 < a.rows; r0 += kBlock) {
      const Part part = {r0, at_most(kBlock, a.rows - r0), a.first + r0 - j0, keys, j0 == 0};
      if (part.query + part.rows <= 0) continue;
      for (int64_t c = 0; c < part.rows; c += kTileCols) {
        Part panel = {r0 + c,    at_most(kTileCols, part.rows - c), part.query + c, keys, part.first,
                      part.first};
        alignas(64) float sum_before[kTileCols];
        __builtin_memcpy(sum_before, b.sum + panel.lane, sizeof(sum_before));
        panel_probabilities<Step, Pairs>(b, panel, steps, b.p + c, rule, next);
        next.rows = 0;
        panel.refer = false;
        if (raise_references<Pairs>(b, panel, sum_before, panels, rule))
          panel_probabilities<Step, Pairs>(b, panel, steps, b.p + c, rule, next);
      }
      add_values<Step, Pairs>(b, part, d, Pairs ? (keys + 1) / 2 : keys);
    }
  }
}

template <class Step, bool Pairs>
void forward(const AttentionBlock& a) {
  const Buffers b = cut(a.scratch, a.head_dim);
  const ScoreRule rule = score_rule<Pairs>(a.scale, a.slope);
  pack({b.q, a.q, a.type, a.q_stride, 1, a.rows, a.head_dim, kTileCols});
  for (int64_t r = 0; r < kAttentionRows; ++r) b.given[r] = __builtin_nanf("");
  add_blocks<Step, Pairs>(a, b, rule);
  bool lost = false;
  for (int64_t r = 0; r < a.rows; ++r) {
    if (!rule.biased || !(b.largest[r] - b.reference[r] < -kBelow)) continue;
    b.given[r] = b.largest[r];
    lost = true;
  }
  if (lost) add_blocks<Step, Pairs>(a, b, rule);
  write_rows(a.out, a.type, a.out_stride, b.out, a.rows, a.head_dim,
             [&](vf x, int64_t r) { return x / splat(b.sum[r]); });
  for (int64_t r = 0; r < a.rows; ++r) a.lse[r] = b.reference[r] / kUnit<Pairs> + __builtin_logf(b.sum[r]);
}

}  // namespace

int64_t attention_scratch(int64_t head_dim) { return cut(nullptr, head_dim).floats; }

void attention(const AttentionBlock& block) {
  kPairs&& block.type == Type::bf16 ? forward<PairStep, kPairs>(block) : forward<FloatStep, false>(block);
}

}  // namespace belle::ops::BELLE_ISA
