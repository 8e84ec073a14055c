#pragma once
// Kernels over both element types: written once, as templates with internal linkage, and chosen at the call.
#include "native/ops/kernel.h"
#include "native/ops/vector.h"

namespace belle::ops::BELLE_ISA {

// body(T{}) with T = float or bf16.
template <class Body>
BELLE_INLINE auto with_type(Type type, Body body) {
  return type == Type::bf16 ? body(bf16{}) : body(float{});
}

}  // namespace belle::ops::BELLE_ISA
