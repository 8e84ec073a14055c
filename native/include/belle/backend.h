/* The backend C ABI: what a device must provide so that the model and the trainer, each written once, run on
 * it. Plain C structs and functions; no STL, no exceptions. A backend never sees a model: only ops.
 *
 * Conventions
 * - Every tensor is row-major. Sizes are elements unless a name says bytes.
 * - `void*` buffers are device addresses obtained from alloc() (or offsets into one).
 * - Floating buffers have the dtype the op names (`type`): weights, activations and their gradients alike;
 * statistics, losses, weight gradients and optimizer moments are float32. Inside an op everything is computed
 * in float32 and rounded once, to nearest even, where a bfloat16 result is stored.
 * - All work goes to the backend's one stream, in order; read() and synchronize() wait for it.
 * - Reductions have a fixed order that does not depend on the number of threads or on how documents are
 * packed.
 * - "accumulate": the op adds to what is there (gradients); otherwise it overwrites.
 * - cu_seqlens is host memory: int32 [documents + 1], 0 first, total tokens last; no token sees another
 * document.
 */
#ifndef BELLE_BACKEND_H
#define BELLE_BACKEND_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BELLE_BACKEND_ABI_VERSION 5u

typedef enum belle_dtype { BELLE_F32 = 0, BELLE_BF16 = 1 } belle_dtype;

/* code = 0 is success; other codes are belle::StatusCode. message is UTF-8, NUL-terminated. */
typedef struct belle_status {
  int32_t code;
  char message[252];
} belle_status;

/* C[m,n] = alpha * op(A)[m,k] op(B)[k,n] + beta * C (+ bias[n]) (+ residual[m,n]). Leading dimensions in
 * elements. float32 accumulation, one rounding to c_type. a_type = b_type; c_type that or float32. beta = 0:
 * C is not read. */
typedef struct belle_gemm_args {
  int64_t m, n, k;
  const void* a;
  int64_t lda;
  int32_t transpose_a; /* 0: A is [m,k]; 1: A is stored [k,m] */
  const void* b;
  int64_t ldb;
  int32_t transpose_b; /* 0: B is [k,n]; 1: B is stored [n,k] */
  void* c;
  int64_t ldc;
  float alpha, beta;
  const void* bias;     /* [n] of b_type, or NULL */
  const void* residual; /* [m,n] of c_type with leading dimension ldc, or NULL; may be c */
  int32_t a_type, b_type, c_type;
} belle_gemm_args;

/* Varlen causal attention. Query token t, head h, element e is at q[t*q_stride + h*q_head_stride + e]; k and
 * v likewise with kv head h / (heads / kv_heads). out is [tokens, heads, head_dim] dense; lse is [heads,
 * tokens] float32. score = scale * q·k + alibi_slopes[h] * (key position - query position) when alibi_slopes
 * (float32 [heads], device) is set. */
typedef struct belle_attention_args {
  const void *q, *k, *v;
  int64_t q_stride, q_head_stride, kv_stride, kv_head_stride;
  void* out;
  float* lse;
  const int32_t* cu_seqlens;
  int32_t documents;
  int32_t heads, kv_heads, head_dim;
  float scale;
  const float* alibi_slopes;
  int32_t type;
} belle_attention_args;

/* dq, dk, dv are laid out like q, k, v and are overwritten. */
typedef struct belle_attention_backward_args {
  belle_attention_args forward; /* out and lse as the forward left them */
  const void* dout;             /* [tokens, heads, head_dim] */
  void *dq, *dk, *dv;
} belle_attention_backward_args;

/* The k and v of some tokens into the cache: token t's head h, element e, at k[t*kv_stride + h*kv_head_stride
 * + e], v likewise, goes to row rows[t] (int32, device) of k_cache and v_cache ([rows, kv_heads, head_dim]).
 * No two tokens have the same row. */
typedef struct belle_cache_append_args {
  const void *k, *v;
  int64_t kv_stride, kv_head_stride;
  int64_t tokens;
  const int32_t* rows;
  void *k_cache, *v_cache;
  int32_t kv_heads, head_dim;
  int32_t type;
} belle_cache_append_args;

/* One new token of each of `sequences` sequences against its cache. Sequence s owns cache rows
 * [s*cache_rows, (s+1)*cache_rows) of k_cache and v_cache ([rows, kv_heads, head_dim]); its new token, whose
 * row is there too, is at positions[s] (int32, device) from the first of them. q and out are [sequences,
 * heads, head_dim]. The work is laid out for positions from 0 to longest - 1; another
 * is undefined on a device. */
