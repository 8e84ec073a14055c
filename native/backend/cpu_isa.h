#pragma once
// Which instruction sets this build has and this CPU runs.
#include <vector>

#include "native/core/status.h"
#include "native/ops/kernel_table.h"

namespace belle::backend {

// Best first; the last is always "baseline".
std::vector<const ops::KernelTable*> usable_kernels();
// The best, or the one BELLE_CPU_ISA names; a name that is unknown or that this CPU cannot run is an error.
Result<const ops::KernelTable*> choose_kernels();

}  // namespace belle::backend
