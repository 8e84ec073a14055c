#pragma once
// The backends this process can use, by name. A backend stays loaded until the process ends.
#include <memory>
#include <string>
#include <vector>

#include "native/abi/status.h"
#include "native/backend/cuda_search.h"
#include "native/core/status.h"
#include "native/include/belle/backend.h"

namespace belle::backend {

struct BackendInfo {
  std::string name;
  bool available = false;
  std::string reason;             // why not, one sentence
  std::string description;        // what it is, when it is available
  std::vector<CudaPlace> places;  // cuda: where its library was looked for
};

// `cuda_package`, here and below: libbelle_cuda.so of the npm package, empty when that is not installed.
std::vector<BackendInfo> list(const std::string& cuda_package = "");

// name: auto | cpu | cuda. threads: CPU threads, 0 = all usable cores. A missing op or an ABI mismatch is an
// error here. The returned backend owns its thread pool and memory accounting; each Model opens its own.
Result<std::shared_ptr<belle_backend>> open(const std::string& name, int threads,
                                            const std::string& cuda_package = "");

// The instruction set the CPU kernels run with: "avx512", "avx2" or "baseline". BELLE_CPU_ISA forces a lower
// one.
std::string cpu_isa();

using abi::from_c;

}  // namespace belle::backend
