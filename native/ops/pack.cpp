#include "native/ops/multiply.h"
#include "native/ops/tile.h"

namespace belle::ops::BELLE_ISA {

typedef uint32_t item;

#if defined(__AVX512F__)
typedef uint32_t v16 __attribute__((vector_size(64)));
typedef uint32_t v16_unaligned __attribute__((vector_size(64), aligned(1), may_alias));
typedef uint64_t v8l __attribute__((vector_size(64)));

constexpr int64_t kBlock = 16;

// out[p * panel + r] = in(r, p) for 16 x 16 items; row r at in + r*stride bytes.
BELLE_INLINE void transpose_block(item* out, int64_t panel, const char* in, int64_t stride) {
  v16 x[16], y[16];
#pragma GCC unroll 16
  for (int r = 0; r < 16; ++r) x[r] = *reinterpret_cast<const v16_unaligned*>(in + r * stride);
#pragma GCC unroll 8
  for (int r = 0; r < 16; r += 2) {  // pairs of rows: items interleaved inside each quarter
    y[r] = (v16)_mm512_maskz_unpacklo_epi32(0xffff, (__m512i)x[r], (__m512i)x[r + 1]);
    y[r + 1] = (v16)_mm512_maskz_unpackhi_epi32(0xffff, (__m512i)x[r], (__m512i)x[r + 1]);
  }
#pragma GCC unroll 4
  for (int r = 0; r < 16; r += 4) {
    x[r] = (v16)_mm512_maskz_unpacklo_epi64(0xff, (__m512i)y[r], (__m512i)y[r + 2]);
    x[r + 1] = (v16)_mm512_maskz_unpackhi_epi64(0xff, (__m512i)y[r], (__m512i)y[r + 2]);
    x[r + 2] = (v16)_mm512_maskz_unpacklo_epi64(0xff, (__m512i)y[r + 1], (__m512i)y[r + 3]);
    x[r + 3] = (v16)_mm512_maskz_unpackhi_epi64(0xff, (__m512i)y[r + 1], (__m512i)y[r + 3]);
  }
  // x[4g + c]: quarter q holds column 4q + c of the rows 4g .. 4g + 3
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    const __m512i a = (__m512i)x[c], b = (__m512i)x[4 + c], d = (__m512i)x[8 + c], e = (__m512i)x[12 + c];
    const __m512i ab02 = _mm512_maskz_shuffle_i32x4(0xffff, a, b, 0x88),
                  ab13 = _mm512_maskz_shuffle_i32x4(0xffff, a, b, 0xdd);
    const __m512i de02 = _mm512_maskz_shuffle_i32x4(0xffff, d, e, 0x88),
                  de13 = _mm512_maskz_shuffle_i32x4(0xffff, d, e, 0xdd);
    y[c] = (v16)_mm512_maskz_shuffle_i32x4(0xffff, ab02, de02, 0x88);
    y[8 + c] = (v16)_mm512_maskz_shuffle_i32x4(0xffff, ab02, de02, 0xdd);
    y[4 + c] = (v16)_mm512_maskz_shuffle_i32x4(0xffff, ab13, de13, 0x88);
    y[12 + c] = (v16)_mm512_maskz_shuffle_i32x4(0xffff, ab13, de13, 0xdd);
  }
#pragma GCC unroll 16
  for (int p = 0; p < 16; ++p) *reinterpret_cast<v16_unaligned*>(out + p * panel) = y[p];
}
#else
typedef uint32_t v4 __attribute__((vector_size(16)));
typedef uint32_t v4_unaligned __attribute__((vector_size(16), aligned(1), may_alias));
typedef int32_t v4i __attribute__((vector_size(16)));

constexpr int64_t kBlock = 4;

BELLE_INLINE void transpose_block(item* out, int64_t panel, const char* in, int64_t stride) {
  v4 row[4];
  for (int r = 0; r < 4; ++r) row[r] = *reinterpret_cast<const v4_unaligned*>(in + r * stride);
#if defined(__clang__)
  const v4 a = __builtin_shufflevector(row[0], row[1], 0, 4, 1, 5),
           b = __builtin_shufflevector(row[0], row[1], 2, 6, 3, 7);
  const v4 c = __builtin_shufflevector(row[2], row[3], 0, 4, 1, 5),
           d = __builtin_shufflevector(row[2], row[3], 2, 6, 3, 7);
  const v4 column[4] = {__builtin_shufflevector(a, c, 0, 1, 4, 5), __builtin_shufflevector(a, c, 2, 3, 6, 7),
                        __builtin_shufflevector(b, d, 0, 1, 4, 5), __builtin_shufflevector(b, d, 2, 3, 6, 7)};
#else
  const v4i low = {0, 4, 1, 5}, high = {2, 6, 3, 7}, first = {0, 1, 4, 5}, second = {2, 3, 6, 7};
  const v4 a = __builtin_shuffle(row[0], row[1], low), b = __builtin_shuffle(row[0], row[1], high);
  const v4 c = __builtin_shuffle(row[2], row[3], low), d = __builtin_shuffle(row[2], row[3], high);
  const v4 column[4] = {__builtin_shuffle(a, c, first), __builtin_shuffle(a, c, second),
                        __builtin_shuffle(b, d, first), __builtin_shuffle(b, d, second)};
#endif
  for (int p = 0; p < 4; ++p) *reinterpret_cast<v4_unaligned*>(out + p * panel) = column[p];
}
#endif