typedef struct belle_attention_decode_args {
  const void* q;
  int64_t q_stride, q_head_stride;
  const void *k_cache, *v_cache;
  int64_t cache_rows;
  const int32_t* positions;
  int64_t longest; /* at most cache_rows */
  int32_t sequences;
  int32_t heads, kv_heads, head_dim;
  float scale;
  const float* alibi_slopes; /* as in belle_attention_args */
  void* out;
  int32_t type;
} belle_attention_decode_args;

/* Softmax cross-entropy of hidden[rows,d] head[vocab,d]^T over the rows whose target >= 0, in chunks that
 * never hold more than chunk_rows rows of logits. losses[rows] gets each row's loss (0 where unsupervised).
 * When dhidden is set: dhidden[rows,d] is overwritten and dhead[vocab,d] (float32, may be NULL) overwritten,
 * or added to when accumulate, with the gradients of grad_scale * sum(losses). supervised spares a backend
 * whose targets lie on a device the reading back of their number: the rows with a target >= 0, all of them
 * below vocab, as a caller that made the targets knows. A wrong number is undefined on a device. */
typedef struct belle_linear_cross_entropy_args {
  int64_t rows, d, vocab;
  const void* hidden;
  const void* head;
  const int32_t* targets; /* device */
  float* losses;          /* device */
  void* dhidden;
  float* dhead;
  int32_t accumulate;
  float grad_scale;
  void* logits_scratch; /* [chunk_rows, vocab rounded up to a multiple of 8] of `type` */
  int64_t chunk_rows;
  int32_t type;
  const int64_t* supervised; /* host, or NULL: not counted */
} belle_linear_cross_entropy_args;

/* AdamW with decoupled weight decay (Loshchilov & Hutter 2019) as torch.optim.AdamW computes it; step counts
 * from 1. g = grad * grad_scale; w -= lr*weight_decay*w; m,v updated; w -= lr * mhat / (sqrt(vhat) + eps).
 * type float32: weight is w. type bfloat16: w is a float32 in two halves, bits(w) = (weight << 16) +
 * remainder with a signed remainder in [-32768, 32767], so that weight is w rounded to nearest; all zero bits
 * are 0. */
typedef struct belle_adamw_args {
  int64_t n;
  void* weight;
  int16_t* remainder; /* [n] with type bfloat16, else NULL */
  int32_t type;
  const float* grad;
  float *m, *v;
  float grad_scale;
  double lr, beta1, beta2, eps, weight_decay; /* double: 1 - 0.999f is off by 1.3e-5, torch takes 1 - 0.999 */
  int64_t step;
} belle_adamw_args;

typedef struct belle_backend belle_backend;
struct belle_backend {
  uint32_t abi_version;    /* first, always: refuse on mismatch */
  const char* name;        /* "cpu", "cuda" */
  const char* description; /* one line for people: the device and what computes on it; UTF-8 */
  void* context;

  /* memory */
  belle_status (*alloc)(void* context, size_t bytes, void** out); /* 64-byte aligned, zeroed */
  void (*free)(void* context, void* buffer);
  belle_status (*write)(void* context, void* device, const void* host, size_t bytes);
  belle_status (*read)(void* context, void* host, const void* device, size_t bytes);
  belle_status (*copy)(void* context, void* to, const void* from, size_t bytes);
  belle_status (*zero)(void* context, void* device, size_t bytes);
  belle_status (*synchronize)(void* context);

