// Attention of one query token a sequence against its cache. The keys are split into ranges of kKeys, counted
// from a sequence's first: a block takes a range of one kv head for the query heads that share it, and a
// second kernel merges the ranges of each head in their order. What a sequence gets does not depend on its
// neighbours.
#include "cuda/attention/attention.h"
#include "cuda/device/eight.cuh"
#include "cuda/device/launch.cuh"
#include "cuda/device/reduce.cuh"
#include "native/abi/op_checks.h"

namespace belle::cuda {

namespace {

constexpr int kThreads = 128, kWarps = kThreads / 32;
constexpr int kKeys = 128;
constexpr int kAtOnce = 4;  // rows of the cache on their way at a time, for each lane

struct Decode {
  int64_t q_stride, q_head_stride, cache_rows, max_ranges;
  const int32_t* positions;  // the length less one
  const float* slopes;       // or NULL
  int32_t heads, kv_heads, head_dim;
  float scale;
  int lanes;       // of one row of the cache: a power of two, one an eight up to 32
  int head_tiles;  // blocks of Heads query heads that share a kv head
  float* sums;     // [sequences, max_ranges, heads, head_dim]: values times weights
  float2* tops;    // [sequences, max_ranges, heads]: the highest score, the sum of weights
};

// One warp a query head: scores[key * Heads + head] to weights against their maximum.
template <int Heads>
__device__ __forceinline__ void range_softmax(float* scores, int head, int keys, float2* top) {
  const int lane = threadIdx.x % 32;
  float s[kKeys / 32], highest = -INFINITY, sum = 0;
#pragma unroll
  for (int i = 0; i < kKeys / 32; ++i) {
    const int key = 32 * i + lane;
    s[i] = key < keys ? scores[key * Heads + head] : -INFINITY;
    highest = fmaxf(highest, s[i]);
  }
  highest = warp_max(highest);
#pragma unroll
  for (int i = 0; i < kKeys / 32; ++i) {
    const int key = 32 * i + lane;
    const float weight = key < keys ? expf(s[i] - highest) : 0.0f;
    scores[key * Heads + head] = weight;
    sum += weight;
  }
  sum = warp_sum(sum);
  if (lane == 0) *top = make_float2(highest, sum);
}

template <class T, bool Wide, int Heads>
__global__ void __launch_bounds__(kThreads, 1)
    decode_kernel(const T* __restrict__ q, const T* __restrict__ k_cache, const T* __restrict__ v_cache,
                  Decode a) {
  __shared__ float scores[kKeys * Heads];
  __shared__ float partial[kWarps][32 * 8];
  const int64_t range = blockIdx.x % a.max_ranges, sequence = blockIdx.x / a.max_ranges;
  const int length = a.positions[sequence] + 1;
  const int64_t from = range * kKeys;
  if (from >= length) return;
  const int keys = static_cast<int>(min(static_cast<int64_t>(kKeys), length - from));
  const int group = a.heads / a.kv_heads, kv_head = blockIdx.y / a.head_tiles;
  const int first = blockIdx.y % a.head_tiles * Heads, some = min(Heads, group - first);
  const int head0 = kv_head * group + first;
  const int64_t width = static_cast<int64_t>(a.kv_heads) * a.head_dim;
  const int64_t cache = (sequence * a.cache_rows + from) * width + static_cast<int64_t>(kv_head) * a.head_dim;
  q += sequence * a.q_stride + head0 * a.q_head_stride;
  k_cache += cache;
  v_cache += cache;

  // `lanes` threads share a row; each block step takes `rows` of them.
  const int warp = threadIdx.x / 32, in_row = threadIdx.x % a.lanes, row0 = threadIdx.x / a.lanes;
  const int rows = kThreads / a.lanes;
  for (int i = threadIdx.x; i < kKeys * Heads; i += kThreads) scores[i] = 0;
  __syncthreads();

  const auto load_rows = [&](const T* from_row, Eight(&x)[kAtOnce], int key, int e) {
#pragma unroll
    for (int r = 0; r < kAtOnce; ++r) {
      const int at = key + r * rows;
      x[r] = {};
      if (at < keys && e < a.head_dim) x[r] = load_eight<Wide>(from_row + at * width + e, a.head_dim - e);
    }
  };

  // Scores, some eights of the head's elements at a time: all of them for heads of up to 256.
  for (int e0 = 0; e0 < a.head_dim; e0 += 8 * a.lanes) {
    const int e = e0 + 8 * in_row;
    Eight queries[Heads];
#pragma unroll
    for (int g = 0; g < Heads; ++g)
      queries[g] = load_eight<false>(q + g * a.q_head_stride + e, g < some ? a.head_dim - e : 0);
    for (int key = row0; key - row0 < keys; key += kAtOnce * rows) {
      Eight x[kAtOnce];
      load_rows(k_cache, x, key, e);
#pragma unroll
      for (int r = 0; r < kAtOnce; ++r) {
        const int at = key + r * rows;
#pragma unroll
        for (int g = 0; g < Heads; ++g) {
          float dot = 0;
#pragma unroll
          for (int j = 0; j < 8; ++j) dot = fmaf(queries[g].x[j], x[r].x[j], dot);
          for (int lanes = a.lanes / 2; lanes > 0; lanes /= 2)
            dot += __shfl_xor_sync(0xffffffffu, dot, lanes);
          if (in_row == 0 && at < keys) scores[at * Heads + g] += dot;
        }
      }
    }
  }
  __syncthreads();
  for (int i = threadIdx.x; i < keys * Heads; i += kThreads) {
    const int g = i % Heads, distance = static_cast<int>(from) + i / Heads - (length - 1);
    const float slope = a.slopes && g < some ? a.slopes[head0 + g] : 0.0f;
    scores[i] = fmaf(scores[i], a.scale, slope * static_cast<float>(distance));
  }
  __syncthreads();
  const int64_t part = (sequence * a.max_ranges + range) * a.heads + head0;
  for (int g = warp; g < some; g += kWarps) range_softmax<Heads>(scores, g, keys, a.tops + part + g);
  __syncthreads();

  for (int e0 = 0; e0 < a.head_dim; e0 += 8 * a.lanes) {
    const int e = e0 + 8 * in_row;
    Eight sums[Heads] = {};
    for (int key = row0; key < keys; key += kAtOnce * rows) {
      Eight x[kAtOnce];
      load_rows(v_cache, x, key, e);
#pragma unroll
      for (int r = 0; r < kAtOnce; ++r) {
        const int at = min(key + r * rows, keys - 1);  // rows past the last are zeros
#pragma unroll
        for (int g = 0; g < Heads; ++g) {
          const float weight = scores[at * Heads + g];
#pragma unroll
          for (int j = 0; j < 8; ++j) sums[g].x[j] = fmaf(weight, x[r].x[j], sums[g].x[j]);
        }
      }
    }
    // The rows of a warp, then the warps.
#pragma unroll
    for (int g = 0; g < Heads; ++g) {
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        for (int lanes = a.lanes; lanes < 32; lanes *= 2)
          sums[g].x[j] += __shfl_xor_sync(0xffffffffu, sums[g].x[j], lanes);
        if (threadIdx.x % 32 < static_cast<unsigned>(a.lanes)) partial[warp][8 * in_row + j] = sums[g].x[j];
      }
      __syncthreads();
      for (int i = threadIdx.x; i < 8 * a.lanes && g < some && e0 + i < a.head_dim; i += kThreads) {
        float sum = partial[0][i];
#pragma unroll
        for (int w = 1; w < kWarps; ++w) sum += partial[w][i];
        a.sums[(part + g) * a.head_dim + e0 + i] = sum;
      }
      __syncthreads();
    }
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads) merge_kernel(T* out, Decode a) {
  const int64_t sequence = blockIdx.x / static_cast<unsigned>(a.heads), head = blockIdx.x % a.heads;
  const int ranges = a.positions[sequence] / kKeys + 1;
  const int64_t first = sequence * a.max_ranges * a.heads + head;
  float highest = -INFINITY, total = 0;
  for (int i = 0; i < ranges; ++i) highest = fmaxf(highest, a.tops[first + int64_t{i} * a.heads].x);
  for (int i = 0; i < ranges; ++i) {
    const float2 top = a.tops[first + int64_t{i} * a.heads];
    total = fmaf(expf(top.x - highest), top.y, total);
  }
  for (int e = threadIdx.x; e < a.head_dim; e += kThreads) {
    float sum = 0;
    for (int i = 0; i < ranges; ++i) {
      const int64_t part = first + int64_t{i} * a.heads;
      sum = fmaf(expf(a.tops[part].x - highest), a.sums[part * a.head_dim + e], sum);
    }
    narrow(sum / total, out + blockIdx.x * int64_t{a.head_dim} + e);
  }
}

constexpr const char* kOp = "attention_decode";

template <class T, bool Wide>
cudaError_t launch_decode(Context& cuda, const belle_attention_decode_args& a, Decode d) {
  const auto run = [&](auto heads) {
    d.head_tiles = static_cast<int>(blocks_of(a.heads / a.kv_heads, heads.value));
    const dim3 grid{static_cast<unsigned>(d.max_ranges * a.sequences),
                    static_cast<unsigned>(a.kv_heads * d.head_tiles)};
    return launch(decode_kernel<T, Wide, heads.value>, grid, dim3{kThreads}, 0, cuda.stream,
                  static_cast<const T*>(a.q), static_cast<const T*>(a.k_cache),
                  static_cast<const T*>(a.v_cache), d);
  };
  const int group = a.heads / a.kv_heads;
  if (group == 1) return run(std::integral_constant<int, 1>{});
  if (group == 2) return run(std::integral_constant<int, 2>{});
  if (group <= 4) return run(std::integral_constant<int, 4>{});
  return run(std::integral_constant<int, 8>{});
}

Status decode(Context& cuda, const belle_attention_decode_args& a) {
  // Scratch for a full cache: it must not grow from token to token.
  const int64_t parts = a.sequences * int64_t{blocks_of(a.cache_rows, kKeys)} * a.heads;
  const int64_t floats = parts * (a.head_dim + 2);
  float* scratch = cuda.scratch.get<float>(cuda.stream, floats);
  if (!scratch) return scratch_missing(kOp, floats * 4);
  int lanes = 1;
  while (lanes < 32 && 8 * lanes < a.head_dim) lanes *= 2;
  const Decode d = {.q_stride = a.q_stride,
                    .q_head_stride = a.q_head_stride,
                    .cache_rows = a.cache_rows,
                    .max_ranges = blocks_of(a.longest, kKeys),
                    .positions = a.positions,
                    .slopes = a.alibi_slopes,
                    .heads = a.heads,
                    .kv_heads = a.kv_heads,
                    .head_dim = a.head_dim,
                    .scale = a.scale,
                    .lanes = lanes,
                    .head_tiles = 1,
                    .sums = scratch + 2 * parts,
                    .tops = reinterpret_cast<float2*>(scratch)};
  return with_type(a.type, [&]<class T>(T) -> Status {
    BELLE_TRY(with_wide(wide_rows(a.head_dim, a.k_cache, a.v_cache), [&](auto wide) {
      return check_cuda(kOp, launch_decode<T, wide.value>(cuda, a, d));
    }));
    const dim3 grid{static_cast<unsigned>(a.sequences * int64_t{a.heads})};
    return check_cuda(
        kOp, launch(merge_kernel<T>, grid, dim3{kThreads}, 0, cuda.stream, static_cast<T*>(a.out), d));
  });
}

}  // namespace

belle_status attention_decode(void* context, const belle_attention_decode_args* args) {
  return run_op(context, [&](Context& cuda) -> Status {
    BELLE_TRY(abi::check_attention_decode(args));
    return args->sequences == 0 ? Status() : decode(cuda, *args);
  });
}

}  // namespace belle::cuda
