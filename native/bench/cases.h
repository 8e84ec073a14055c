#pragma once
// Each op that can be measured, as a call on buffers that are ready.
#include <cstdint>
#include <functional>

#include "native/bench/buffers.h"
#include "native/bench/measure.h"

namespace belle::bench {

struct Case {
  std::function<Status()> call;
  double flops = 0, bytes = 0;  // of one call; see Figure
  int64_t chunk_rows = 0;
  int64_t logits_bytes = 0;
};

// Not for Op::peak, which is no op on buffers. Lives no longer than backend and buffers.
Result<Case> prepare(belle_backend& backend, Buffers& buffers, const Request& request);

// C[m,n] = op(A) op(B), dense, without its C.
belle_gemm_args gemm_args(const void* a, bool ta, const void* b, bool tb, int64_t m, int64_t n, int64_t k,
                          belle_dtype type);

// loss_case.cpp
Result<Case> loss_case(belle_backend& backend, Buffers& buffers, const Request& request);
Result<Case> loss_gemms_case(belle_backend& backend, Buffers& buffers, const Request& request);

}  // namespace belle::bench
