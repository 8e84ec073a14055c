// Embedding rows out, and their gradients in by token order: no atomics, no sort.
#include "cuda/device/eight.cuh"
#include "cuda/device/launch.cuh"
#include "cuda/entries.h"

namespace belle::cuda {

namespace {

constexpr int kThreads = 256;

// An id below 0 has no row: NaN, which the loss shows.
template <class T, int Count>
__global__ void __launch_bounds__(kThreads)
    embedding_kernel(T* out, const T* table, const int32_t* ids, int64_t tokens, int64_t d) {
  const int64_t i = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) * Count;
  if (i >= tokens * d) return;
  const int64_t token =
      tokens * d <= UINT32_MAX ? static_cast<uint32_t>(i) / static_cast<uint32_t>(d) : i / d;
  const int32_t id = ids[token];
  if (id >= 0) {
    const T* from = table + id * d + (i - token * d);
    if constexpr (Count == 1) {
      out[i] = *from;
    } else {
      *reinterpret_cast<uint4*>(out + i) = *reinterpret_cast<const uint4*>(from);
    }
  } else {
    Elements<T, Count> nothing;
#pragma unroll
    for (int j = 0; j < Count; ++j) nothing.x[j] = __uint_as_float(0x7fc00000u);
    store_elements(out + i, nothing);
  }
}

// Backward: block (b, columns) owns the ids that are b modulo kOwners. It goes through the tokens in rounds,
// lists those that are its own in order, and adds all rows of one id in registers, one thread a column: the
// order is that of the tokens.
constexpr int kOwners = 256;
constexpr int kOwnerThreads = 128;
constexpr int kSteps = 8;  // ids of a thread in a round
constexpr int kRound = kOwnerThreads * kSteps;
constexpr int kAtOnce = 4;  // rows on their way at a time

struct OwnList {
  int32_t id[kRound];
  int16_t token[kRound];  // counted from the round's first
  int16_t next[kRound];   // where the same id comes again, or -1
  bool first[kRound];
  int counts[kOwnerThreads / 32];
};

// The block's own among the ids [base, base + kRound), in order. Returns how many.
__device__ __forceinline__ int list_own(OwnList& list, const int32_t* ids, int64_t base, int64_t tokens,
                                        int64_t vocab) {
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  int32_t id[kSteps];
  uint32_t hits[kSteps];
  int count = 0;
#pragma unroll
  for (int k = 0; k < kSteps; ++k) {
    const int64_t t = base + (warp * kSteps + k) * 32 + lane;
    id[k] = t < tokens ? ids[t] : -1;
  }
#pragma unroll
  for (int k = 0; k < kSteps; ++k) {
    const bool own = id[k] >= 0 && id[k] < vocab && id[k] % kOwners == static_cast<int32_t>(blockIdx.x);
    hits[k] = __ballot_sync(0xffffffffu, own);
    count += __popc(hits[k]);
  }
  if (lane == 0) list.counts[warp] = count;
  __syncthreads();
  int at = 0, total = 0;
  for (int w = 0; w < kOwnerThreads / 32; ++w) {
    at += w < warp ? list.counts[w] : 0;
    total += list.counts[w];
  }
#pragma unroll
  for (int k = 0; k < kSteps; ++k) {
    if (hits[k] >> lane & 1) {
      const int to = at + __popc(hits[k] & ((1u << lane) - 1));
      list.id[to] = id[k];
      list.token[to] = static_cast<int16_t>((warp * kSteps + k) * 32 + lane);
    }
    at += __popc(hits[k]);
  }
  __syncthreads();
  for (int e = threadIdx.x; e < total; e += kOwnerThreads) {
    int before = e - 1, after = e + 1;
    while (before >= 0 && list.id[before] != list.id[e]) --before;
    while (after < total && list.id[after] != list.id[e]) ++after;
    list.first[e] = before < 0;
    list.next[e] = static_cast<int16_t>(after < total ? after : -1);
  }
  __syncthreads();
  return total;
}

template <class T, bool Wide>
__global__ void __launch_bounds__(kOwnerThreads)
    embedding_backward_kernel(float* dtable, const T* dout, const int32_t* ids, int64_t tokens, int64_t d,
                              int64_t vocab) {
  __shared__ OwnList list;
  const int64_t column = (static_cast<int64_t>(blockIdx.y) * kOwnerThreads + threadIdx.x) * 8;
  for (int64_t base = 0; base < tokens; base += kRound) {
    const int total = list_own(list, ids, base, tokens, vocab);
    for (int e = 0; column < d && e < total; ++e) {
      if (!list.first[e]) continue;
      float* to = dtable + list.id[e] * d + column;
      Eight sum = load_eight<Wide>(to, d - column);
      for (int at = e; at >= 0;) {
        Eight rows[kAtOnce] = {};
        bool there[kAtOnce];
#pragma unroll
        for (int r = 0; r < kAtOnce; ++r) {
          there[r] = at >= 0;
          if (there[r]) {
            rows[r] = load_eight<Wide>(dout + (base + list.token[at]) * d + column, d - column);
            at = list.next[at];
          }
        }
#pragma unroll
        for (int r = 0; r < kAtOnce; ++r) {
#pragma unroll
          for (int j = 0; j < 8; ++j) sum.x[j] = there[r] ? sum.x[j] + rows[r].x[j] : sum.x[j];
        }
      }
      store_eight<Wide>(to, sum, d - column);
    }
    __syncthreads();
  }
}

belle_status embedding(void* context, void* out, const void* table, const int32_t* ids, int64_t tokens,
                       int64_t d, int32_t type) {
  return run_op(context, [&](Context& cuda) -> Status {
    BELLE_TRY(abi::check_embedding(out, table, ids, tokens, d, type));
    if (tokens == 0) return {};
    return with_type(type, [&]<class T>(T) {
      constexpr int pack = Pack<T>::kCount;
      const bool wide = all_aligned(out, table) && d % pack == 0;
      const dim3 grid{blocks_of(wide ? tokens * d / pack : tokens * d, kThreads)};
      return check_cuda("embedding", launch(wide ? embedding_kernel<T, pack> : embedding_kernel<T, 1>, grid,
                                            dim3{kThreads}, 0, cuda.stream, static_cast<T*>(out),
                                            static_cast<const T*>(table), ids, tokens, d));
    });
  });
}

belle_status embedding_backward(void* context, float* dtable, const void* dout, const int32_t* ids,
                                int64_t tokens, int64_t d, int64_t vocab, int32_t type) {
  return run_op(context, [&](Context& cuda) -> Status {
    BELLE_TRY(abi::check_embedding_backward(dtable, dout, ids, tokens, d, vocab, type));
    if (tokens == 0) return {};
    const dim3 grid{kOwners, blocks_of(d, 8 * kOwnerThreads)};
    return with_type(type, [&]<class T>(T) {
      return with_wide(wide_rows(d, dtable, dout), [&](auto wide) {
        return check_cuda("embedding_backward",
                          launch(embedding_backward_kernel<T, wide.value>, grid, dim3{kOwnerThreads}, 0,
                                 cuda.stream, dtable, static_cast<const T*>(dout), ids, tokens, d, vocab));
      });
    });
  });
}

}  // namespace

void set_embedding_entries(belle_backend& b) {
  b.embedding = embedding;
  b.embedding_backward = embedding_backward;
}

}  // namespace belle::cuda
