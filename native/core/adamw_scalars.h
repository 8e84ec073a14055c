#pragma once
// The scalars of one AdamW step, computed in double and rounded once, as torch.optim.AdamW has them. Plain
// data: kernels of every instruction set include it (native/ops/vector.h says why they take no functions).

namespace belle {

struct AdamWScalars {
  float grad_scale;
  float decay;  // 1 - lr * weight_decay
  float beta2;
  float one_minus_beta1;
  float one_minus_beta2;
  float root_correction2;  // sqrt(1 - beta2^step)
  float eps;
  float step_size;  // lr / (1 - beta1^step)
};

}  // namespace belle
