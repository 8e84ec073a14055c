#include "native/backend/registry.h"

#include "native/backend/cpu_backend.h"
#include "native/backend/cpu_isa.h"
#include "native/backend/cuda_library.h"

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

std::vector<BackendInfo> list() {
  const auto info = [](const char* name, const Result<std::shared_ptr<belle_backend>>& opened) {
    return BackendInfo{.name = name,
                       .available = opened.ok(),
                       .reason = opened.status().message(),
                       .description = opened.ok() ? opened.value()->description : ""};
  };
  return {info("cpu", open_cpu_by_name(1)), info("cuda", open_cuda(0))};
}

Result<std::shared_ptr<belle_backend>> open(const std::string& name, int threads) {
  if (name == "cpu") return open_cpu_by_name(threads);
  if (name == "cuda") return open_cuda(0);
  if (name == "auto") {
    auto cuda = open_cuda(0);
    if (cuda.ok()) return cuda;
    return open_cpu_by_name(threads);
  }
  return Status(StatusCode::invalid_argument,
                "there is no backend \"" + name.substr(0, 64) + "\"; use auto, cpu or cuda");
}

}  // namespace belle::backend
