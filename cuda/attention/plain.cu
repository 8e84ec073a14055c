// Attention for every element type, head size, scale and alignment, on the ordinary units in float32: tiles
// of 64 x 64 scores, 256 threads with 4 x 4 of them each. A block computes Columns * 16 columns of its
// outputs; where the head is wider, several blocks compute the same scores.
#include <cmath>
#include <type_traits>

#include "cuda/attention/attention.h"
#include "cuda/device/element.cuh"
#include "cuda/device/launch.cuh"

namespace belle::cuda {

namespace {

constexpr int kBlock = kPlainBlock, kThreads = 256, kSide = 16, kPart = kBlock / kSide;
constexpr int kDepth = 32, kDepthPitch = kDepth + 4;  // elements of a dot product at a time
constexpr int kSteps = 32, kMostColumns = 8;          // rows of a weighted sum at a time
constexpr int kWeightPitch = kBlock + 4;

// Thread (y, x) has the scores of rows y + 16 i and columns x + 16 j, and columns x + 16 j of outputs.
using Scores = float[kPart][kPart];

struct alignas(16) Shared {
  float operands[2 * kBlock * kDepthPitch];
  float weights[kBlock * kWeightPitch];
};
static_assert(2 * kBlock * kDepthPitch >= kSteps * kSide * kMostColumns);

template <class T>
struct Rows {
  const T* at;
  int64_t stride;
  int count;
};

__device__ __forceinline__ int x_of() { return static_cast<int>(threadIdx.x) % kSide; }
__device__ __forceinline__ int y_of() { return static_cast<int>(threadIdx.x) / kSide; }

// scores = a b^T, over d elements of their rows.
template <class T>
__device__ __forceinline__ void dot_rows(Scores& scores, const Rows<T>& a, const Rows<T>& b, int d,
                                         Shared& shared) {
#pragma unroll
  for (int i = 0; i < kPart; ++i) {
#pragma unroll
    for (int j = 0; j < kPart; ++j) scores[i][j] = 0;
  }
  float* const of_b = shared.operands + kBlock * kDepthPitch;
  for (int from = 0; from < d; from += kDepth) {
    __syncthreads();
    for (int index = static_cast<int>(threadIdx.x); index < kBlock * kDepth; index += kThreads) {
      const int row = index / kDepth, e = from + index % kDepth, to = row * kDepthPitch + index % kDepth;
      shared.operands[to] = row < a.count && e < d ? widen(a.at[row * a.stride + e]) : 0.0f;
      of_b[to] = row < b.count && e < d ? widen(b.at[row * b.stride + e]) : 0.0f;
    }
    __syncthreads();
    for (int e = 0; e < min(kDepth, d - from); e += 4) {
      float4 x[kPart], y[kPart];
#pragma unroll
      for (int i = 0; i < kPart; ++i) {
        x[i] = *reinterpret_cast<const float4*>(shared.operands + (y_of() + kSide * i) * kDepthPitch + e);
        y[i] = *reinterpret_cast<const float4*>(of_b + (x_of() + kSide * i) * kDepthPitch + e);
      }
#pragma unroll
      for (int i = 0; i < kPart; ++i) {
#pragma unroll
        for (int j = 0; j < kPart; ++j) {
          float& s = scores[i][j];
          s = fmaf(x[i].x, y[j].x, s), s = fmaf(x[i].y, y[j].y, s);
          s = fmaf(x[i].z, y[j].z, s), s = fmaf(x[i].w, y[j].w, s);
        }
      }
    }
  }
}

// out += weights x, of x the `width` columns at x.at.
template <int Columns, class T>
__device__ __forceinline__ void add_weighted_rows(float (&out)[kPart][Columns], const Scores& weights,
                                                  const Rows<T>& x, int width, Shared& shared) {
  constexpr int kWidth = kSide * Columns;
  for (int from = 0; from < x.count; from += kSteps) {
    __syncthreads();
    if (from == 0) {
#pragma unroll
      for (int i = 0; i < kPart; ++i) {
#pragma unroll
        for (int j = 0; j < kPart; ++j)
          shared.weights[(y_of() + kSide * i) * kWeightPitch + x_of() + kSide * j] = weights[i][j];
      }
    }
    for (int index = static_cast<int>(threadIdx.x); index < kSteps * kWidth; index += kThreads) {
      const int row = from + index / kWidth, column = index % kWidth;
      shared.operands[index] = row < x.count && column < width ? widen(x.at[row * x.stride + column]) : 0.0f;
    }
    __syncthreads();
    for (int k = 0; k < min(kSteps, x.count - from); ++k) {
      float w[kPart];
#pragma unroll
      for (int i = 0; i < kPart; ++i) w[i] = shared.weights[(y_of() + kSide * i) * kWeightPitch + from + k];
#pragma unroll
      for (int j = 0; j < Columns; ++j) {
        const float value = shared.operands[k * kWidth + x_of() + kSide * j];
#pragma unroll
        for (int i = 0; i < kPart; ++i) out[i][j] = fmaf(w[i], value, out[i][j]);
      }
    }
  }
}

// Of a row's 16 threads, which are neighbours in a warp.
__device__ __forceinline__ float row_max(float x) {
#pragma unroll
  for (int lanes = kSide / 2; lanes > 0; lanes /= 2) x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, lanes));
  return x;
}
__device__ __forceinline__ float row_sum(float x) {
#pragma unroll
  for (int lanes = kSide / 2; lanes > 0; lanes /= 2) x += __shfl_xor_sync(0xffffffffu, x, lanes);
  return x;
}

