#pragma once
// How long one op of a backend takes: the op behind the ABI on buffers of its own, nothing around it.
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "native/backend/registry.h"
#include "native/core/status.h"

namespace belle::bench {

enum class Op {
  peak,  // of the matrix units; a backend keeps the first measurement: open a fresh one for another
  gemm,
  attention,
  attention_backward,
  linear_cross_entropy,        // with both gradients
  linear_cross_entropy_gemms,  // the three products in it and nothing else, in the same chunks
  adamw,
  rms_norm,
  swiglu,
};
inline constexpr std::array<const char*, 9> kOpNames = {"peak",  // in Op's order
                                                        "gemm",
                                                        "attention",
                                                        "attention_backward",
                                                        "linear_cross_entropy",
                                                        "linear_cross_entropy_gemms",
                                                        "adamw",
                                                        "rms_norm",
                                                        "swiglu"};
enum class Layout { nn, nt, tn };  // of a and b: n as stored, t transposed
inline constexpr std::array<const char*, 3> kLayoutNames = {"nn", "nt", "tn"};

// What to measure; an op reads its own fields only. Sizes are elements.
struct Request {
  Op op = Op::peak;
  belle_dtype type = BELLE_F32;
  double seconds = 0.2;  // spent on repeats; one is made however long it takes

  int64_t m = 0, n = 0, k = 0;  // gemm; adamw: n
  Layout layout = Layout::nn;

  int64_t tokens = 0, documents = 1;  // attention: documents of equal length
  int64_t heads = 0, kv_heads = 0, head_dim = 0;
  bool alibi = false;

  int64_t rows = 0, d = 0;  // rms_norm, swiglu, linear_cross_entropy
  int64_t vocab = 0;
  int64_t chunk_rows = 0;  // 0: the rows a model takes (native/backend/logit_rows.h)
};

// Of one call. Seconds are wall time; flops and bytes are what the op must do and move at least, 0 where that
// says nothing about its speed.
struct Figure {
  double median = 0, min = 0, max = 0;
  int64_t repeats = 0;
  double flops = 0, bytes = 0;
  int64_t chunk_rows = 0;  // linear_cross_entropy
  int64_t workspace_bytes =
      0;  // linear_cross_entropy: logits, and what the process grew by at the first call
};

// Fills the buffers with the same values every time, calls once to warm up, then repeats. `stop` is looked at
// between calls: aborted.
Result<Figure> measure_op(const std::shared_ptr<belle_backend>& backend, const Request& request,
                          const std::atomic<bool>& stop);

}  // namespace belle::bench
