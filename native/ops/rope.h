#pragma once
// Rotary position embedding (Su et al. 2021) in the rotate-half layout of Hugging Face LLaMA, angles and
// tables float32: inverse_frequency(i) = 1 / theta^(2i / head_dim), angle = position * inverse_frequency,
// each rounded to float32. Reference: rope in test/native/ops/reference.h.
#include "native/ops/kernel.h"

namespace belle::ops {

// table[head_dim] = the cosines of one position's head_dim / 2 angles, then their sines. head_dim is even.
using RopeTable = void(float* table, int32_t position, int32_t head_dim, float theta);
BELLE_KERNEL(RopeTable, rope_table)

// Rotates x[h*head_stride + e], h < heads, e < head_dim in place by one position's table; inverse rotates
// back.
using RopeRotate = void(void* x, const float* table, int32_t heads, int32_t head_dim, int64_t head_stride,
                        int32_t inverse, Type type);
BELLE_KERNEL(RopeRotate, rope_rotate)

}  // namespace belle::ops