template <int Columns, class T>
__device__ __forceinline__ void store(T* to, int64_t stride, int rows, int width,
                                      const float (&x)[kPart][Columns]) {
#pragma unroll
  for (int i = 0; i < kPart; ++i) {
#pragma unroll
    for (int j = 0; j < Columns; ++j) {
      const int row = y_of() + kSide * i, column = x_of() + kSide * j;
      if (row < rows && column < width) narrow(x[i][j], to + row * stride + column);
    }
  }
}

// Where a block works: a task of one head, and the columns [column, column + width) of its outputs.
template <class T, int Columns>
struct Place {
  AttentionTask task;
  int head, column, width, rows;
  int64_t start;
  __device__ __forceinline__ Place(const AttentionTask* tasks, int heads, int d)
      : task(tasks[blockIdx.x / heads]),
        head(static_cast<int>(blockIdx.x % heads)),
        column(static_cast<int>(blockIdx.y) * kSide * Columns),
        width(min(kSide * Columns, d - column)),
        rows(min(kBlock, task.length - task.first)),
        start(task.start) {}
  // Of the document, from `row` on.
  __device__ __forceinline__ Rows<T> part(const void* x, int64_t stride, int64_t offset, int row) const {
    return {static_cast<const T*>(x) + (start + row) * stride + offset, stride,
            min(kBlock, task.length - row)};
  }
};
template <class T>
__device__ __forceinline__ Rows<T> from_column(Rows<T> rows, int column) {
  rows.at += column;
  return rows;
}

template <class T, int Columns>
__global__ void __launch_bounds__(kThreads, 1)
    forward_kernel(AttentionInputs in, const AttentionTask* tasks) {
  __shared__ Shared shared;
  const Place<T, Columns> at(tasks, in.heads, in.head_dim);
  const int64_t kv = at.head / (in.heads / in.kv_heads) * in.kv_head_stride;
  const int64_t out_stride = static_cast<int64_t>(in.heads) * in.head_dim;
  const Rows<T> q = at.part(in.q, in.q_stride, at.head * in.q_head_stride, at.task.first);
  const float slope = in.slopes ? in.slopes[at.head] : 0.0f;
  float out[kPart][Columns] = {}, largest[kPart], sum[kPart] = {};
#pragma unroll
  for (int i = 0; i < kPart; ++i) largest[i] = -INFINITY;
  for (int key = 0; key < at.task.first + at.rows; key += kBlock) {
    Scores s;
    dot_rows(s, q, at.part(in.k, in.kv_stride, kv, key), in.head_dim, shared);
#pragma unroll
    for (int i = 0; i < kPart; ++i) {
      float top = -INFINITY;
#pragma unroll
      for (int j = 0; j < kPart; ++j) {
        const int distance = key + x_of() + kSide * j - (at.task.first + y_of() + kSide * i);
        s[i][j] = distance <= 0 ? fmaf(slope, static_cast<float>(distance), s[i][j] * in.scale) : -INFINITY;
        top = fmaxf(top, s[i][j]);
      }
      const float now = fmaxf(largest[i], row_max(top)), factor = expf(largest[i] - now);
      largest[i] = now;
      sum[i] *= factor;
#pragma unroll
      for (int j = 0; j < kPart; ++j) sum[i] += s[i][j] = expf(s[i][j] - now);
#pragma unroll
      for (int j = 0; j < Columns; ++j) out[i][j] *= factor;
    }
    add_weighted_rows(out, s, from_column(at.part(in.v, in.kv_stride, kv, key), at.column), at.width, shared);
  }
  const int64_t token = at.start + at.task.first;
#pragma unroll
  for (int i = 0; i < kPart; ++i) {
    sum[i] = row_sum(sum[i]);
#pragma unroll
    for (int j = 0; j < Columns; ++j) out[i][j] /= sum[i];
    const int row = y_of() + kSide * i;
    if (blockIdx.y == 0 && x_of() == 0 && row < at.rows)
      in.lse[at.head * in.tokens + token + row] = largest[i] + logf(sum[i]);
  }
  store(static_cast<T*>(in.out) + token * out_stride + at.head * in.head_dim + at.column, out_stride, at.rows,
        at.width, out);
}

