// float32 GEMM on the FMA units (no TF32). A block computes a tile of C; A and B lie [k, m] and [k, n] in
// shared memory, the next tile waits in registers. Every element's sum runs over k in its order.
#include "cuda/device/launch.cuh"
#include "cuda/gemm/epilogue.cuh"
#include "cuda/gemm/gemm.h"

namespace belle::cuda {

namespace {

constexpr int kThreads = 256;

struct Arguments {
  int64_t m, n, k;
  const float *a, *b;
  int64_t lda, ldb, tiles_m, tiles_n;
  Epilogue out;
};

// A's or B's part of a tile, 16 bytes a thread. Lines run along k (AlongDepth) or along m (n). Columns of
// shared memory are permuted by groups, so that stores down a column meet no bank conflicts.
template <int Outer, int Depth, bool AlongDepth, bool Wide>
class Loader {
 public:
  __device__ __forceinline__ Loader(const float* matrix, int64_t ld, int64_t outer, int64_t first)
      : from_(matrix + (AlongDepth ? first * ld : first) + line() * ld + start()) {
    const int there = static_cast<int>(outer - first < Outer ? outer - first : Outer);
    limit_ = !AlongDepth ? there - start() : line() < there ? start() : Depth;
  }
  // The next tile, of which the matrix has `depth` steps.
  __device__ __forceinline__ void fetch_next(int depth, int64_t ld) {
    const int left = AlongDepth ? depth - limit_ : line() < depth ? limit_ : 0;
    if (Wide && left >= 4) {
      values_ = *reinterpret_cast<const float4*>(from_);
    } else {
      values_ = make_float4(left > 0 ? from_[0] : 0.0f, left > 1 ? from_[1] : 0.0f,
                            left > 2 ? from_[2] : 0.0f, left > 3 ? from_[3] : 0.0f);
    }
    from_ += AlongDepth ? Depth : Depth * ld;
  }
  __device__ __forceinline__ void store(float* tile) const {
    if constexpr (AlongDepth) {
      tile[place(start(), line())] = values_.x;
      tile[place(start() + 1, line())] = values_.y;
      tile[place(start() + 2, line())] = values_.z;
      tile[place(start() + 3, line())] = values_.w;
    } else {
      *reinterpret_cast<float4*>(tile + place(line(), start())) = values_;
    }
  }
  static __device__ __forceinline__ float4 four(const float* tile, int depth, int outer) {
    return *reinterpret_cast<const float4*>(tile + place(depth, outer));
  }

 private:
  static constexpr int kQuads = (AlongDepth ? Depth : Outer) / 4;  // of a line
  static_assert(Outer * Depth == 4 * kThreads);
  static __device__ __forceinline__ int line() { return static_cast<int>(threadIdx.x) / kQuads; }
  static __device__ __forceinline__ int start() { return static_cast<int>(threadIdx.x) % kQuads * 4; }
  static __device__ __forceinline__ int place(int depth, int outer) {
    return depth * Outer + (outer ^ (depth / 4 * (128 / Depth)));
  }

