#pragma once
// The register peak: what the multiply units do when nothing else is in the way.
#include "native/ops/multiply.h"

namespace belle::ops {

// Runs `rounds` rounds of the micro-kernel's arithmetic on registers alone and returns the floating-point
// operations that were done.
using Peak = double(Type type, int64_t rounds);
BELLE_KERNEL(Peak, peak)

}  // namespace belle::ops
