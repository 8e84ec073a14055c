#include "native/ops/attention.h"
#include "native/ops/float_block.h"
#include "native/ops/tile.h"

namespace belle::ops::BELLE_ISA {

constexpr int64_t kBlock = kAttentionBlock;

namespace {

// The thread's scratch memory, cut up. A: panels of kTileRows; B: panels of kTileCols.
struct Buffers {
  float *keys_b, *values_b, *keys_flat;    // B over depth head_dim (two) and over depth keys
  float *q_a, *dout_a, *q_b, *dout_b;      // A over depth head_dim; B over depth queries
  float *p, *ds, *p_a, *ds_a, *ds_rows_a;  // [queries, keys]; A over depth queries (two), over depth keys
  float *dk, *dv;                          // [keys, width]
  int64_t floats;
};

Buffers cut(float* base, int64_t d) {
  const int64_t width = round_up(d, kTileCols), padded = round_up(kBlock, kTileRows);
  int64_t used = 0;
  auto carve = [&](int64_t floats) {
    float* here = base ? base + used : nullptr;
    used += round_up(floats, 16);
    return here;
  };
  Buffers b = {};
  b.keys_b = carve(kBlock * d);
  b.values_b = carve(kBlock * d);
  b.keys_flat = carve(kBlock * width);
  b.q_a = carve(padded * d);
  b.dout_a = carve(padded * d);
  b.q_b = carve(kBlock * width);
  b.dout_b = carve(kBlock * width);
  b.p = carve(kBlock * kBlock);
  b.ds = carve(kBlock * kBlock);
  b.p_a = carve(padded * kBlock);
  b.ds_a = carve(padded * kBlock);
  b.ds_rows_a = carve(padded * kBlock);
  b.dk = carve(kBlock * width);
  b.dv = carve(kBlock * width);
  b.floats = used;
  return b;
}

BELLE_INLINE int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }

// delta[t] = dout . out of every row of one query head.
void row_products(const AttentionBackwardHead& a, int64_t g) {
  for (int64_t t = 0; t < a.length; ++t) {
    const float* out = a.out + g * a.out_head_stride + t * a.out_stride;
    const float* dout = a.dout + g * a.out_head_stride + t * a.out_stride;
    vf sum = {};
    for_vectors(a.head_dim, [&](int64_t e, int64_t count) {
      sum = mul_add(load_first(out + e, count), load_first(dout + e, count), sum);
    });
    a.delta[g * a.row_head_stride + t] = sum_lanes(sum);
  }
}

// p holds q.k and ds holds dout.v of one query row against `visible` keys from j0 on; they become the
// probabilities and the gradient of (score / scale) without the scale; both are 0 from visible to keys.
BELLE_INLINE void probabilities_row(float* p, float* ds, int64_t visible, int64_t keys, int64_t j0,
                                    int64_t position, float scale, float slope, float lse, float delta) {
  int64_t j = 0;
  for (; j < visible; j += kLanes) {
    const vf distance = to_float(lane_numbers() + static_cast<int32_t>(j0 + j - position));
    const vf s = mul_add(load(p + j), splat(scale), splat(slope) * distance);
    vf e = exponential(s - splat(lse));
    vf g = e * (load(ds + j) - splat(delta));
    if (visible - j < kLanes) {
      const vi inside = lane_numbers() < static_cast<int32_t>(visible - j);
      e = inside ? e : vf{};
      g = inside ? g : vf{};
    }
    store(p + j, e);
    store(ds + j, g);
  }
  for (; j < keys; j += kLanes) {
    store(p + j, vf{});
    store(ds + j, vf{});
  }
}

// Adds what the queries [i0, i0 + rows) of head g give to the key block [j0, j0 + keys), and the key block to
// dq.
void block_pair(const AttentionBackwardHead& a, const Buffers& b, int64_t g, int64_t i0, int64_t rows,
                int64_t j0, int64_t keys) {
  const int64_t d = a.head_dim, width = round_up(d, kTileCols);
  const float* q = a.q + g * a.head_stride + i0 * a.q_stride;
  const float* dout = a.dout + g * a.out_head_stride + i0 * a.out_stride;
  pack_floats(b.q_a, q, a.q_stride, 1, rows, d, kTileRows);
  pack_floats(b.dout_a, dout, a.out_stride, 1, rows, d, kTileRows);
  pack_floats(b.q_b, q, 1, a.q_stride, d, rows, kTileCols);
  pack_floats(b.dout_b, dout, 1, a.out_stride, d, rows, kTileCols);

  const bool diagonal = i0 == j0;  // else every query of the block sees every key
  auto visible = [&](int64_t r) { return diagonal ? at_most(r + 1, keys) : keys; };
  auto tile_keys = [&](int64_t r) { return visible(at_most(r + kTileRows, rows) - 1); };
  for (int64_t r = 0; r < rows; r += kTileRows) {
    const int64_t here = at_most(kTileRows, rows - r);
    multiply_floats(here, tile_keys(r), d, b.q_a + r * d, b.keys_b, d * kTileCols, b.p + r * kBlock, kBlock,
                    1.0f, 0.0f);
    multiply_floats(here, tile_keys(r), d, b.dout_a + r * d, b.values_b, d * kTileCols, b.ds + r * kBlock,
                    kBlock, 1.0f, 0.0f);
  }
  const float* lse = a.lse + g * a.row_head_stride + i0;
  const float* delta = a.delta + g * a.row_head_stride + i0;
  for (int64_t r = 0; r < rows; ++r) {
    probabilities_row(b.p + r * kBlock, b.ds + r * kBlock, visible(r), keys, j0, i0 + r, a.scale,
                      a.slopes[g * a.slope_step], lse[r], delta[r]);
  }
  pack_floats(b.p_a, b.p, 1, kBlock, keys, rows, kTileRows);
  pack_floats(b.ds_a, b.ds, 1, kBlock, keys, rows, kTileRows);
  pack_floats(b.ds_rows_a, b.ds, kBlock, 1, rows, keys, kTileRows);
  for (int64_t c = 0; c < keys; c += kTileRows) {
    const int64_t skip = diagonal ? c : 0;  // the queries before key c do not see it
    const int64_t here = at_most(kTileRows, keys - c), seen = rows - skip;
    const float *pa = b.p_a + c * rows + skip * kTileRows, *da = b.ds_a + c * rows + skip * kTileRows;
    multiply_floats(here, d, seen, pa, b.dout_b + skip * kTileCols, rows * kTileCols, b.dv + c * width, width,
                    1.0f, 1.0f);
    multiply_floats(here, d, seen, da, b.q_b + skip * kTileCols, rows * kTileCols, b.dk + c * width, width,
                    a.scale, 1.0f);
  }
  float* dq = a.dq + g * a.head_stride + i0 * a.q_stride;
  for (int64_t r = 0; r < rows; r += kTileRows) {
    multiply_floats(at_most(kTileRows, rows - r), d, tile_keys(r), b.ds_rows_a + r * keys, b.keys_flat,
                    keys * kTileCols, dq + r * a.q_stride, a.q_stride, a.scale, j0 == 0 ? 0.0f : 1.0f);
  }
}

}  // namespace

