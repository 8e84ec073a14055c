#pragma once
// Table look-up and its gradient. Reference: embedding_backward in test/native/ops/reference.h.
#include "native/ops/kernel.h"

namespace belle::ops {

// out[rows, d] = table[ids[row], d]; ids are valid.
using Embedding = void(void* out, const void* table, const int32_t* ids, int64_t rows, int64_t d, Type type);
BELLE_KERNEL(Embedding, embedding)

// dtable[ids[row], c] += dout[row, c] for the rows in order and the columns c in [first, last) of d.
using EmbeddingBackward = void(float* dtable, const void* dout, const int32_t* ids, int64_t rows, int64_t d,
                               int64_t first, int64_t last, Type type);
BELLE_KERNEL(EmbeddingBackward, embedding_backward)

}  // namespace belle::ops
