#pragma once
// Attention on Hopper: products of warp groups, fed by the copy engine. Head sizes 64 and 128; others, and
// other devices, take the kernels of sm_80.
#include "cuda/attention/attention.h"

namespace belle::cuda {

// BELLE_CUDA_ATTENTION=mma turns to the kernels of sm_80, to compare.
bool hopper_takes(const Context& cuda, const AttentionInputs& in);

// A task is kMmaBlock queries.
Status attention_forward_hopper(Context& cuda, const AttentionInputs& in, AttentionTasks queries);
// dq, dk and dv. A task is kMmaBlock keys; those of a document in ascending order.
Status attention_backward_hopper(Context& cuda, const AttentionInputs& in, const AttentionGradients& g,
                                 int32_t documents, AttentionTasks keys);

}  // namespace belle::cuda