BELLE_INLINE item load_item(const char* p) {
  item x;
  __builtin_memcpy(&x, p, 4);
  return x;
}

// One panel of rows whose items lie along memory.
static void pack_items_transposed(item* out, const char* in, int64_t stride, int64_t rows, int64_t steps,
                                  int panel) {
  const int64_t whole = steps / kBlock * kBlock, full = rows / kBlock * kBlock;
#if defined(__AVX512F__)
  // Blocks fill whole cache lines of `out`, so `in` is walked as it lies; the rows that come next are asked
  // for.
  for (int64_t r = 0; r < full; r += kBlock) {
    const char* from = in + r * stride;
    for (int64_t p = 0; p < whole; p += kBlock) {
      for (int64_t i = 0; i < kBlock; ++i) __builtin_prefetch(from + (kBlock + i) * stride + 4 * p, 0, 2);
      transpose_block(out + p * panel + r, panel, from + 4 * p, stride);
    }
  }
#else
  // The steps are walked a cache line at a time, so that lines of `in` are read once and the lines of `out`
  // being filled stay in the first cache.
  for (int64_t p0 = 0; p0 < whole; p0 += 16) {
    const int64_t p1 = p0 + 16 < whole ? p0 + 16 : whole;
    for (int64_t r = 0; r < full; r += kBlock) {
      for (int64_t p = p0; p < p1; p += kBlock)
        transpose_block(out + p * panel + r, panel, in + r * stride + 4 * p, stride);
    }
  }
#endif
  for (int64_t r = full; r < rows; ++r) {
    for (int64_t p = 0; p < whole; ++p) out[p * panel + r] = load_item(in + r * stride + 4 * p);
  }
  for (int64_t p = whole; p < steps; ++p) {
    for (int64_t r = 0; r < rows; ++r) out[p * panel + r] = load_item(in + r * stride + 4 * p);
  }
}

static void clear_rows(item* out, int64_t from, int64_t steps, int panel) {
  if (from == panel) return;
  for (int64_t p = 0; p < steps; ++p) {
    for (int64_t r = from; r < panel; ++r) out[p * panel + r] = 0;
  }
}

// bfloat16 rows along memory that are widened: a block of steps at a time goes through a float32 buffer.
#if !defined(__AVX512BF16__)
static void pack_widened_transposed(item* out, const bf16* in, int64_t stride, int64_t rows, int64_t depth,
                                    int panel) {
  constexpr int64_t kDepth = 64;
  float wide[kTileCols * kDepth];
  for (int64_t p = 0; p < depth; p += kDepth) {
    const int64_t here = depth - p < kDepth ? depth - p : kDepth;
    for (int64_t r0 = 0; r0 < rows; r0 += kTileCols) {
      const int64_t many = rows - r0 < kTileCols ? rows - r0 : kTileCols;
      for (int64_t r = 0; r < many; ++r) {
        for_vectors(here, [&](int64_t i, int64_t count) {
          store_first(wide + r * kDepth + i, load_first(in + (r0 + r) * stride + p + i, count), count);
        });
      }
      pack_items_transposed(out + p * panel + r0, reinterpret_cast<const char*>(wide), 4 * kDepth, many, here,
                            panel);
    }
  }
}
#endif

// The same for rows that lie across memory: a step is one row of `in` (a float), widened if need be.
template <class T>
BELLE_INLINE void pack_steps(item* out, const T* in, int64_t depth_stride, int64_t rows, int64_t depth,
                             int panel) {
  for (int64_t p = 0; p < depth; ++p) {
    float* to = reinterpret_cast<float*>(out) + p * panel;
    const T* from = in + p * depth_stride;
    for_vectors(rows,
                [&](int64_t r, int64_t count) { store_first(to + r, load_first(from + r, count), count); });
  }
}