  const float* from_;
  int limit_;  // AlongDepth: the depth from which on nothing of the line is there; else elements of the line
  float4 values_;
};

// The tile is 64 Groups square. A thread has Groups x Groups blocks of 4 x 4; a warp 16 Groups x 32 Groups.
// TA: A lies [k, m]. TB: B lies [n, k].
template <int Groups, bool TA, bool TB, bool Wide>
__global__ void __launch_bounds__(kThreads, Groups == 2 ? 1 : 2) float_kernel(const Arguments g) {
  constexpr int kTile = 64 * Groups, kDepth = 16 / Groups;  // 16 bytes of each a thread
  using LoaderA = Loader<kTile, kDepth, !TA, Wide>;
  using LoaderB = Loader<kTile, kDepth, TB, Wide>;
  __align__(16) __shared__ float tile_a[2][kDepth * kTile];
  __align__(16) __shared__ float tile_b[2][kDepth * kTile];
  const TileAt at = tile_at(blockIdx.x, g.tiles_m, g.tiles_n);
  const int warp = static_cast<int>(threadIdx.x / 32), lane = static_cast<int>(threadIdx.x % 32);
  const int row = warp / 2 * (16 * Groups) + lane / 8 * 4, col = warp % 2 * (32 * Groups) + lane % 8 * 4;
  LoaderA a(g.a, g.lda, g.m, at.m * kTile);
  LoaderB b(g.b, g.ldb, g.n, at.n * kTile);
  const int tiles = static_cast<int>((g.k + kDepth - 1) / kDepth);

  const auto depth_of = [&](int tile) {
    return static_cast<int>(min(g.k - static_cast<int64_t>(tile) * kDepth, static_cast<int64_t>(kDepth)));
  };
  float sums[4 * Groups][4 * Groups] = {};
  if (tiles > 0) {
    a.fetch_next(depth_of(0), g.lda);
    b.fetch_next(depth_of(0), g.ldb);
    a.store(tile_a[0]);
    b.store(tile_b[0]);
  }
  __syncthreads();
  for (int tile = 0; tile < tiles; ++tile) {
    if (tile + 1 < tiles) {
      a.fetch_next(depth_of(tile + 1), g.lda);
      b.fetch_next(depth_of(tile + 1), g.ldb);
    }
    const float *of_a = tile_a[tile % 2], *of_b = tile_b[tile % 2];
#pragma unroll
    for (int depth = 0; depth < kDepth; ++depth) {
      float x[4 * Groups], y[4 * Groups];
#pragma unroll
      for (int i = 0; i < Groups; ++i) {
        *reinterpret_cast<float4*>(x + 4 * i) = LoaderA::four(of_a, depth, row + 16 * i);
        *reinterpret_cast<float4*>(y + 4 * i) = LoaderB::four(of_b, depth, col + 32 * i);
      }
#pragma unroll
      for (int i = 0; i < 4 * Groups; ++i) {
#pragma unroll
        for (int j = 0; j < 4 * Groups; ++j) sums[i][j] += x[i] * y[j];
      }
    }
    if (tile + 1 < tiles) {
      a.store(tile_a[(tile + 1) % 2]);
      b.store(tile_b[(tile + 1) % 2]);
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < 4 * Groups; ++i) {
    const int64_t r = at.m * kTile + row + i / 4 * 16 + i % 4;
    if (r >= g.m) continue;
#pragma unroll
    for (int j = 0; j < Groups; ++j) {
      const float* s = sums[i] + 4 * j;
      finish<float, float>(g.out, r, at.n * kTile + col + 32 * j, g.n, {{s[0], s[1], s[2], s[3]}});
    }
  }
}

template <int Groups, bool TA, bool TB, bool Wide>
cudaError_t start(Context& cuda, Arguments g) {
  g.tiles_m = (g.m + 64 * Groups - 1) / (64 * Groups);
  g.tiles_n = (g.n + 64 * Groups - 1) / (64 * Groups);
  return launch(float_kernel<Groups, TA, TB, Wide>, dim3{blocks_of(g.tiles_m * g.tiles_n, 1)}, dim3{kThreads},
                0, cuda.stream, g);
}

template <int Groups, bool Wide>
cudaError_t start(Context& cuda, const belle_gemm_args& args, const Arguments& g) {
  if (args.transpose_a)
    return args.transpose_b ? start<Groups, true, true, Wide>(cuda, g)
                            : start<Groups, true, false, Wide>(cuda, g);
  return args.transpose_b ? start<Groups, false, true, Wide>(cuda, g)
                          : start<Groups, false, false, Wide>(cuda, g);
}

}  // namespace

Status float_gemm(Context& cuda, const belle_gemm_args& args) {
  const Arguments g = {.m = args.m,
                       .n = args.n,
                       .k = args.k,
                       .a = static_cast<const float*>(args.a),
                       .b = static_cast<const float*>(args.b),
                       .lda = args.lda,
                       .ldb = args.ldb,
                       .tiles_m = 0,
                       .tiles_n = 0,
                       .out = epilogue_of(args)};
  const bool wide = all_aligned(args.a, args.b) && args.lda % 4 == 0 && args.ldb % 4 == 0;
  const int64_t large = ((args.m + 127) / 128) * ((args.n + 127) / 128);
  const auto run = [&] {
    if (!wide) return start<1, false>(cuda, args, g);
    return large >= cuda.properties.multiProcessorCount ? start<2, true>(cuda, args, g)
                                                        : start<1, true>(cuda, args, g);
  };
  return check_cuda("gemm", run());
}

}  // namespace belle::cuda
