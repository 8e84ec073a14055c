#pragma once
// The second stage of sums over rows: the partial sums of fixed blocks of rows, added in a fixed order.
#include "cuda/context.h"

namespace belle::cuda {

// out[d] += the sum over p of parts[p * d + column].
Status add_column_sums(Context& cuda, const char* op, float* out, const float* parts, int64_t count,
                       int64_t d);

// `count` floats of scratch memory, or the refusal.
Result<float*> scratch_floats(Context& cuda, const char* op, int64_t count);

}  // namespace belle::cuda
