#pragma once
// How fast this CPU multiplies at best, for utilisation figures.
#include "native/backend/cpu_context.h"

namespace belle::backend {

// Floating-point operations per second of all threads together on registers: the best of a few runs of some
// milliseconds.
double measure_peak(CpuContext& context, ops::Type type);

}  // namespace belle::backend