#if defined(__AVX512BF16__)
// Two rows of bfloat16 as pairs: (low[r], high[r]).
BELLE_INLINE void interleave16(item* to, __m256i low, __m256i high, __mmask16 keep) {
  const __m512i x = _mm512_maskz_cvtepu16_epi32(0xffff, low);
  const __m512i y = _mm512_maskz_slli_epi32(0xffff, _mm512_maskz_cvtepu16_epi32(0xffff, high), 16);
  _mm512_mask_storeu_epi32(to, keep, (__m512i)((v16)x | (v16)y));
}

static void pack_pairs(item* out, const bf16* in, int64_t depth_stride, int64_t rows, int64_t depth,
                       int panel) {
  const int64_t steps = (depth + 1) / 2;
  for (int64_t s = 0; s < steps; ++s, out += panel) {
    const bf16 *low = in + 2 * s * depth_stride, *high = low + depth_stride;
    const bool both = 2 * s + 1 < depth;
    for (int64_t r = 0; r < rows; r += 16) {
      const __mmask16 keep = rows - r >= 16 ? 0xffff : static_cast<__mmask16>((1u << (rows - r)) - 1);
      const __m256i x = _mm256_maskz_loadu_epi16(keep, low + r);
      const __m256i y = both ? _mm256_maskz_loadu_epi16(keep, high + r) : __m256i{};
      interleave16(out + r, x, y, keep);
    }
  }
}
#endif

static void pack_f32(const PackArgs& a, item* out, int64_t r, int64_t here) {
  const float* in = static_cast<const float*>(a.in) + r * a.row_stride;
  if (a.depth_stride == 1) {
    pack_items_transposed(out, reinterpret_cast<const char*>(in), 4 * a.row_stride, here, a.depth, a.panel);
  } else {
    pack_steps(out, in, a.depth_stride, here, a.depth, a.panel);
  }
}

static void pack_bf16(const PackArgs& a, item* out, int64_t r, int64_t here) {
  const bf16* in = static_cast<const bf16*>(a.in) + r * a.row_stride;
#if defined(__AVX512BF16__)
  if (a.depth_stride != 1) {
    pack_pairs(out, in, a.depth_stride, here, a.depth, a.panel);
    return;
  }
  const int64_t whole = a.depth / 2;
  pack_items_transposed(out, reinterpret_cast<const char*>(in), 2 * a.row_stride, here, whole, a.panel);
  if (a.depth % 2 == 0) return;
  for (int64_t i = 0; i < here; ++i) out[whole * a.panel + i] = in[i * a.row_stride + a.depth - 1];
#else
  if (a.depth_stride == 1) {
    pack_widened_transposed(out, in, a.row_stride, here, a.depth, a.panel);
  } else {
    pack_steps(out, in, a.depth_stride, here, a.depth, a.panel);
  }
#endif
}

// Rows of `in` that lie across memory are read a stretch at a time for all panels: what is read for one panel
// has its neighbours' next to it.
constexpr int64_t kStretch = 32;

void pack(const PackArgs& args) {
  const bool pairs = kPairs && args.type == Type::bf16;
  const int64_t steps = pairs ? (args.depth + 1) / 2 : args.depth,
                stretch = args.depth_stride == 1 ? args.depth : kStretch;
  int64_t at = 0;
  do {
    PackArgs part = args;
    part.depth = at_most(stretch, args.depth - at);
    part.in = offset(args.in, at * args.depth_stride, args.type);
    item* out = static_cast<item*>(args.out) + (pairs ? at / 2 : at) * args.panel;
    const int64_t panels = blocks(args.rows, args.panel), size = args.rows * size_of(args.type);
    for (int64_t r = 0, p = 0; r < args.rows; r += args.panel, ++p, out += steps * args.panel) {
      const int64_t here = at_most(args.rows - r, args.panel);
      if (args.depth_stride != 1) {
        // Rows lie far apart, often a page each: no hardware prefetcher follows. Whole rows of the next
        // stretch are asked into the second-level cache.
        const int64_t from = at + stretch + stretch * p / panels,
                      to = at_most(at + stretch + stretch * (p + 1) / panels, args.depth);
        for (int64_t row = from; row < to; ++row) {
          const char* line = static_cast<const char*>(offset(args.in, row * args.depth_stride, args.type));
          for (int64_t byte = 0; byte < size; byte += 64) __builtin_prefetch(line + byte, 0, 2);
        }
      }
      args.type == Type::f32 ? pack_f32(part, out, r, here) : pack_bf16(part, out, r, here);
      clear_rows(out, here, pairs ? (part.depth + 1) / 2 : part.depth, args.panel);
    }
    at += stretch;
  } while (at < args.depth);
}

}  // namespace belle::ops::BELLE_ISA
