#pragma once
// A's or B's part of one pipeline stage: Outer rows of m (or columns of n) by Depth steps of k in shared
// memory, as the matrix lies in global memory: lines along k, or lines along m (n). The 16-byte chunks of a
// line are permuted so that neither the copies in nor ldmatrix meet bank conflicts: eight chunks that
// ldmatrix reads together fill 128 bytes.
#include "cuda/device/element.cuh"
#include "cuda/device/tensor_core.cuh"

namespace belle::cuda {

template <int Outer, int Depth, bool AlongDepth, int Threads>
class OperandTile {
 public:
  static constexpr int kElements = Outer * Depth;

  // The tile's first line and depth 0 of a matrix whose lines begin `ld` apart; `outer` and `depth` are what
  // is left of it from there on.
  __device__ __forceinline__ OperandTile(const bf16* matrix, int64_t ld, int64_t outer, int64_t depth,
                                         int64_t first)
      : outer_(static_cast<int>(outer - first < Outer ? outer - first : Outer)),
        depth_(depth),
        line_step_(kLineStep * ld),
        tile_step_(AlongDepth ? Depth : Depth * ld) {
    const int thread = static_cast<int>(threadIdx.x);
    line_ = thread / kChunks;
    chunk_ = thread % kChunks;
    from_ = matrix + (AlongDepth ? first * ld : first) + line_ * ld + chunk_ * 8;
  }

  // Copies the next Depth steps, zeros beyond the matrix. Wide: 16-byte aligned lines, copied asynchronously.
  template <bool Wide>
  __device__ __forceinline__ void copy_next(bf16* tile) {
    const int depth = static_cast<int>(depth_ < Depth ? depth_ : Depth);
    const bf16* from = from_;
#pragma unroll
    for (int i = 0; i < kCopies; ++i) {
      const int line = line_ + i * kLineStep;
      if (kLines % kLineStep != 0 && line >= kLines) break;
      const int left =
          (line < (AlongDepth ? outer_ : depth) ? (AlongDepth ? depth : outer_) : 0) - chunk_ * 8;
      bf16* to = tile + place(line, chunk_);
      if constexpr (Wide) {
        cp_async_upto_16(to, from, 2 * max(0, min(left, 8)));
      } else {
#pragma unroll
        for (int e = 0; e < 8; ++e) to[e] = e < left ? from[e] : static_cast<bf16>(0);
      }
      from += line_step_;
    }
    from_ += tile_step_;
    depth_ -= Depth;
  }

  // The 16 x 16 elements from (outer, depth) on as four 8 x 8 matrices for mma.m16n8k16. OuterFirst: in the
  // order of A's registers (outer halves, then depth halves); else of those of two B fragments.
  template <bool OuterFirst>
  static __device__ __forceinline__ void fragment(uint32_t (&out)[4], const bf16* tile, int outer,
                                                  int depth) {
    const int lane = static_cast<int>(threadIdx.x % 32), matrix = lane / 8, row = lane % 8;
    const int outer_half = OuterFirst ? matrix % 2 : matrix / 2;
    const int depth_half = OuterFirst ? matrix / 2 : matrix % 2;
    if constexpr (AlongDepth) {
      ldmatrix_x4(out, tile + place(outer + outer_half * 8 + row, depth / 8 + depth_half));
    } else {
      ldmatrix_x4_transposed(out, tile + place(depth + depth_half * 8 + row, outer / 8 + outer_half));
    }
  }

 private:
  static constexpr int kChunks = (AlongDepth ? Depth : Outer) / 8;  // of a line
  static constexpr int kLines = AlongDepth ? Outer : Depth;
  static constexpr int kLineStep = Threads / kChunks;
  static constexpr int kCopies = (kLines + kLineStep - 1) / kLineStep;  // of a thread
  static_assert(Threads % kChunks == 0);

  static __device__ __forceinline__ int place(int line, int chunk) {
    constexpr int kTogether = kChunks < 8 ? 8 / kChunks : 1, kPermuted = kChunks < 8 ? kChunks : 8;
    return (line * kChunks + (chunk ^ (line / kTogether % kPermuted))) * 8;
  }

  int line_, chunk_, outer_;
  int64_t depth_;
  const bf16* from_;
  int64_t line_step_, tile_step_;
};

}  // namespace belle::cuda