int64_t attention_backward_scratch(int64_t head_dim) { return cut(nullptr, head_dim).floats; }

void attention_backward(const AttentionBackwardHead& a) {
  const int64_t d = a.head_dim, width = round_up(d, kTileCols);
  const Buffers b = cut(a.scratch, d);
  for (int64_t g = 0; g < a.group; ++g) row_products(a, g);
  for (int64_t j0 = 0; j0 < a.length; j0 += kBlock) {
    const int64_t keys = at_most(kBlock, a.length - j0);
    const float *k = a.k + j0 * a.kv_stride, *v = a.v + j0 * a.kv_stride;
    pack_floats(b.keys_b, k, a.kv_stride, 1, keys, d, kTileCols);
    pack_floats(b.values_b, v, a.kv_stride, 1, keys, d, kTileCols);
    pack_floats(b.keys_flat, k, 1, a.kv_stride, d, keys, kTileCols);
    for (int64_t i = 0; i < keys * width; i += kLanes) {
      store(b.dk + i, vf{});
      store(b.dv + i, vf{});
    }
    for (int64_t g = 0; g < a.group; ++g) {
      for (int64_t i0 = j0; i0 < a.length; i0 += kBlock) {
        block_pair(a, b, g, i0, at_most(kBlock, a.length - i0), j0, keys);
      }
    }
    for (int64_t r = 0; r < keys; ++r) {
      for_vectors(d, [&](int64_t e, int64_t count) {
        store_first(a.dk + (j0 + r) * a.kv_stride + e, load(b.dk + r * width + e), count);
        store_first(a.dv + (j0 + r) * a.kv_stride + e, load(b.dv + r * width + e), count);
      });
    }
  }
}

}  // namespace belle::ops::BELLE_ISA
