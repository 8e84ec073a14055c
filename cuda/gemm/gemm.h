#pragma once
// C = alpha op(A) op(B) + beta C (+ bias) (+ residual): cublasLt where it is there and rounds once, else our
// own kernels.
#include <string>

#include "cuda/context.h"

namespace belle::cuda {

// How a product of few rows is to be done: with the bits that its rows have among many, or as fast as can be
// (decoding).
enum class FewRows { as_among_many, fast };

// The arguments are right: the caller has checked them.
Status gemm(Context& cuda, const belle_gemm_args& args, FewRows few = FewRows::as_among_many);

// One sentence: which library multiplies bfloat16 matrices here, or what is missing for it.
std::string gemm_library();

// Our own kernels. The sum over k runs in its order, whatever m and n are: a row of C has the same bits in
// any company.
Status mma_gemm(Context& cuda, const belle_gemm_args& args);    // bfloat16 A and B
Status float_gemm(Context& cuda, const belle_gemm_args& args);  // float32

// Floating-point operations per second of the units that these use, with operands in registers.
Status measure_peak(Context& cuda, int32_t type, double* out);

}  // namespace belle::cuda
