#include "native/backend/cpu_backend.h"

#include "native/backend/cpu_entries.h"

namespace belle::backend {

belle_status memory_ran_out() {
  return abi::to_c(StatusCode::out_of_memory,
                   "memory ran out in an op of the CPU backend; use a smaller model, batch or max_length");
}

namespace {

struct OpenCpu {
  OpenCpu(const ops::KernelTable& kernels, int threads) : context(kernels, threads) {}
  CpuContext context;
  belle_backend backend = {};
};

}  // namespace

std::shared_ptr<belle_backend> open_cpu(const ops::KernelTable& kernels, int threads) {
  auto open = std::make_shared<OpenCpu>(kernels, threads);
  belle_backend& backend = open->backend;
  backend.abi_version = BELLE_BACKEND_ABI_VERSION;
  backend.name = "cpu";
  backend.description = kernels.isa;
  backend.context = &open->context;
  set_memory_entries(backend);
  set_matrix_entries(backend);
  set_loss_entries(backend);
  set_attention_entries(backend);
  set_decode_entries(backend);
  set_row_entries(backend);
  set_flat_entries(backend);
  // An op costs little to call: nothing is recorded.
  backend.repeat_begin = [](void*, const void* key, size_t key_bytes, int32_t* done) {
    const Status checked = abi::check_repeat_begin(key, key_bytes, done);
    if (checked.ok()) *done = 0;
    return to_c(checked);
  };
  backend.repeat_end = [](void*, int32_t, int32_t* again) {
    const Status checked = abi::check_repeat_end(again);
    if (checked.ok()) *again = 0;
    return to_c(checked);
  };
  return {open, &backend};
}

CpuMemory cpu_memory(const belle_backend& backend) {
  const CpuContext& context = *static_cast<const CpuContext*>(backend.context);
  return {context.bytes_in_use.load(), context.bytes_peak.load()};
}

}  // namespace belle::backend
