#pragma once
// The entries of the CUDA backend, by subject; backend.cpp puts them together.
#include "cuda/context.h"
#include "native/abi/op_checks.h"

namespace belle::cuda {

void set_memory_entries(belle_backend& backend);       // memory.cpp
void set_repeat_entries(belle_backend& backend);       // repeat.cpp: repeat_begin, repeat_end
void set_gemm_entries(belle_backend& backend);         // gemm/: gemm, peak_flops
void set_attention_entries(belle_backend& backend);    // attention/: forward, backward, decoding
void set_norm_entries(belle_backend& backend);         // ops/norm.cu: RMSNorm, LayerNorm
void set_embedding_entries(belle_backend& backend);    // ops/embedding.cu
void set_rope_entries(belle_backend& backend);         // ops/rope.cu
void set_elementwise_entries(belle_backend& backend);  // ops/elementwise.cu: swiglu, gelu, add
void set_sum_entries(belle_backend& backend);          // ops/sums.cu: bias_backward, sum, sum_squares
void set_argmax_entry(belle_backend& backend);         // ops/argmax.cu
void set_adamw_entries(belle_backend& backend);        // ops/adamw.cu
void set_loss_entries(belle_backend& backend);         // loss/: linear_cross_entropy

}  // namespace belle::cuda
