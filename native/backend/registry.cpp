#include "native/backend/registry.h"

#include "native/backend/cpu_backend.h"
#include "native/backend/cpu_isa.h"
#include "native/backend/cuda_search.h"

namespace belle::backend {

namespace {

Result<std::shared_ptr<belle_backend>> open_cpu_by_name(int threads) {
  if (threads < 0 || threads > 1024) {
    return Status(StatusCode::invalid_argument,
                  "threads is " + std::to_string(threads) + "; use 0 (all usable cores) or 1 to 1024");
  }
  BELLE_ASSIGN(const ops::KernelTable* kernels, choose_kernels());
  return open_cpu(*kernels, threads);
}

}  // namespace

std::vector<BackendInfo> list(const std::string& cuda_package) {
  const auto cpu = open_cpu_by_name(1);
  const CudaSearch cuda = search_cuda(0, cuda_package);
  return {{.name = "cpu",
           .available = cpu.ok(),
           .reason = cpu.status().message(),
           .description = cpu.ok() ? cpu.value()->description : "",
           .places = {}},
          {.name = "cuda",
           .available = cuda.backend != nullptr,
           .reason = cuda.status.message(),
           .description = cuda.backend ? cuda.backend->description : "",
           .places = cuda.places}};
}

Result<std::shared_ptr<belle_backend>> open(const std::string& name, int threads,
                                            const std::string& cuda_package) {
  if (name == "cpu") return open_cpu_by_name(threads);
  if (name == "cuda" || name == "auto") {
    CudaSearch cuda = search_cuda(0, cuda_package);
    if (cuda.backend) return std::move(cuda.backend);
    // A setting that cannot be is told, not passed over.
    const bool wrong = cuda.status.code() == StatusCode::invalid_argument;
    return name == "cuda" || wrong ? cuda.status : open_cpu_by_name(threads);
  }
  return Status(StatusCode::invalid_argument,
                "there is no backend \"" + name.substr(0, 64) + "\"; use auto, cpu or cuda");
}

}  // namespace belle::backend
