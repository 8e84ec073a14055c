// RMSNorm and LayerNorm. A row belongs to one warp, or to one block when it is wide; what a thread takes of
// it, and so the order of its sums, depends on d alone.
#include <type_traits>

#include "cuda/device/eight.cuh"
#include "cuda/device/launch.cuh"
#include "cuda/device/reduce.cuh"
#include "cuda/entries.h"
#include "cuda/ops/column_sums.h"

namespace belle::cuda {

namespace {

constexpr int64_t kPartRows = 16;  // rows of one partial sum of dweight and dbias

// Threads of a row: one an eight where that is at most `most`.
template <bool Layer>
constexpr int kMostBackward = Layer ? 512 : 1024;
constexpr int kMostForward = 1024;

dim3 row_block(int64_t d, int most) {
  const int64_t threads = int64_t{blocks_of(d, 8 * 32)} * 32;
  const auto x = static_cast<unsigned>(threads < most ? threads : most);
  return {x, x == 32 ? 8u : 1u};
}

// Sums over the threads of a row; every thread gets them. `scratch` is free again after the next row_sum.
template <int Count>
__device__ __forceinline__ void row_sum(float (&x)[Count], float (*scratch)[32]) {
#pragma unroll
  for (int i = 0; i < Count; ++i) x[i] = warp_sum(x[i]);
  if (blockDim.x == 32) return;
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  if (lane == 0) {
#pragma unroll
    for (int i = 0; i < Count; ++i) scratch[i][warp] = x[i];
  }
  __syncthreads();
#pragma unroll
  for (int i = 0; i < Count; ++i) x[i] = warp_sum(lane < blockDim.x / 32 ? scratch[i][lane] : 0.0f);
}

template <class T, bool Wide, bool Layer>
__global__ void __launch_bounds__(kMostForward, 1)
    norm_kernel(T* out, float* mean_out, float* rstd_out, const T* x, const T* weight, const T* bias,
                float eps, int64_t rows, int64_t d) {
  __shared__ float scratch[2][1][32];
  const int64_t row = static_cast<int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  if (row >= rows) return;  // a whole warp: rows of many warps have blocks of their own
  x += row * d;
  out += row * d;
  const int64_t start = 8 * threadIdx.x, step = 8 * blockDim.x;
  const float count = static_cast<float>(d);
  Eight kept = {};  // its first eight; those after it are read again
  if (start < d) kept = load_eight<Wide>(x + start, d - start);
  const auto each = [&](auto body) {
    if (start < d) body(kept, start);
    for (int64_t i = start + step; i < d; i += step) body(load_eight<Wide>(x + i, d - i), i);
  };

  float mean = 0;
  if constexpr (Layer) {
    float sum[1] = {};
    each([&](const Eight& v, int64_t) {
#pragma unroll
      for (int j = 0; j < 8; ++j) sum[0] += v.x[j];
    });
    row_sum(sum, scratch[0]);
    mean = sum[0] / count;
  }
  float squares[1] = {};
  each([&](const Eight& v, int64_t i) {
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      const float off = Wide || i + j < d ? v.x[j] - mean : 0.0f;
      squares[0] = fmaf(off, off, squares[0]);
    }
  });
  row_sum(squares, scratch[1]);
  const float rstd = 1.0f / sqrtf(squares[0] / count + eps);
  if (threadIdx.x == 0) {
    if constexpr (Layer) mean_out[row] = mean;
    rstd_out[row] = rstd;
  }
  each([&](const Eight& v, int64_t i) {
    const Eight w = load_eight<Wide>(weight + i, d - i);
    Eight b = {};
    if constexpr (Layer) b = load_eight<Wide>(bias + i, d - i);
    Eight y;
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      const float h = (v.x[j] - mean) * rstd;
      y.x[j] = Layer ? fmaf(h, w.x[j], b.x[j]) : h * w.x[j];
    }
    store_eight<Wide>(out + i, y, d - i);
  });
}

// An eight as it lies in memory: bfloat16 takes half the registers of its float32.
template <class T, bool Wide>
struct Kept {
  static constexpr bool kBits = Wide && sizeof(T) == 2;
  std::conditional_t<kBits, uint4, Eight> held = {};
  __device__ __forceinline__ void load(const T* p, int64_t count) {
    if constexpr (kBits) {
      held = *reinterpret_cast<const uint4*>(p);
    } else {
      held = load_eight<Wide>(p, count);
    }
  }
  __device__ __forceinline__ Eight get() const {
    if constexpr (kBits) {
      const uint32_t words[4] = {held.x, held.y, held.z, held.w};
      Eight v;
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        v.x[2 * j] = __uint_as_float(words[j] << 16);
        v.x[2 * j + 1] = __uint_as_float(words[j] & 0xffff0000u);
      }
      return v;
    } else {
      return held;
    }
  }
};

template <class T>
struct Backward {
  T* dx;
  float *dweight_parts, *dbias_parts;  // [parts, d], or NULL
  const T *dout, *x, *weight, *residual;
  const float *mean, *rstd;
  int64_t rows, d;
  float one_over_d;
};

