#include "native/backend/cpu_backend.h"

#include <cstring>
#include <string_view>

#include "native/backend/cpu_entries.h"

namespace belle::backend {

belle_status to_c(const Status& status) {
  belle_status out = {};
  out.code = static_cast<int32_t>(status.code());
  const std::string& text = status.message();
  size_t length = std::min(text.size(), sizeof(out.message) - 1);
  while (length < text.size() && length > 0 && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80)
    --length;
  std::memcpy(out.message, text.data(), length);
  return out;
}

belle_status memory_ran_out() {
  belle_status out = {};
  out.code = static_cast<int32_t>(StatusCode::out_of_memory);
  constexpr std::string_view text =
      "memory ran out in an op of the CPU backend; use a smaller model, batch or max_length";
  text.copy(out.message, sizeof(out.message) - 1);
  return out;
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
  backend.context = &open->context;
  set_memory_entries(backend);
  set_matrix_entries(backend);
  set_loss_entries(backend);
  set_attention_entries(backend);
  set_row_entries(backend);
  set_flat_entries(backend);
  return {open, &backend};
}

CpuMemory cpu_memory(const belle_backend& backend) {
  const CpuContext& context = *static_cast<const CpuContext*>(backend.context);
  return {context.bytes_in_use.load(), context.bytes_peak.load()};
}

}  // namespace belle::backend