  /* ops; tokens = rows */
  belle_status (*gemm)(void* context, const belle_gemm_args*);
  belle_status (*embedding)(void* context, void* out, const void* table, const int32_t* ids, int64_t tokens,
                            int64_t d, int32_t type);
  /* dtable (float32 [vocab,d]) accumulate; rows summed in token order */
  belle_status (*embedding_backward)(void* context, float* dtable, const void* dout, const int32_t* ids,
                                     int64_t tokens, int64_t d, int64_t vocab, int32_t type);
  /* rstd float32 [tokens] */
  belle_status (*rms_norm)(void* context, void* out, float* rstd, const void* x, const void* weight,
                           float eps, int64_t tokens, int64_t d, int32_t type);
  /* dx overwritten: the norm's gradient (+ residual[tokens,d] when that is set; it may be dx); dweight (may
   * be NULL) accumulate */
  belle_status (*rms_norm_backward)(void* context, void* dx, float* dweight, const void* dout, const void* x,
                                    const void* weight, const float* rstd, const void* residual,
                                    int64_t tokens, int64_t d, int32_t type);
  belle_status (*layer_norm)(void* context, void* out, float* mean, float* rstd, const void* x,
                             const void* weight, const void* bias, float eps, int64_t tokens, int64_t d,
                             int32_t type);
  belle_status (*layer_norm_backward)(void* context, void* dx, float* dweight, float* dbias, const void* dout,
                                      const void* x, const void* weight, const float* mean, const float* rstd,
                                      const void* residual, int64_t tokens, int64_t d, int32_t type);
  /* rotate-half RoPE in place on x[t*stride + h*head_stride + e]; positions int32 [tokens] (device); inverse
   * = 1 rotates back (backward) */
  belle_status (*rope)(void* context, void* x, const int32_t* positions, int64_t tokens, int32_t heads,
                       int32_t head_dim, int64_t stride, int64_t head_stride, float theta, int32_t inverse,
                       int32_t type);
  belle_status (*attention)(void* context, const belle_attention_args*);
  belle_status (*attention_backward)(void* context, const belle_attention_backward_args*);
  belle_status (*cache_append)(void* context, const belle_cache_append_args*);
  belle_status (*attention_decode)(void* context, const belle_attention_decode_args*);
  /* out[r] (int32, device) = the place of the largest of x[r*stride .. r*stride + n), the first of equals; -1
   * where one of them is not a number or the largest is not finite */
  belle_status (*argmax)(void* context, int32_t* out, const float* x, int64_t rows, int64_t n,
                         int64_t stride);
  /* out, dout [tokens, d] dense; gate, up, dgate, dup: row t at t*stride (both halves of one [tokens, 2d]
   * matrix have stride 2d). dgate may be gate, dup may be up. */
  belle_status (*swiglu)(void* context, void* out, const void* gate, const void* up, int64_t tokens,
                         int64_t d, int64_t stride, int32_t type);
  belle_status (*swiglu_backward)(void* context, void* dgate, void* dup, const void* dout, const void* gate,
                                  const void* up, int64_t tokens, int64_t d, int64_t stride, int32_t type);
  belle_status (*gelu_tanh)(void* context, void* out, const void* x, int64_t n, int32_t type);
  belle_status (*gelu_tanh_backward)(void* context, void* dx, const void* dout, const void* x, int64_t n,
                                     int32_t type);
  belle_status (*add)(void* context, void* out, const void* a, const void* b, int64_t n, int32_t type);
  /* dbias[d] accumulate: column sums of dout[tokens,d] */
  belle_status (*bias_backward)(void* context, float* dbias, const void* dout, int64_t tokens, int64_t d,
                                int32_t type);
  belle_status (*linear_cross_entropy)(void* context, const belle_linear_cross_entropy_args*);
  belle_status (*adamw)(void* context, const belle_adamw_args*);
  /* *out (host) = sum of squares in float64, fixed order */
  belle_status (*sum_squares)(void* context, const float* x, int64_t n, double* out);
  /* *out (host) = sum in float64, fixed order */
  belle_status (*sum)(void* context, const float* x, int64_t n, double* out);

  /* Ops that come again. Between repeat_begin and repeat_end, on one thread, a caller may call ops, copy and
   * zero, none that returns a value or reads host memory, and neither alloc nor free; every host argument
   * (sizes, addresses, numbers) follows from `key`, what is in device memory may change from time to time.
   * *done = 1: they are under way already, as they were recorded under this key; the caller calls neither
   * them nor repeat_end, which it does not either when repeat_begin fails. *done = 0: it calls them, then
   * repeat_end, whatever became of them; failed = 1 if one of them failed. *again = 1 from that: they were
   * not run; the caller calls them once more, by themselves. Calls of other threads may wait meanwhile. free
   * ends what was recorded. A backend that records nothing says 0. */
  belle_status (*repeat_begin)(void* context, const void* key, size_t key_bytes, int32_t* done);
  belle_status (*repeat_end)(void* context, int32_t failed, int32_t* again);

  /* *out = floating-point operations per second that this device's matrix units reach on registers, all of
   * its threads together: measured (some 30 ms) at the first call, kept afterwards */
  belle_status (*peak_flops)(void* context, int32_t type, double* out);
};

/* A backend in a library of its own (libbelle_cuda.so) exports these symbols, and `const uint32_t
 * belle_backend_abi` = BELLE_BACKEND_ABI_VERSION, which is compared before anything of the library is called.
 * open fills *out with a backend whose every entry is set; close ends it and frees what it still holds. A
 * library that was opened is never unloaded. */
typedef belle_status (*belle_backend_open_fn)(int32_t device, belle_backend** out); /* "belle_backend_open" */
typedef void (*belle_backend_close_fn)(belle_backend*); /* "belle_backend_close" */

#ifdef __cplusplus
}
#endif
#endif
