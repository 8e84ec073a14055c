#include "native/bench/cases.h"

#include <cmath>
#include <utility>
#include <vector>

namespace belle::bench {
namespace {

double size(int64_t count) { return static_cast<double>(count); }

Result<Case> gemm_case(belle_backend& backend, Buffers& buffers, const Request& r) {
  const bool ta = r.layout == Layout::tn, tb = r.layout == Layout::nt;
  belle_gemm_args args = gemm_args(nullptr, ta, nullptr, tb, r.m, r.n, r.k, r.type);
  BELLE_ASSIGN(args.a, buffers.normal({r.m, r.k}, r.type));
  BELLE_ASSIGN(args.b, buffers.normal({r.k, r.n}, r.type, 0.02f));
  // A transposed A is a weight gradient's, which is added to in float32.
  if (ta) args.c_type = BELLE_F32, args.beta = 1;
  BELLE_ASSIGN(args.c, buffers.zeros({r.m, r.n}, ta ? sizeof(float) : size_of(r.type)));
  return Case{.call = [&backend, args] { return backend::from_c(backend.gemm(backend.context, &args)); },
              .flops = 2 * size(r.m) * size(r.n) * size(r.k)};
}

// q, k and v side by side in one row a token, as the model keeps them.
Result<Case> attention_case(belle_backend& backend, Buffers& buffers, const Request& r, bool backward) {
  if (r.documents < 1 || r.tokens < r.documents) {
    return Status(StatusCode::invalid_argument,
                  "bench: documents must be at least 1 and at most tokens; each document needs a token");
  }
  BELLE_TRY(elements({r.heads, r.kv_heads, r.head_dim}).status());
  const int64_t width = (r.heads + 2 * r.kv_heads) * r.head_dim;
  const auto cu_seqlens = std::make_shared<std::vector<int32_t>>();  // host memory the arguments point to
  double pairs = 0;
  for (int64_t i = 0; i <= r.documents; ++i) {
    cu_seqlens->push_back(static_cast<int32_t>(r.tokens * i / r.documents));
    const double length = i == 0 ? 0 : (*cu_seqlens)[i] - (*cu_seqlens)[i - 1];
    pairs += length * (length + 1) / 2;
  }
  const size_t bytes = size_of(r.type);
  belle_attention_backward_args args = {};
  belle_attention_args& forward = args.forward;
  BELLE_ASSIGN(void* qkv, buffers.normal({r.tokens, width}, r.type));
  BELLE_ASSIGN(forward.out, buffers.zeros({r.tokens, r.heads, r.head_dim}, bytes));
  BELLE_ASSIGN(void* lse, buffers.zeros({r.heads, r.tokens}, sizeof(float)));
  const auto part = [&](void* base, int64_t heads) {
    return static_cast<char*>(base) + static_cast<size_t>(heads * r.head_dim) * bytes;
  };
  forward.q = qkv, forward.k = part(qkv, r.heads), forward.v = part(qkv, r.heads + r.kv_heads);
  forward.q_stride = forward.kv_stride = width;
  forward.q_head_stride = forward.kv_head_stride = r.head_dim;
  forward.lse = static_cast<float*>(lse);
  forward.cu_seqlens = cu_seqlens->data();
  forward.documents = static_cast<int32_t>(r.documents);
  forward.heads = static_cast<int32_t>(r.heads);
  forward.kv_heads = static_cast<int32_t>(r.kv_heads);
  forward.head_dim = static_cast<int32_t>(r.head_dim);
  forward.scale = 1 / std::sqrt(static_cast<float>(r.head_dim));
  if (r.alibi) {
    BELLE_ASSIGN(forward.alibi_slopes, buffers.slopes(r.heads));
  }
  forward.type = r.type;
  // Two products of a query and a key row a pair forward, five backward.
  const double product = 2 * pairs * size(r.head_dim) * size(r.heads);
  const auto attend = [&backend, forward, cu_seqlens] {
    return backend::from_c(backend.attention(backend.context, &forward));
  };
  if (!backward) return Case{.call = attend, .flops = 2 * product};
  BELLE_ASSIGN(args.dout, buffers.normal({r.tokens, r.heads, r.head_dim}, r.type));
  BELLE_ASSIGN(void* dqkv, buffers.zeros({r.tokens, width}, bytes));
  args.dq = dqkv, args.dk = part(dqkv, r.heads), args.dv = part(dqkv, r.heads + r.kv_heads);
  BELLE_TRY(attend());  // out and lse
  return Case{
      .call = [&backend, args,
               cu_seqlens] { return backend::from_c(backend.attention_backward(backend.context, &args)); },
      .flops = 5 * product};
}

Result<Case> adamw_case(belle_backend& backend, Buffers& buffers, const Request& r) {
  belle_adamw_args args = {};
  args.n = r.n, args.type = r.type;
  BELLE_ASSIGN(args.weight, buffers.normal({r.n}, r.type, 0.02f));
  if (r.type == BELLE_BF16) {
    BELLE_ASSIGN(void* remainder, buffers.zeros({r.n}, sizeof(int16_t)));
    args.remainder = static_cast<int16_t*>(remainder);
  }
  BELLE_ASSIGN(void* grad, buffers.normal({r.n}, BELLE_F32, 1e-3f));
  BELLE_ASSIGN(void* m, buffers.normal({r.n}, BELLE_F32, 1e-3f));
  BELLE_ASSIGN(args.v, buffers.squares({r.n}, 1e-3f));
  args.grad = static_cast<const float*>(grad), args.m = static_cast<float*>(m);
  args.grad_scale = 1;
  args.lr = 1e-5, args.beta1 = 0.9, args.beta2 = 0.999, args.eps = 1e-8, args.weight_decay = 0.01;
  // Read and written: the 4 bytes of w and the two moments; read: the gradient.
  return Case{.call =
                  [&backend, args]() mutable {
                    ++args.step;
                    return backend::from_c(backend.adamw(backend.context, &args));
                  },
              .bytes = 28 * size(r.n)};
}

Result<Case> rms_norm_case(belle_backend& backend, Buffers& buffers, const Request& r) {
  BELLE_ASSIGN(void* x, buffers.normal({r.rows, r.d}, r.type));
  BELLE_ASSIGN(void* weight, buffers.normal({r.d}, r.type));
  BELLE_ASSIGN(void* out, buffers.zeros({r.rows, r.d}, size_of(r.type)));
  BELLE_ASSIGN(void* rstd, buffers.zeros({r.rows}, sizeof(float)));
  return Case{.call =
                  [&backend, x, weight, out, rstd, r] {
                    return backend::from_c(backend.rms_norm(backend.context, out, static_cast<float*>(rstd),
                                                            x, weight, 1e-6f, r.rows, r.d, r.type));
                  },
              .bytes = 2 * size(r.rows) * size(r.d) * size_of(r.type)};
}

// gate and up side by side, as the model keeps them.
Result<Case> swiglu_case(belle_backend& backend, Buffers& buffers, const Request& r) {
  BELLE_ASSIGN(void* both, buffers.normal({r.rows, 2, r.d}, r.type));
  BELLE_ASSIGN(void* out, buffers.zeros({r.rows, r.d}, size_of(r.type)));
  const void* up = static_cast<char*>(both) + static_cast<size_t>(r.d) * size_of(r.type);
  return Case{.call =
                  [&backend, both, up, out, r] {
                    return backend::from_c(
                        backend.swiglu(backend.context, out, both, up, r.rows, r.d, 2 * r.d, r.type));
                  },
              .bytes = 3 * size(r.rows) * size(r.d) * size_of(r.type)};
}

}  // namespace

belle_gemm_args gemm_args(const void* a, bool ta, const void* b, bool tb, int64_t m, int64_t n, int64_t k,
                          belle_dtype type) {
  belle_gemm_args args = {};
  args.m = m, args.n = n, args.k = k, args.alpha = 1;
  args.a = a, args.lda = ta ? m : k, args.transpose_a = ta;
  args.b = b, args.ldb = tb ? k : n, args.transpose_b = tb;
  args.ldc = n;
  args.a_type = args.b_type = args.c_type = type;
  return args;
}

Result<Case> prepare(belle_backend& backend, Buffers& buffers, const Request& request) {
  switch (request.op) {
    case Op::gemm:
      return gemm_case(backend, buffers, request);
    case Op::attention:
    case Op::attention_backward:
      return attention_case(backend, buffers, request, request.op == Op::attention_backward);
    case Op::linear_cross_entropy:
      return loss_case(backend, buffers, request);
    case Op::linear_cross_entropy_gemms:
      return loss_gemms_case(backend, buffers, request);
    case Op::adamw:
      return adamw_case(backend, buffers, request);
    case Op::rms_norm:
      return rms_norm_case(backend, buffers, request);
    case Op::swiglu:
      return swiglu_case(backend, buffers, request);
    case Op::peak:
      break;
  }
  return Status(StatusCode::internal, "bench: this op has no buffers to prepare");
}

}  // namespace belle::bench