__device__ __forceinline__ void add_to(Eight& sum, const Eight& x) {
#pragma unroll
  for (int j = 0; j < 8; ++j) sum.x[j] += x.x[j];
}

// With h the normalised input and g = dout * weight: dx = rstd * (g - mean(g) - h * mean(g h)), RMSNorm
// without mean(g). dweight = sum of dout * h, dbias of dout, over kPartRows rows in order. Whole: a thread
// has one eight of a row, in registers; otherwise it reads its eights twice and keeps their sums in memory.
template <class T, bool Wide, bool Layer, bool Whole>
__global__ void __launch_bounds__(kMostBackward<Layer>, Layer&& Wide && sizeof(T) == 2 ? 2 : 1)
    norm_backward_kernel(Backward<T> a) {
  __shared__ float scratch[2][2][32];
  const int64_t part = static_cast<int64_t>(blockIdx.x) * blockDim.y + threadIdx.y, d = a.d;
  const int64_t first = part * kPartRows, last = min(first + kPartRows, a.rows);
  if (first >= last) return;
  const int64_t start = 8 * threadIdx.x, step = 8 * blockDim.x;
  const bool here = start < d;
  const auto load = [&](const T* p, int64_t at, int64_t i) { return load_eight<Wide>(p + at + i, d - i); };
  const auto add_in_memory = [&](float* parts, int64_t i, const Eight& x, bool set) {
    float* to = parts + part * d + i;
    Eight sum = x;
    if (!set) {
      sum = load_eight<Wide>(to, d - i);
      add_to(sum, x);
    }
    store_eight<Wide>(to, sum, d - i);
  };

  Kept<T, Wide> kept_weight;
  Eight dweight = {}, dbias = {};
  if (Whole && here) kept_weight.load(a.weight + start, d - start);
  const int some = static_cast<int>(last - first);
  int64_t at = first * d;
  for (int r = 0; r < some; ++r, at += d) {
    Kept<T, Wide> kept_x, kept_dout, kept_more;
    if (Whole && here) {
      kept_x.load(a.x + at + start, d - start);
      kept_dout.load(a.dout + at + start, d - start);
      if (a.residual) kept_more.load(a.residual + at + start, d - start);
    }
    const float rstd = a.rstd[first + r], mean = Layer ? a.mean[first + r] : 0.0f;
    const auto each = [&](auto body) {
      if constexpr (Whole) {
        if (here) body(kept_x.get(), kept_dout.get(), kept_weight.get(), start);
      } else {
        for (int64_t i = start; i < d; i += step)
          body(load(a.x, at, i), load(a.dout, at, i), load(a.weight, 0, i), i);
      }
    };

    float sums[Layer ? 2 : 1] = {};
    each([&](const Eight& vx, const Eight& dy, const Eight& w, int64_t) {
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        const float g = dy.x[j] * w.x[j];
        sums[0] = fmaf(g, (vx.x[j] - mean) * rstd, sums[0]);
        if constexpr (Layer) sums[1] += g;
      }
    });
    row_sum(sums, scratch[r % 2]);
    const float pull = -sums[0] * a.one_over_d;
    float mean_g = 0;
    if constexpr (Layer) mean_g = sums[1] * a.one_over_d;

    each([&](const Eight& vx, const Eight& dy, const Eight& w, int64_t i) {
      Eight more = kept_more.get(), dx, dh;
      if (!Whole && a.residual) more = load(a.residual, at, i);
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        const float h = (vx.x[j] - mean) * rstd;
        const float g = fmaf(h, pull, fmaf(dy.x[j], w.x[j], -mean_g));
        dx.x[j] = fmaf(rstd, g, more.x[j]);
        if constexpr (Whole) {
          dweight.x[j] = fmaf(dy.x[j], h, dweight.x[j]);
          if constexpr (Layer) dbias.x[j] += dy.x[j];
        } else {
          dh.x[j] = dy.x[j] * h;
        }
      }
      store_eight<Wide>(a.dx + at + i, dx, d - i);
      if constexpr (!Whole) {
        if (a.dweight_parts) add_in_memory(a.dweight_parts, i, dh, r == 0);
        if (Layer && a.dbias_parts) add_in_memory(a.dbias_parts, i, dy, r == 0);
      }
    });
  }
  if (Whole && here && a.dweight_parts) add_in_memory(a.dweight_parts, start, dweight, true);
  if (Whole && Layer && here && a.dbias_parts) add_in_memory(a.dbias_parts, start, dbias, true);
}

template <bool Layer>
Status norm(Context& cuda, const char* op, void* out, float* mean, float* rstd, const void* x,
            const void* weight, const void* bias, float eps, int64_t tokens, int64_t d, int32_t type) {
  if (tokens == 0) return {};
  const dim3 block = row_block(d, kMostForward);
  return with_type(type, [&]<class T>(T) {
    return with_wide(wide_rows(d, out, x, weight, bias), [&](auto wide) {
      return check_cuda(op,
                        launch(norm_kernel<T, wide.value, Layer>, dim3{blocks_of(tokens, block.y)}, block, 0,
                               cuda.stream, static_cast<T*>(out), mean, rstd, static_cast<const T*>(x),
                               static_cast<const T*>(weight), static_cast<const T*>(bias), eps, tokens, d));
    });
  });
}

