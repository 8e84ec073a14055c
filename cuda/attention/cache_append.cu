// Keys and values of new tokens to their rows of the cache: a thread moves the same few elements of both.
#include "cuda/attention/attention.h"
#include "cuda/device/launch.cuh"
#include "native/abi/op_checks.h"

namespace belle::cuda {

namespace {

constexpr const char* kOp = "cache_append";
constexpr int kThreads = 256;

// In words: elements, or sixteen bytes of them.
struct Append {
  int64_t words, kv_stride, kv_head_stride;
  int32_t row, head;  // words of one
};

template <class Word>
__global__ void __launch_bounds__(kThreads)
    append_kernel(Word* __restrict__ k_cache, Word* __restrict__ v_cache, const Word* __restrict__ k,
                  const Word* __restrict__ v, const int32_t* __restrict__ rows, Append a) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= a.words) return;
  const int64_t token = i / a.row;
  const int32_t in_row = static_cast<int32_t>(i - token * a.row), head = in_row / a.head;
  const int64_t from = token * a.kv_stride + head * a.kv_head_stride + (in_row - head * a.head),
                to = int64_t{rows[token]} * a.row + in_row;
  k_cache[to] = k[from];
  v_cache[to] = v[from];
}

template <class Word>
Status append(Context& cuda, const belle_cache_append_args& a, int32_t elements) {
  const Append sizes = {.words = a.tokens * a.kv_heads * (a.head_dim / elements),
                        .kv_stride = a.kv_stride / elements,
                        .kv_head_stride = a.kv_head_stride / elements,
                        .row = a.kv_heads * (a.head_dim / elements),
                        .head = a.head_dim / elements};
  return check_cuda(kOp, launch(append_kernel<Word>, dim3{blocks_of(sizes.words, kThreads)}, dim3{kThreads},
                                0, cuda.stream, static_cast<Word*>(a.k_cache), static_cast<Word*>(a.v_cache),
                                static_cast<const Word*>(a.k), static_cast<const Word*>(a.v), a.rows, sizes));
}

}  // namespace

belle_status cache_append(void* context, const belle_cache_append_args* args) {
  return run_op(context, [&](Context& cuda) -> Status {
    BELLE_TRY(abi::check_cache_append(args));
    const belle_cache_append_args& a = *args;
    if (a.tokens == 0) return {};
    return with_type(a.type, [&]<class T>(T) {
      constexpr int32_t elements = sizeof(uint4) / sizeof(T);
      const bool wide = a.head_dim % elements == 0 && a.kv_stride % elements == 0 &&
                        a.kv_head_stride % elements == 0 && all_aligned(a.k, a.v, a.k_cache, a.v_cache);
      return wide ? append<uint4>(cuda, a, elements) : append<T>(cuda, a, 1);
    });
  });
}

}  // namespace belle::cuda
