#pragma once
// The CPU backend: native/ops behind the C ABI.
#include <memory>

#include "native/core/status.h"
#include "native/include/belle/backend.h"
#include "native/ops/kernel_table.h"

namespace belle::backend {

// threads = 0: all usable cores. The context lives as long as the returned backend.
std::shared_ptr<belle_backend> open_cpu(const ops::KernelTable& kernels, int threads);

struct CpuMemory {
  uint64_t in_use = 0, peak = 0;  // bytes of buffers from alloc()
};
// `backend` is one that open_cpu returned.
CpuMemory cpu_memory(const belle_backend& backend);

}  // namespace belle::backend