template <bool Layer>
Status norm_backward(Context& cuda, const char* op, void* dx, float* dweight, float* dbias, const void* dout,
                     const void* x, const void* weight, const float* mean, const float* rstd,
                     const void* residual, int64_t tokens, int64_t d, int32_t type) {
  if (tokens == 0) return {};
  const int64_t parts = blocks_of(tokens, kPartRows);
  float *dweight_parts = nullptr, *dbias_parts = nullptr;
  if (dweight || dbias) {
    BELLE_ASSIGN(float* scratch, scratch_floats(cuda, op, (dweight && dbias ? 2 : 1) * parts * d));
    if (dweight) dweight_parts = scratch;
    if (dbias) dbias_parts = dweight ? scratch + parts * d : scratch;
  }
  const dim3 block = row_block(d, kMostBackward<Layer>), grid{blocks_of(parts, block.y)};
  const bool whole = d <= 8 * int64_t{block.x};
  const bool wide_buffers = wide_rows(d, dx, dout, x, weight, residual);
  BELLE_TRY(with_type(type, [&]<class T>(T) {
    const Backward<T> args = {.dx = static_cast<T*>(dx),
                              .dweight_parts = dweight_parts,
                              .dbias_parts = dbias_parts,
                              .dout = static_cast<const T*>(dout),
                              .x = static_cast<const T*>(x),
                              .weight = static_cast<const T*>(weight),
                              .residual = static_cast<const T*>(residual),
                              .mean = mean,
                              .rstd = rstd,
                              .rows = tokens,
                              .d = d,
                              .one_over_d = 1.0f / static_cast<float>(d)};
    return with_wide(wide_buffers, [&](auto wide) {
      const auto kernel = whole ? norm_backward_kernel<T, wide.value, Layer, true>
                                : norm_backward_kernel<T, wide.value, Layer, false>;
      return check_cuda(op, launch(kernel, grid, block, 0, cuda.stream, args));
    });
  }));
  if (dweight) BELLE_TRY(add_column_sums(cuda, op, dweight, dweight_parts, parts, d));
  if (dbias) BELLE_TRY(add_column_sums(cuda, op, dbias, dbias_parts, parts, d));
  return {};
}

belle_status rms_norm(void* context, void* out, float* rstd, const void* x, const void* weight, float eps,
                      int64_t tokens, int64_t d, int32_t type) {
  return run_op(context, [&](Context& cuda) -> Status {
    BELLE_TRY(abi::check_rms_norm(out, rstd, x, weight, tokens, d, type));
    return norm<false>(cuda, "rms_norm", out, nullptr, rstd, x, weight, nullptr, eps, tokens, d, type);
  });
}

belle_status rms_norm_backward(void* context, void* dx, float* dweight, const void* dout, const void* x,
                               const void* weight, const float* rstd, const void* residual, int64_t tokens,
                               int64_t d, int32_t type) {
  return run_op(context, [&](Context& cuda) -> Status {
    BELLE_TRY(abi::check_rms_norm_backward(dx, dout, x, weight, rstd, tokens, d, type));
    return norm_backward<false>(cuda, "rms_norm_backward", dx, dweight, nullptr, dout, x, weight, nullptr,
                                rstd, residual, tokens, d, type);
  });
}

belle_status layer_norm(void* context, void* out, float* mean, float* rstd, const void* x, const void* weight,
                        const void* bias, float eps, int64_t tokens, int64_t d, int32_t type) {
  return run_op(context, [&](Context& cuda) -> Status {
    BELLE_TRY(abi::check_layer_norm(out, mean, rstd, x, weight, bias, tokens, d, type));
    return norm<true>(cuda, "layer_norm", out, mean, rstd, x, weight, bias, eps, tokens, d, type);
  });
}

belle_status layer_norm_backward(void* context, void* dx, float* dweight, float* dbias, const void* dout,
                                 const void* x, const void* weight, const float* mean, const float* rstd,
                                 const void* residual, int64_t tokens, int64_t d, int32_t type) {
  return run_op(context, [&](Context& cuda) -> Status {
    BELLE_TRY(abi::check_layer_norm_backward(dx, dout, x, weight, mean, rstd, tokens, d, type));
    return norm_backward<true>(cuda, "layer_norm_backward", dx, dweight, dbias, dout, x, weight, mean, rstd,
                               residual, tokens, d, type);
  });
}

}  // namespace

void set_norm_entries(belle_backend& b) {
  b.rms_norm = rms_norm;
  b.rms_norm_backward = rms_norm_backward;
  b.layer_norm = layer_norm;
  b.layer_norm_backward = layer_norm_backward;
}

}  // namespace belle::cuda
