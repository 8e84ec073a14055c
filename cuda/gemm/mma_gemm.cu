// bfloat16 GEMM on tensor cores (mma.m16n8k16), float32 sums. A block computes a tile of C; A and B come
// through shared memory by a pipeline of asynchronous copies. Every element's sum runs over k in steps of 16,
// first to last, in one accumulator: its bits depend neither on the tile nor on what else is computed.
#include "cuda/device/launch.cuh"
#include "cuda/gemm/epilogue.cuh"
#include "cuda/gemm/gemm.h"
#include "cuda/gemm/operand_tile.cuh"

namespace belle::cuda {

namespace {

template <int M, int N, int K, int WarpsM, int WarpsN, int Stages, int BlocksPerProcessor>
struct Tile {
  static constexpr int kM = M, kN = N, kK = K, kWarpsN = WarpsN, kStages = Stages;
  static constexpr int kBlocks = BlocksPerProcessor;
  static constexpr int kThreads = 32 * WarpsM * WarpsN;
  static constexpr int kWarpM = M / WarpsM, kWarpN = N / WarpsN;
  static constexpr int kSharedBytes = Stages * (M + N) * K * static_cast<int>(sizeof(bf16));
};
using Large = Tile<128, 128, 32, 2, 4, 4, 2>;
using Medium = Tile<64, 64, 32, 2, 2, 4, 3>;  // more blocks of a small C
// Decode: one row of tiles reads B once; deep stages keep enough of it under way.
using Flat = Tile<16, 32, 128, 1, 2, 5, 2>;

struct Arguments {
  int64_t m, n, k;
  const bf16 *a, *b;
  int64_t lda, ldb, tiles_m, tiles_n;
  Epilogue out;
};

// A warp's sums, 16 rows at a time through shared memory of its own, so that C is written in 16-byte pieces.
template <class T, class C>
__device__ __forceinline__ void write_out(const Arguments& g, float (&sums)[T::kWarpM / 16][T::kWarpN / 8][4],
                                          float* stage, int64_t row0, int64_t col0) {
  constexpr int kStride = T::kWarpN + 8, kCount = Pack<C>::kCount, kPieces = T::kWarpN / kCount;
  const int lane = static_cast<int>(threadIdx.x % 32), group = lane / 4, pair = lane % 4 * 2;
#pragma unroll
  for (int i = 0; i < T::kWarpM / 16; ++i) {
    __syncwarp();
#pragma unroll
    for (int j = 0; j < T::kWarpN / 8; ++j) {
      float* at = stage + group * kStride + j * 8 + pair;
      *reinterpret_cast<float2*>(at) = make_float2(sums[i][j][0], sums[i][j][1]);
      *reinterpret_cast<float2*>(at + 8 * kStride) = make_float2(sums[i][j][2], sums[i][j][3]);
    }
    __syncwarp();
#pragma unroll
    for (int piece = lane; piece < 16 * kPieces; piece += 32) {
      const int r = piece / kPieces, c = piece % kPieces * kCount;
      const int64_t row = row0 + i * 16 + r, col = col0 + c;
      if (row >= g.m || col >= g.n) continue;
      Pack<C> sum;
#pragma unroll
      for (int e = 0; e < kCount; e += 4) {
        const float4 four = *reinterpret_cast<const float4*>(stage + r * kStride + c + e);
        sum.x[e] = four.x, sum.x[e + 1] = four.y, sum.x[e + 2] = four.z, sum.x[e + 3] = four.w;
      }
      finish<C, bf16>(g.out, row, col, g.n, sum);
    }
  }
}

// TA: A lies [k, m]. TB: B lies [n, k].
template <class T, bool TA, bool TB, bool Wide>
__global__ void __launch_bounds__(T::kThreads, T::kBlocks) mma_kernel(const Arguments g) {
  using TileA = OperandTile<T::kM, T::kK, !TA, T::kThreads>;
  using TileB = OperandTile<T::kN, T::kK, TB, T::kThreads>;
  constexpr int kStage = TileA::kElements + TileB::kElements;
  constexpr int kRows = T::kWarpM / 16, kCols = T::kWarpN / 8, kSteps = T::kK / 16;
  bf16* const shared = reinterpret_cast<bf16*>(dynamic_shared());
  const TileAt at = tile_at(blockIdx.x, g.tiles_m, g.tiles_n);
  const int warp = static_cast<int>(threadIdx.x / 32);
  const int warp_m = warp / T::kWarpsN * T::kWarpM, warp_n = warp % T::kWarpsN * T::kWarpN;
  TileA a(g.a, g.lda, g.m, g.k, at.m * T::kM);
  TileB b(g.b, g.ldb, g.n, g.k, at.n * T::kN);
  const int tiles = static_cast<int>((g.k + T::kK - 1) / T::kK);
  const auto copy = [&](int tile) {
    if (tile < tiles) {
      bf16* stage = shared + tile % T::kStages * kStage;
      a.template copy_next<Wide>(stage);
      b.template copy_next<Wide>(stage + TileA::kElements);
    }
    cp_async_commit();
  };

  float sums[kRows][kCols][4] = {};
#pragma unroll
  for (int tile = 0; tile < T::kStages - 1; ++tile) copy(tile);
  for (int tile = 0; tile < tiles; ++tile) {
    cp_async_wait<T::kStages - 2>();
    __syncthreads();  // this stage is there, and the one before has been read by all
    copy(tile + T::kStages - 1);
    const bf16* stage_a = shared + tile % T::kStages * kStage;
    const bf16* stage_b = stage_a + TileA::kElements;
    uint32_t of_a[2][kRows][4], of_b[2][kCols / 2][4];
    const auto fetch = [&](int step) {
#pragma unroll
      for (int j = 0; j < kCols / 2; ++j)
        TileB::template fragment<false>(of_b[step % 2][j], stage_b, warp_n + j * 16, step * 16);
#pragma unroll
      for (int i = 0; i < kRows; ++i)
        TileA::template fragment<true>(of_a[step % 2][i], stage_a, warp_m + i * 16, step * 16);
    };
    fetch(0);
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      if (step + 1 < kSteps) fetch(step + 1);
#pragma unroll
      for (int i = 0; i < kRows; ++i) {
#pragma unroll
        for (int j = 0; j < kCols; ++j) {
          const uint32_t pair[2] = {of_b[step % 2][j / 2][j % 2 * 2], of_b[step % 2][j / 2][j % 2 * 2 + 1]};
          mma_m16n8k16(sums[i][j], of_a[step % 2][i], pair);
        }
      }
    }
  }
  cp_async_wait<0>();
  __syncthreads();  // the stages are free
  float* own = reinterpret_cast<float*>(dynamic_shared()) + warp * 16 * (T::kWarpN + 8);
  const int64_t row = at.m * T::kM + warp_m, col = at.n * T::kN + warp_n;
  if (g.out.c_float) {
    write_out<T, float>(g, sums, own, row, col);
  } else {
    write_out<T, bf16>(g, sums, own, row, col);
  }
}

template <class T, bool TA, bool TB, bool Wide>
cudaError_t start(Context& cuda, Arguments g) {
  g.tiles_m = (g.m + T::kM - 1) / T::kM;
  g.tiles_n = (g.n + T::kN - 1) / T::kN;
  const auto kernel = mma_kernel<T, TA, TB, Wide>;
  if (T::kSharedBytes > 48 * 1024) {
    const cudaError_t error =
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, T::kSharedBytes);
    if (error != cudaSuccess) return error;
  }
  return launch(kernel, dim3{blocks_of(g.tiles_m * g.tiles_n, 1)}, dim3{T::kThreads}, T::kSharedBytes,
                cuda.stream, g);
}