// Products q k^T (any orientation) become probabilities, products dout v^T score gradients.
__device__ __forceinline__ void weigh(float& s, float& ds, int distance, float scale, float slope, float lse,
                                      float delta) {
  s = distance <= 0 ? expf(fmaf(slope, static_cast<float>(distance), s * scale) - lse) : 0.0f;
  ds = s * (ds - delta);
}

template <class T, int Columns>
__global__ void __launch_bounds__(kThreads, 1)
    queries_kernel(AttentionInputs in, AttentionGradients g, const AttentionTask* tasks) {
  __shared__ Shared shared;
  const Place<T, Columns> at(tasks, in.heads, in.head_dim);
  const int64_t kv = at.head / (in.heads / in.kv_heads) * in.kv_head_stride;
  const int64_t out_stride = static_cast<int64_t>(in.heads) * in.head_dim, token = at.start + at.task.first;
  const Rows<T> q = at.part(in.q, in.q_stride, at.head * in.q_head_stride, at.task.first);
  const Rows<T> dout = at.part(g.dout, out_stride, at.head * in.head_dim, at.task.first);
  const float slope = in.slopes ? in.slopes[at.head] : 0.0f;
  float lse[kPart] = {}, delta[kPart] = {}, dq[kPart][Columns] = {};
#pragma unroll
  for (int i = 0; i < kPart; ++i) {
    const int64_t row = at.head * in.tokens + token + y_of() + kSide * i;
    if (y_of() + kSide * i < at.rows) lse[i] = in.lse[row], delta[i] = g.rows[row].delta;
  }
  for (int key = 0; key < at.task.first + at.rows; key += kBlock) {
    const Rows<T> k = at.part(in.k, in.kv_stride, kv, key), v = at.part(in.v, in.kv_stride, kv, key);
    Scores s, ds;
    dot_rows(s, q, k, in.head_dim, shared);
    dot_rows(ds, dout, v, in.head_dim, shared);
#pragma unroll
    for (int i = 0; i < kPart; ++i) {
#pragma unroll
      for (int j = 0; j < kPart; ++j) {
        const int distance = key + x_of() + kSide * j - (at.task.first + y_of() + kSide * i);
        weigh(s[i][j], ds[i][j], distance, in.scale, slope, lse[i], delta[i]);
      }
    }
    add_weighted_rows(dq, ds, from_column(k, at.column), at.width, shared);
  }
#pragma unroll
  for (int i = 0; i < kPart; ++i) {
#pragma unroll
    for (int j = 0; j < Columns; ++j) dq[i][j] *= in.scale;
  }
  store(static_cast<T*>(g.dq) + token * in.q_stride + at.head * in.q_head_stride + at.column, in.q_stride,
        at.rows, at.width, dq);
}

