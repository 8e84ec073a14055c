// libbelle_cuda.so: the two symbols that native/backend/cuda_library.cpp looks for (collective/entries.cpp
// has those of collectives).
#include <memory>
#include <string>

#include "cuda/collective/nccl.h"
#include "cuda/entries.h"
#include "cuda/gemm/gemm.h"

namespace belle::cuda {

namespace {

struct Opened : Context {
  belle_backend backend = {};
  std::string description;
};

std::string describe(const Context& cuda) {
  const cudaDeviceProp& p = cuda.properties;
  return std::string(p.name) + ", compute capability " + std::to_string(p.major) + "." +
         std::to_string(p.minor) + ", " + show_bytes(p.totalGlobalMem) + "; " + gemm_library() + "; " +
         find_nccl().sentence;
}

belle_status open(int32_t device, belle_backend** out) try {
  *out = nullptr;
  auto opened = std::make_unique<Opened>();
  const Status status = opened->open(device);
  if (!status.ok()) return abi::to_c(status);
  belle_backend& b = opened->backend;
  b.abi_version = BELLE_BACKEND_ABI_VERSION;
  b.name = "cuda";
  b.context = static_cast<Context*>(opened.get());
  opened->description = describe(*opened);
  b.description = opened->description.c_str();
  set_memory_entries(b);
  set_repeat_entries(b);
  set_gemm_entries(b);
  set_attention_entries(b);
  set_norm_entries(b);
  set_embedding_entries(b);
  set_rope_entries(b);
  set_elementwise_entries(b);
  set_sum_entries(b);
  set_argmax_entry(b);
  set_adamw_entries(b);
  set_loss_entries(b);
  *out = &opened.release()->backend;
  return {};
} catch (const std::bad_alloc&) {
  return abi::to_c(StatusCode::out_of_memory, "host memory ran out while the CUDA backend was opened");
}

void close(belle_backend* backend) {
  if (backend) delete static_cast<Opened*>(static_cast<Context*>(backend->context));
}

}  // namespace

}  // namespace belle::cuda

extern "C" __attribute__((visibility("default"))) belle_status belle_backend_open(int32_t device,
                                                                                  belle_backend** out) {
  return belle::cuda::open(device, out);
}
extern "C" __attribute__((visibility("default"))) void belle_backend_close(belle_backend* backend) {
  belle::cuda::close(backend);
}