template <class T, bool Wide>
cudaError_t start(Context& cuda, const belle_gemm_args& args, const Arguments& g) {
  if (args.transpose_a)
    return args.transpose_b ? start<T, true, true, Wide>(cuda, g) : start<T, true, false, Wide>(cuda, g);
  return args.transpose_b ? start<T, false, true, Wide>(cuda, g) : start<T, false, false, Wide>(cuda, g);
}

}  // namespace

Status mma_gemm(Context& cuda, const belle_gemm_args& args) {
  const Arguments g = {.m = args.m,
                       .n = args.n,
                       .k = args.k,
                       .a = static_cast<const bf16*>(args.a),
                       .b = static_cast<const bf16*>(args.b),
                       .lda = args.lda,
                       .ldb = args.ldb,
                       .tiles_m = 0,
                       .tiles_n = 0,
                       .out = epilogue_of(args)};
  const bool wide = all_aligned(args.a, args.b) && args.lda % 8 == 0 && args.ldb % 8 == 0;
  const int64_t large = ((args.m + 127) / 128) * ((args.n + 127) / 128);
  const auto run = [&] {
    if (!wide) return start<Medium, false>(cuda, args, g);
    if (args.m <= Flat::kM) return start<Flat, true>(cuda, args, g);
    if (large >= cuda.properties.multiProcessorCount) return start<Large, true>(cuda, args, g);
    return start<Medium, true>(cuda, args, g);
  };
  return check_cuda("gemm", run());
}

}  // namespace belle::cuda