template <class T, int Columns>
__global__ void __launch_bounds__(kThreads, 1)
    keys_kernel(AttentionInputs in, AttentionGradients g, const AttentionTask* tasks) {
  __shared__ Shared shared;
  const Place<T, Columns> at(tasks, in.kv_heads, in.head_dim);
  const int64_t kv = at.head * in.kv_head_stride, out_stride = static_cast<int64_t>(in.heads) * in.head_dim;
  const Rows<T> k = at.part(in.k, in.kv_stride, kv, at.task.first),
                v = at.part(in.v, in.kv_stride, kv, at.task.first);
  float dk[kPart][Columns] = {}, dv[kPart][Columns] = {};
  const int group = in.heads / in.kv_heads;
  for (int head = at.head * group; head < (at.head + 1) * group; ++head) {
    const float slope = in.slopes ? in.slopes[head] : 0.0f;
    for (int query = at.task.first; query < at.task.length; query += kBlock) {
      const Rows<T> q = at.part(in.q, in.q_stride, head * in.q_head_stride, query);
      const Rows<T> dout = at.part(g.dout, out_stride, static_cast<int64_t>(head) * in.head_dim, query);
      Scores s, ds;
      dot_rows(s, k, q, in.head_dim, shared);
      dot_rows(ds, v, dout, in.head_dim, shared);
#pragma unroll
      for (int j = 0; j < kPart; ++j) {
        const int column = x_of() + kSide * j;
        const bool there = column < q.count;
        const int64_t row = head * in.tokens + at.start + query + column;
        const float lse = there ? in.lse[row] : INFINITY, delta = there ? g.rows[row].delta : 0.0f;
#pragma unroll
        for (int i = 0; i < kPart; ++i) {
          const int distance = at.task.first + y_of() + kSide * i - (query + column);
          weigh(s[i][j], ds[i][j], distance, in.scale, slope, lse, delta);
        }
      }
      add_weighted_rows(dv, s, from_column(dout, at.column), at.width, shared);
      add_weighted_rows(dk, ds, from_column(q, at.column), at.width, shared);
    }
  }
#pragma unroll
  for (int i = 0; i < kPart; ++i) {
#pragma unroll
    for (int j = 0; j < Columns; ++j) dk[i][j] *= in.scale;
  }
  const int64_t to = (at.start + at.task.first) * in.kv_stride + kv + at.column;
  store(static_cast<T*>(g.dk) + to, in.kv_stride, at.rows, at.width, dk);
  store(static_cast<T*>(g.dv) + to, in.kv_stride, at.rows, at.width, dv);
}

// body(T{}, columns of a thread, grid width of the head)
template <class Body>
Status by_width(const char* op, int32_t type, int32_t d, Body body) {
  return with_type(type, [&]<class T>(T) {
    const auto run = [&]<int Columns>(std::integral_constant<int, Columns> columns) {
      return check_cuda(op, body(T{}, columns, blocks_of(d, kSide * Columns)));
    };
    if (d <= 2 * kSide) return run(std::integral_constant<int, 2>{});
    if (d <= 4 * kSide) return run(std::integral_constant<int, 4>{});
    return run(std::integral_constant<int, kMostColumns>{});
  });
}

}  // namespace

Status attention_forward_plain(Context& cuda, const AttentionInputs& in, int32_t type,
                               AttentionTasks queries) {
  return by_width("attention", type, in.head_dim,
                  [&]<class T, int Columns>(T, std::integral_constant<int, Columns>, unsigned parts) {
                    const dim3 grid{static_cast<unsigned>(queries.count * in.heads), parts};
                    return launch(forward_kernel<T, Columns>, grid, dim3{kThreads}, 0, cuda.stream, in,
                                  queries.tasks);
                  });
}

Status attention_backward_plain(Context& cuda, const AttentionInputs& in, const AttentionGradients& g,
                                int32_t type, AttentionTasks queries, AttentionTasks keys) {
  return by_width("attention_backward", type, in.head_dim,
                  [&]<class T, int Columns>(T, std::integral_constant<int, Columns>, unsigned parts) {
                    const dim3 of_keys{static_cast<unsigned>(keys.count * in.kv_heads), parts};
                    const cudaError_t error = launch(keys_kernel<T, Columns>, of_keys, dim3{kThreads}, 0,
                                                     cuda.stream, in, g, keys.tasks);
                    if (error != cudaSuccess) return error;
                    const dim3 of_queries{static_cast<unsigned>(queries.count * in.heads), parts};
                    return launch(queries_kernel<T, Columns>, of_queries, dim3{kThreads}, 0, cuda.stream, in,
                                  g, queries.tasks);
                  });
}

}  // namespace belle::cuda
