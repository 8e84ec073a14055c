// linear_cross_entropy: rows without a target are left out before the product with the head; the others go in
// chunks through logits, their losses and gradients, and the two products that take those back.
#include <algorithm>

#include "cuda/device/launch.cuh"
#include "cuda/entries.h"
#include "cuda/gemm/gemm.h"
#include "cuda/loss/logit_rows.cuh"
#include "cuda/loss/supervised_rows.cuh"

namespace belle::cuda {

namespace {

constexpr const char* kOp = "linear_cross_entropy";
constexpr int kCopyThreads = 256;

using Arguments = belle_linear_cross_entropy_args;

// Rows of `units` Units each. Gather: out[i] = in[picked[i]]; else out[picked[i]] = in[i].
template <class Unit, bool Gather>
__global__ void __launch_bounds__(kCopyThreads)
    move_rows(Unit* out, const Unit* in, const int64_t* picked, int64_t units) {
  const int64_t near = static_cast<int64_t>(blockIdx.x) * units, far = picked[blockIdx.x] * units;
  for (int64_t i = threadIdx.x; i < units; i += kCopyThreads) {
    if constexpr (Gather) {
      out[near + i] = in[far + i];
    } else {
      out[far + i] = in[near + i];
    }
  }
}

template <class Unit>
cudaError_t move(Context& cuda, bool gather, void* out, const void* in, const int64_t* picked, int64_t count,
                 int64_t row_bytes) {
  const auto kernel = gather ? move_rows<Unit, true> : move_rows<Unit, false>;
  return launch(kernel, dim3{blocks_of(count, 1)}, dim3{kCopyThreads}, 0, cuda.stream,
                static_cast<Unit*>(out), static_cast<const Unit*>(in), picked,
                row_bytes / static_cast<int64_t>(sizeof(Unit)));
}
Status move(Context& cuda, bool gather, void* out, const void* in, const int64_t* picked, int64_t count,
            int64_t row_bytes) {
  const bool wide = all_aligned(out, in) && row_bytes % 16 == 0;
  return check_cuda(kOp, wide ? move<uint4>(cuda, gather, out, in, picked, count, row_bytes)
                              : move<uint16_t>(cuda, gather, out, in, picked, count, row_bytes));
}

// out[row, j] = sums[row, j] + sum over the last columns of logits of gradient[row, v] head[v, j], rounded
// once.
__global__ void __launch_bounds__(kCopyThreads)
    finish_hidden(bf16* out, const float* sums, const bf16* gradient, int64_t ld, const bf16* head,
                  int columns, int64_t d) {
  const int64_t row = blockIdx.x;
  for (int64_t j = threadIdx.x; j < d; j += kCopyThreads) {
    float sum = sums[row * d + j];
    for (int v = 0; v < columns; ++v) sum = fmaf(widen(gradient[row * ld + v]), widen(head[v * d + j]), sum);
    narrow(sum, out + row * d + j);
  }
}

int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }
int64_t size_of(int32_t type) { return type == BELLE_F32 ? 4 : 2; }

// Pieces of the loss scratch; its size follows from sizes that stay the same from call to call.
struct Buffers {
  int64_t* result;
  int64_t *picked, *beyond;
  int32_t* counts;
  unsigned char *hidden, *dhidden;  // [most, d]: rows gathered, or not yet scattered
  float* sums;                      // [most, d], where the vocabulary is cut
};

// cublasLt multiplies an odd vocabulary at a third of its speed (H200: 240 of 680 TFLOP/s), aligned rows or
// not: the columns past the last multiple of 8 are products of their own.
int64_t whole_vocab(const Arguments& a, int64_t ld) {
  const int64_t whole = a.vocab / 8 * 8;
  return a.type == BELLE_BF16 && ld != a.vocab && whole > 0 ? whole : a.vocab;
}
Status carve(Context& cuda, const Arguments& a, int64_t most, bool cut, int64_t blocks, Buffers* out) {
  int64_t used = 0;
  const auto take = [&](int64_t bytes) {
    const int64_t at = used;
    used += round_up(bytes, 256);
    return at;
  };
  const int64_t rows_bytes = most * a.d * size_of(a.type);
  const int64_t result = take(8), picked = take(a.rows * 8), beyond = take(blocks * 8),
                counts = take(blocks * 4), hidden = take(rows_bytes),
                dhidden = take(a.dhidden ? rows_bytes : 0),
                sums = take(a.dhidden && cut ? most * a.d * 4 : 0);
  auto* base = cuda.loss_scratch.get<unsigned char>(cuda.stream, used);
  if (!base) return scratch_missing(kOp, used);
  *out = {.result = reinterpret_cast<int64_t*>(base + result),
          .picked = reinterpret_cast<int64_t*>(base + picked),
          .beyond = reinterpret_cast<int64_t*>(base + beyond),
          .counts = reinterpret_cast<int32_t*>(base + counts),
          .hidden = base + hidden,
          .dhidden = base + dhidden,
          .sums = reinterpret_cast<float*>(base + sums)};
  return {};
}

// The rows with a target and their number, or an error. Without the caller's count the one wait of this op:
// the host sizes the products.
Status find_supervised(Context& cuda, const Arguments& a, const Buffers& at, int64_t blocks, int64_t* count) {
  const dim3 grid{static_cast<unsigned>(blocks)}, block{kRowThreads};
  BELLE_TRY(check_cuda(kOp, launch(count_rows, grid, block, 0, cuda.stream, a.targets, a.rows, a.vocab,
                                   at.counts, at.beyond)));
  BELLE_TRY(check_cuda(kOp, launch(pick_rows, grid, block, 0, cuda.stream, a.targets, a.rows, at.counts,
                                   at.beyond, at.picked, at.result)));
  if (a.supervised) {
    *count = *a.supervised;
    return {};
  }
  BELLE_TRY(
      check_cuda(kOp, cudaMemcpyAsync(count, at.result, sizeof *count, cudaMemcpyDeviceToHost, cuda.stream)));
  BELLE_TRY(check_cuda(kOp, cudaStreamSynchronize(cuda.stream)));
  if (*count >= 0) return {};
  const int64_t row = -1 - *count;
  int32_t target = 0;
  BELLE_TRY(check_cuda(
      kOp, cudaMemcpyAsync(&target, a.targets + row, sizeof target, cudaMemcpyDeviceToHost, cuda.stream)));
  BELLE_TRY(check_cuda(kOp, cudaStreamSynchronize(cuda.stream)));
  return {StatusCode::invalid_argument, std::string(kOp) + ": the target of row " + std::to_string(row) +
                                            " is " + std::to_string(target) + ", the vocabulary has " +
                                            std::to_string(a.vocab) + " rows; check the labels"};
}

// The rows picked[0, count).
struct Chunk {
  const int64_t* picked;
  int64_t count;
  const void* hidden;
  void* dhidden;
  float* sums;
};

const void* offset(const void* base, int64_t elements, int32_t type) {
  return static_cast<const char*>(base) + elements * size_of(type);
}
void* offset(void* base, int64_t elements, int32_t type) {
  return static_cast<char*>(base) + elements * size_of(type);
}

// logits = hidden head^T, of the vocabulary's rows [from, from + count).
Status multiply_logits(Context& cuda, const Arguments& a, const Chunk& chunk, int64_t ld, int64_t from,
                       int64_t count) {
  belle_gemm_args g = {};
  g.m = chunk.count, g.n = count, g.k = a.d;
  g.a = chunk.hidden, g.lda = a.d;
  g.b = offset(a.head, from * a.d, a.type), g.ldb = a.d, g.transpose_b = 1;
  g.c = offset(a.logits_scratch, from, a.type), g.ldc = ld;
  g.alpha = 1;
  g.a_type = g.b_type = g.c_type = a.type;
  return gemm(cuda, g);
}

// dhidden = dlogits head.
Status multiply_hidden(Context& cuda, const Arguments& a, const Chunk& chunk, int64_t ld, int64_t whole) {
  const bool cut = whole != a.vocab;
  belle_gemm_args g = {};
  g.m = chunk.count, g.n = a.d, g.k = whole;
  g.a = a.logits_scratch, g.lda = ld;
  g.b = a.head, g.ldb = a.d;
  g.c = cut ? chunk.sums : chunk.dhidden, g.ldc = a.d;
  g.alpha = 1;
  g.a_type = g.b_type = a.type, g.c_type = cut ? BELLE_F32 : a.type;
  BELLE_TRY(gemm(cuda, g));
  if (!cut) return {};
  return check_cuda(kOp, launch(finish_hidden, dim3{blocks_of(chunk.count, 1)}, dim3{kCopyThreads}, 0,
                                cuda.stream, static_cast<bf16*>(chunk.dhidden), chunk.sums,
                                static_cast<const bf16*>(offset(a.logits_scratch, whole, a.type)), ld,
                                static_cast<const bf16*>(offset(a.head, whole * a.d, a.type)),
                                static_cast<int>(a.vocab - whole), a.d));
}

// dhead += dlogits^T hidden, of the vocabulary's rows [from, from + count).
Status multiply_head(Context& cuda, const Arguments& a, const Chunk& chunk, int64_t ld, int64_t from,
                     int64_t count, bool accumulate) {
  belle_gemm_args g = {};
  g.m = count, g.n = a.d, g.k = chunk.count;
  g.a = offset(a.logits_scratch, from, a.type), g.lda = ld, g.transpose_a = 1;
  g.b = chunk.hidden, g.ldb = a.d;
  g.c = a.dhead + from * a.d, g.ldc = a.d;
  g.alpha = 1, g.beta = accumulate ? 1.0f : 0.0f;
  g.a_type = g.b_type = a.type, g.c_type = BELLE_F32;
  return gemm(cuda, g);
}

Status run_chunk(Context& cuda, const Arguments& a, const Chunk& chunk, int64_t ld, bool accumulate) {
  const int64_t whole = whole_vocab(a, ld), rest = a.vocab - whole;
  BELLE_TRY(multiply_logits(cuda, a, chunk, ld, 0, whole));
  if (rest > 0) BELLE_TRY(multiply_logits(cuda, a, chunk, ld, whole, rest));

  const LogitRows rows = {.logits = a.logits_scratch,
                          .ld = ld,
                          .vocab = a.vocab,
                          .targets = a.targets,
                          .picked = chunk.picked,
                          .losses = a.losses,
                          .grad_scale = a.grad_scale,
                          .gradient = a.dhidden != nullptr};
  const bool wide = all_aligned(a.logits_scratch) && ld * size_of(a.type) % 16 == 0;
  BELLE_TRY(check_cuda(kOp, with_type(a.type, [&]<class T>(T) {
                         return launch(wide ? logit_rows_kernel<T, true> : logit_rows_kernel<T, false>,
                                       dim3{blocks_of(chunk.count, 1)}, dim3{kLogitThreads}, 0, cuda.stream,
                                       rows);
                       })));
  if (!a.dhidden) return {};
  BELLE_TRY(multiply_hidden(cuda, a, chunk, ld, whole));
  if (!a.dhead) return {};
  BELLE_TRY(multiply_head(cuda, a, chunk, ld, 0, whole, accumulate));
  return rest > 0 ? multiply_head(cuda, a, chunk, ld, whole, rest, accumulate) : Status{};
}

Status run_chunks(Context& cuda, const Arguments& a, const Buffers& at, int64_t ld, int64_t supervised) {
  const int64_t row_bytes = a.d * size_of(a.type);
  const bool every_row = supervised == a.rows;  // then nothing is gathered
  if (supervised == 0) return {};
  const int64_t chunks = (supervised + a.chunk_rows - 1) / a.chunk_rows;
  // Chunks of one size, in whole tiles of a product.
  const int64_t rows = std::min(a.chunk_rows, round_up((supervised + chunks - 1) / chunks, 128));
  for (int64_t i = 0; i < supervised; i += rows) {
    Chunk chunk = {at.picked + i, std::min(rows, supervised - i), at.hidden, at.dhidden, at.sums};
    if (every_row) {
      chunk.hidden = static_cast<const char*>(a.hidden) + i * row_bytes;
      chunk.dhidden = a.dhidden ? static_cast<char*>(a.dhidden) + i * row_bytes : nullptr;
    } else {
      BELLE_TRY(move(cuda, true, at.hidden, a.hidden, chunk.picked, chunk.count, row_bytes));
    }
    BELLE_TRY(run_chunk(cuda, a, chunk, ld, a.accumulate || i > 0));
    if (a.dhidden && !every_row)
      BELLE_TRY(move(cuda, false, a.dhidden, at.dhidden, chunk.picked, chunk.count, row_bytes));
  }
  return {};
}

belle_status linear_cross_entropy(void* context, const belle_linear_cross_entropy_args* args) {
  return run_op(context, [&](Context& cuda) -> Status {
    BELLE_TRY(abi::check_linear_cross_entropy(args));
    const Arguments& a = *args;
    if (a.rows == 0) return {};
    const int64_t ld = round_up(a.vocab, 8);  // whole 16 bytes
    const int64_t most = std::min(a.chunk_rows, a.rows), blocks = (a.rows + kRowThreads - 1) / kRowThreads;
    Buffers at = {};
    const bool cut = whole_vocab(a, ld) != a.vocab;
    BELLE_TRY(carve(cuda, a, most, cut, blocks, &at));
    int64_t supervised = 0;
    BELLE_TRY(find_supervised(cuda, a, at, blocks, &supervised));
    const auto zero = [&](void* p, int64_t bytes) {
      return check_cuda(kOp, cudaMemsetAsync(p, 0, static_cast<size_t>(bytes), cuda.stream));
    };
    if (supervised < a.rows) {
      BELLE_TRY(zero(a.losses, a.rows * 4));
      if (a.dhidden) BELLE_TRY(zero(a.dhidden, a.rows * a.d * size_of(a.type)));
    }
    if (supervised == 0 && a.dhidden && a.dhead && !a.accumulate) return zero(a.dhead, a.vocab * a.d * 4);
    return run_chunks(cuda, a, at, ld, supervised);
  });
}

}  // namespace

void set_loss_entries(belle_backend& b) { b.linear_cross_entropy = linear_cross_entropy; }

}  // namespace belle::cuda
