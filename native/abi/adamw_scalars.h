#pragma once
// AdamWScalars of an op's arguments.
#include <cmath>

#include "native/core/adamw_scalars.h"
#include "native/include/belle/backend.h"

namespace belle::abi {

inline AdamWScalars adamw_scalars(const belle_adamw_args& a) {
  const double correction1 = 1 - std::pow(a.beta1, static_cast<double>(a.step));
  const double correction2 = 1 - std::pow(a.beta2, static_cast<double>(a.step));
  return {.grad_scale = a.grad_scale,
          .decay = static_cast<float>(1 - a.lr * a.weight_decay),
          .beta2 = static_cast<float>(a.beta2),
          .one_minus_beta1 = static_cast<float>(1 - a.beta1),
          .one_minus_beta2 = static_cast<float>(1 - a.beta2),
          .root_correction2 = static_cast<float>(std::sqrt(correction2)),
          .eps = static_cast<float>(a.eps),
          .step_size = static_cast<float>(a.lr / correction1)};
}

}  // namespace belle::abi
