// Buffers of the CPU backend: plain memory, 64-byte aligned, zeroed, counted.
#include <unistd.h>

#include <cstring>

#include "native/backend/cpu_entries.h"

namespace belle::backend {

namespace {

constexpr uint64_t kHeader = 64;  // keeps the alignment; holds the buffer's size for the accounts

uint64_t physical_bytes() {
  const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  return pages > 0 && size > 0 ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(size) : ~uint64_t{0};
}

belle_status alloc(void* context, size_t bytes, void** out) try {
  CpuContext& cpu = *static_cast<CpuContext*>(context);
  const Check check = Check("alloc").pointer("out", out);
  if (!check.ok()) return to_c(check.status());
  *out = nullptr;
  // More than the machine has would be granted by an overcommitting kernel and end in the out-of-memory
  // killer.
  const uint64_t total = physical_bytes();
  void* block = bytes <= total ? std::aligned_alloc(64, (bytes + 2 * kHeader - 1) / 64 * 64) : nullptr;
  if (!block) {
    return to_c({StatusCode::out_of_memory,
                 "alloc: " + show_bytes(bytes) + " were asked, " + show_bytes(cpu.bytes_in_use) +
                     " are in use by this backend and the machine has " + show_bytes(total) +
                     "; use a smaller model, batch or max_length"});
  }
  std::memset(block, 0, (bytes + 2 * kHeader - 1) / 64 * 64);
  std::memcpy(block, &bytes, sizeof(bytes));
  *out = static_cast<char*>(block) + kHeader;
  const uint64_t now = cpu.bytes_in_use.fetch_add(bytes) + bytes;
  uint64_t peak = cpu.bytes_peak.load();
  while (now > peak && !cpu.bytes_peak.compare_exchange_weak(peak, now)) {
  }
  return {};
} catch (const std::bad_alloc&) {  // of the message: the block itself is not made by new
  return memory_ran_out();
}

void release(void* context, void* buffer) {
  if (!buffer) return;
  char* block = static_cast<char*>(buffer) - kHeader;
  size_t bytes;
  std::memcpy(&bytes, block, sizeof(bytes));
  static_cast<CpuContext*>(context)->bytes_in_use.fetch_sub(bytes);
  std::free(block);
}

belle_status move(void* context, const char* op, void* to, const void* from, size_t bytes) {
  return run_op(context, [&](CpuContext&) -> Status {
    BELLE_TRY(Check(op).pointer("the target", to, bytes > 0).pointer("the source", from, bytes > 0).status());
    if (bytes > 0) std::memmove(to, from, bytes);
    return {};
  });
}

belle_status zero(void* context, void* device, size_t bytes) {
  return run_op(context, [&](CpuContext&) -> Status {
    BELLE_TRY(Check("zero").pointer("the buffer", device, bytes > 0).status());
    if (bytes > 0) std::memset(device, 0, bytes);
    return {};
  });
}

}  // namespace

void set_memory_entries(belle_backend& b) {
  b.alloc = alloc;
  b.free = release;
  b.write = [](void* c, void* device, const void* host, size_t bytes) {
    return move(c, "write", device, host, bytes);
  };
  b.read = [](void* c, void* host, const void* device, size_t bytes) {
    return move(c, "read", host, device, bytes);
  };
  b.copy = [](void* c, void* to, const void* from, size_t bytes) { return move(c, "copy", to, from, bytes); };
  b.zero = zero;
  b.synchronize = [](void* c) { return run_op(c, [](CpuContext&) { return Status(); }); };
}

}  // namespace belle::backend
