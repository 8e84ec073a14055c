#pragma once
// What every backend asks of an op's arguments, and the sentences in which it refuses them.
#include <algorithm>
#include <string>

#include "native/abi/check.h"

namespace belle::abi {

inline Status check_gemm(const belle_gemm_args* args) {
  BELLE_TRY(Check("gemm").pointer("args", args).status());
  const belle_gemm_args& g = *args;
  const int64_t a_cols = g.transpose_a ? g.m : g.k, b_cols = g.transpose_b ? g.k : g.n;
  return Check("gemm")
      .dtype(g.a_type)
      .dtype(g.c_type)
      .that(g.a_type == g.b_type,
            [] { return std::string("a and b have different dtypes; cast one of them"); })
      .that(g.c_type == g.a_type || g.c_type == BELLE_F32,
            [] { return std::string("c must be float32 or have the dtype of a and b"); })
      .size("m", g.m)
      .size("n", g.n)
      .size("k", g.k)
      .size("lda", g.lda, std::max<int64_t>(1, a_cols))
      .size("ldb", g.ldb, std::max<int64_t>(1, b_cols))
      .size("ldc", g.ldc, std::max<int64_t>(1, g.n))
      .pointer("a", g.a, std::min(g.m, g.k))
      .pointer("b", g.b, std::min(g.k, g.n))
      .pointer("c", g.c, std::min(g.m, g.n))
      .status();
}

inline Status check_heads(const char* op, int32_t heads, int32_t kv_heads, int32_t head_dim) {
  BELLE_TRY(
      Check(op).size("heads", heads, 1).size("kv_heads", kv_heads, 1).size("head_dim", head_dim, 1).status());
  return Check(op)
      .that(heads % kv_heads == 0,
            [&] {
              return std::to_string(heads) + " heads cannot share " + std::to_string(kv_heads) +
                     " kv heads evenly; num_attention_heads must be a multiple of num_key_value_heads";
            })
      .that(head_dim <= 4096,
            [&] { return "head_dim is " + std::to_string(head_dim) + "; at most 4096 is supported"; })
      .status();
}

inline Status check_attention(const char* op, const belle_attention_args& a) {
  BELLE_TRY(
      Check(op).dtype(a.type).size("documents", a.documents).pointer("cu_seqlens", a.cu_seqlens).status());
  BELLE_TRY(check_heads(op, a.heads, a.kv_heads, a.head_dim));
  BELLE_TRY(Check(op)
                .that(a.cu_seqlens[0] == 0,
                      [&] {
                        return "cu_seqlens starts with " + std::to_string(a.cu_seqlens[0]) +
                               "; it must start with 0";
                      })
                .status());
  for (int32_t i = 0; i < a.documents; ++i) {
    BELLE_TRY(Check(op)
                  .that(a.cu_seqlens[i + 1] >= a.cu_seqlens[i],
                        [&] {
                          return "cu_seqlens falls from " + std::to_string(a.cu_seqlens[i]) + " to " +
                                 std::to_string(a.cu_seqlens[i + 1]) + " at entry " + std::to_string(i + 1) +
                                 "; it must not decrease";
                        })
                  .status());
  }
  const int64_t tokens = a.cu_seqlens[a.documents];
  return Check(op)
      .pointer("q", a.q, tokens)
      .pointer("k", a.k, tokens)
      .pointer("v", a.v, tokens)
      .pointer("out", a.out, tokens)
      .pointer("lse", a.lse, tokens)
      .size("q_stride", a.q_stride, 1)
      .size("q_head_stride", a.q_head_stride, 1)
      .size("kv_stride", a.kv_stride, 1)
      .size("kv_head_stride", a.kv_head_stride, 1)
      .status();
}

inline Status check_attention(const belle_attention_args* args) {
  BELLE_TRY(Check("attention").pointer("args", args).status());
  return check_attention("attention", *args);
}

inline Status check_attention_backward(const belle_attention_backward_args* args) {
  constexpr const char* op = "attention_backward";
  BELLE_TRY(Check(op).pointer("args", args).status());
  BELLE_TRY(check_attention(op, args->forward));
  const int64_t tokens = args->forward.cu_seqlens[args->forward.documents];
  return Check(op)
      .pointer("dout", args->dout, tokens)
      .pointer("dq", args->dq, tokens)
      .pointer("dk", args->dk, tokens)
      .pointer("dv", args->dv, tokens)
      .status();
}

// The rows are on the device: whoever reads them says what is wrong with them.
inline Status check_cache_append(const belle_cache_append_args* args) {
  constexpr const char* op = "cache_append";
  BELLE_TRY(Check(op).pointer("args", args).status());
  const belle_cache_append_args& a = *args;
  BELLE_TRY(check_heads(op, a.kv_heads, a.kv_heads, a.head_dim));
  return Check(op)
      .dtype(a.type)
      .size("tokens", a.tokens)
      .that(int64_t{a.kv_heads} * a.head_dim <= INT32_MAX,
            [] { return std::string("a row has more than 2^31 elements"); })
      .size("kv_stride", a.kv_stride, 1)
      .size("kv_head_stride", a.kv_head_stride, 1)
      .pointer("k", a.k, a.tokens)
      .pointer("v", a.v, a.tokens)
      .pointer("rows", a.rows, a.tokens)
      .pointer("k_cache", a.k_cache, a.tokens)
      .pointer("v_cache", a.v_cache, a.tokens)
      .status();
}

// So are the positions.
inline Status check_attention_decode(const belle_attention_decode_args* args) {
  constexpr const char* op = "attention_decode";
  BELLE_TRY(Check(op).pointer("args", args).status());
  const belle_attention_decode_args& a = *args;
  BELLE_TRY(Check(op)
                .dtype(a.type)
                .size("sequences", a.sequences)
                .size("cache_rows", a.cache_rows, 1)
                .size("longest", a.longest, 1)
                .pointer("positions", a.positions, a.sequences)
                .pointer("q", a.q, a.sequences)
                .pointer("k_cache", a.k_cache, a.sequences)
                .pointer("v_cache", a.v_cache, a.sequences)
                .pointer("out", a.out, a.sequences)
                .size("q_stride", a.q_stride, 1)
                .size("q_head_stride", a.q_head_stride, 1)
                .that(a.longest <= a.cache_rows,
                      [&] {
                        return "longest is " + std::to_string(a.longest) + ", a sequence's cache holds " +
                               std::to_string(a.cache_rows) + " rows; give it a larger cache or stop it";
                      })
                .status());
  return check_heads(op, a.heads, a.kv_heads, a.head_dim);
}

// A recording is known by its key.
inline Status check_repeat_begin(const void* key, size_t key_bytes, const int32_t* done) {
  return Check("repeat_begin").pointer("key", key, key_bytes > 0).pointer("done", done).status();
}
inline Status check_repeat_end(const int32_t* again) {
  return Check("repeat_end").pointer("again", again).status();
}

inline Status check_argmax(const int32_t* out, const float* x, int64_t rows, int64_t n, int64_t stride) {
  return Check("argmax")
      .size("rows", rows)
      .size("n", n, 1)
      .size("stride", stride, n)
      .pointer("out", out, rows)
      .pointer("x", x, rows)
      .that(n <= INT32_MAX, [&] { return "n is " + std::to_string(n) + "; a place is an int32"; })
      .that(rows <= INT32_MAX,
            [&] { return "rows is " + std::to_string(rows) + "; at most 2^31 - 1 at a time"; })
      .status();
}

// The targets are on the device: whoever reads them says what is wrong with them.
inline Status check_linear_cross_entropy(const belle_linear_cross_entropy_args* args) {
  constexpr const char* op = "linear_cross_entropy";
  BELLE_TRY(Check(op).pointer("args", args).status());
  const belle_linear_cross_entropy_args& a = *args;
  if (a.supervised && (*a.supervised < 0 || *a.supervised > a.rows)) {
    return {StatusCode::invalid_argument, std::string(op) + ": supervised is " +
                                              std::to_string(*a.supervised) + " of " +
                                              std::to_string(a.rows) + " rows"};
  }
  return Check(op)
      .dtype(a.type)
      .size("rows", a.rows)
      .size("d", a.d, 1)
      .size("vocab", a.vocab, 1)
      .size("chunk_rows", a.chunk_rows, 1)
      .pointer("hidden", a.hidden, a.rows)
      .pointer("head", a.head)
      .pointer("targets", a.targets, a.rows)
      .pointer("losses", a.losses, a.rows)
      .pointer("logits_scratch", a.logits_scratch, a.rows)
      .status();
}

inline Status check_adamw(const belle_adamw_args* args) {
  BELLE_TRY(Check("adamw").pointer("args", args).status());
  const belle_adamw_args& a = *args;
  return Check("adamw")
      .dtype(a.type)
      .size("n", a.n)
      .size("step", a.step, 1)
      .pointer("weight", a.weight, a.n)
      .pointer("remainder", a.remainder, a.type == BELLE_BF16 ? a.n : 0)
      .pointer("grad", a.grad, a.n)
      .pointer("m", a.m, a.n)
      .pointer("v", a.v, a.n)
      .that(a.beta1 >= 0 && a.beta1 < 1,
            [&] { return "beta1 is " + std::to_string(a.beta1) + "; it must be in [0, 1)"; })
      .that(a.beta2 >= 0 && a.beta2 < 1,
            [&] { return "beta2 is " + std::to_string(a.beta2) + "; it must be in [0, 1)"; })
      .that(a.eps >= 0, [&] { return "eps is " + std::to_string(a.eps) + "; it must not be negative"; })
      .status();
}

inline Status check_rope(const void* x, const int32_t* positions, int64_t tokens, int32_t heads,
                         int32_t head_dim, int64_t stride, int64_t head_stride, float theta, int32_t type) {
  return Check("rope")
      .dtype(type)
      .size("tokens", tokens)
      .size("heads", heads, 1)
      .size("head_dim", head_dim, 2)
      .size("stride", stride, 1)
      .size("head_stride", head_stride, 1)
      .pointer("x", x, tokens)
      .pointer("positions", positions, tokens)
      .that(head_dim % 2 == 0,
            [&] { return "head_dim is " + std::to_string(head_dim) + "; RoPE turns pairs, it must be even"; })
      .that(theta > 0, [&] { return "theta is " + std::to_string(theta) + "; rope_theta must be above 0"; })
      .status();
}

inline Status check_rms_norm(const void* out, const float* rstd, const void* x, const void* weight,
                             int64_t tokens, int64_t d, int32_t type) {
  return Check("rms_norm")
      .rows(type, tokens, d)
      .pointer("out", out, tokens)
      .pointer("rstd", rstd, tokens)
      .pointer("x", x, tokens)
      .pointer("weight", weight)
      .status();
}

inline Status check_rms_norm_backward(const void* dx, const void* dout, const void* x, const void* weight,
                                      const float* rstd, int64_t tokens, int64_t d, int32_t type) {
  return Check("rms_norm_backward")
      .rows(type, tokens, d)
      .pointer("dx", dx, tokens)
      .pointer("dout", dout, tokens)
      .pointer("x", x, tokens)
      .pointer("weight", weight)
      .pointer("rstd", rstd, tokens)
      .status();
}

inline Status check_layer_norm(const void* out, const float* mean, const float* rstd, const void* x,
                               const void* weight, const void* bias, int64_t tokens, int64_t d,
                               int32_t type) {
  return Check("layer_norm")
      .rows(type, tokens, d)
      .pointer("out", out, tokens)
      .pointer("mean", mean, tokens)
      .pointer("rstd", rstd, tokens)
      .pointer("x", x, tokens)
      .pointer("weight", weight)
      .pointer("bias", bias)
      .status();
}

inline Status check_layer_norm_backward(const void* dx, const void* dout, const void* x, const void* weight,
                                        const float* mean, const float* rstd, int64_t tokens, int64_t d,
                                        int32_t type) {
  return Check("layer_norm_backward")
      .rows(type, tokens, d)
      .pointer("dx", dx, tokens)
      .pointer("dout", dout, tokens)
      .pointer("x", x, tokens)
      .pointer("weight", weight)
      .pointer("mean", mean, tokens)
      .pointer("rstd", rstd, tokens)
      .status();
}

inline Status check_bias_backward(const float* dbias, const void* dout, int64_t tokens, int64_t d,
                                  int32_t type) {
  return Check("bias_backward")
      .rows(type, tokens, d)
      .pointer("dbias", dbias)
      .pointer("dout", dout, tokens)
      .status();
}

inline Status check_embedding(const void* out, const void* table, const int32_t* ids, int64_t tokens,
                              int64_t d, int32_t type) {
  return Check("embedding")
      .rows(type, tokens, d)
      .pointer("out", out, tokens)
      .pointer("table", table)
      .pointer("ids", ids, tokens)
      .status();
}

inline Status check_embedding_backward(const float* dtable, const void* dout, const int32_t* ids,
                                       int64_t tokens, int64_t d, int64_t vocab, int32_t type) {
  return Check("embedding_backward")
      .rows(type, tokens, d)
      .size("vocab", vocab, 1)
      .pointer("dtable", dtable)
      .pointer("dout", dout, tokens)
      .pointer("ids", ids, tokens)
      .status();
}

inline Status check_swiglu(const void* out, const void* gate, const void* up, int64_t tokens, int64_t d,
                           int64_t stride, int32_t type) {
  return Check("swiglu")
      .rows(type, tokens, d)
      .size("stride", stride, d)
      .pointer("out", out, tokens)
      .pointer("gate", gate, tokens)
      .pointer("up", up, tokens)
      .status();
}

inline Status check_swiglu_backward(const void* dgate, const void* dup, const void* dout, const void* gate,
                                    const void* up, int64_t tokens, int64_t d, int64_t stride, int32_t type) {
  return Check("swiglu_backward")
      .rows(type, tokens, d)
      .size("stride", stride, d)
      .pointer("dgate", dgate, tokens)
      .pointer("dup", dup, tokens)
      .pointer("dout", dout, tokens)
      .pointer("gate", gate, tokens)
      .pointer("up", up, tokens)
      .status();
}

inline Status check_gelu_tanh(const void* out, const void* x, int64_t n, int32_t type) {
  return Check("gelu_tanh").dtype(type).size("n", n).pointer("out", out, n).pointer("x", x, n).status();
}

inline Status check_gelu_tanh_backward(const void* dx, const void* dout, const void* x, int64_t n,
                                       int32_t type) {
  return Check("gelu_tanh_backward")
      .dtype(type)
      .size("n", n)
      .pointer("dx", dx, n)
      .pointer("dout", dout, n)
      .pointer("x", x, n)
      .status();
}

inline Status check_add(const void* out, const void* a, const void* b, int64_t n, int32_t type) {
  return Check("add")
      .dtype(type)
      .size("n", n)
      .pointer("out", out, n)
      .pointer("a", a, n)
      .pointer("b", b, n)
      .status();
}

// sum and sum_squares
inline Status check_sum(const char* op, const float* x, int64_t n, const double* out) {
  return Check(op).size("n", n).pointer("x", x, n).pointer("out", out).status();
}

inline Status check_peak_flops(int32_t type, const double* out) {
  return Check("peak_flops").dtype(type).pointer("out", out).status();
}

}  // namespace belle::abi
