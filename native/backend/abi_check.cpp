#include "native/backend/abi_check.h"

#include <cstddef>
#include <cstring>

namespace belle::backend {

namespace {

struct Entry {
  const char* name;
  size_t offset;
};
#define BELLE_ENTRY(name)                \
  {                                      \
#name, offsetof(belle_backend, name) \
  }
constexpr Entry kEntries[] = {
    BELLE_ENTRY(alloc),
    BELLE_ENTRY(free),
    BELLE_ENTRY(write),
    BELLE_ENTRY(read),
    BELLE_ENTRY(copy),
    BELLE_ENTRY(zero),
    BELLE_ENTRY(synchronize),
    BELLE_ENTRY(gemm),
    BELLE_ENTRY(embedding),
    BELLE_ENTRY(embedding_backward),
    BELLE_ENTRY(rms_norm),
    BELLE_ENTRY(rms_norm_backward),
    BELLE_ENTRY(layer_norm),
    BELLE_ENTRY(layer_norm_backward),
    BELLE_ENTRY(rope),
    BELLE_ENTRY(attention),
    BELLE_ENTRY(attention_backward),
    BELLE_ENTRY(cache_append),
    BELLE_ENTRY(attention_decode),
    BELLE_ENTRY(argmax),
    BELLE_ENTRY(swiglu),
    BELLE_ENTRY(swiglu_backward),
    BELLE_ENTRY(gelu_tanh),
    BELLE_ENTRY(gelu_tanh_backward),
    BELLE_ENTRY(add),
    BELLE_ENTRY(bias_backward),
    BELLE_ENTRY(linear_cross_entropy),
    BELLE_ENTRY(adamw),
    BELLE_ENTRY(sum_squares),
    BELLE_ENTRY(sum),
    BELLE_ENTRY(repeat_begin),
    BELLE_ENTRY(repeat_end),
    BELLE_ENTRY(peak_flops),
};
#undef BELLE_ENTRY
// An entry added to the struct and not here would go unchecked.
static_assert(sizeof(kEntries) / sizeof(Entry) ==
              (sizeof(belle_backend) - offsetof(belle_backend, alloc)) / sizeof(void*));

}  // namespace

Status check_abi_version(uint32_t version) {
  if (version == BELLE_BACKEND_ABI_VERSION) return {};
  return {StatusCode::unsupported, "its ABI version is " + std::to_string(version) + ", this build needs " +
                                       std::to_string(BELLE_BACKEND_ABI_VERSION) +
                                       "; install the backend library of the same release"};
}

Status check_abi(const belle_backend& backend) {
  BELLE_TRY(check_abi_version(backend.abi_version));
  std::string missing;
  for (const Entry& entry : kEntries) {
    void* pointer;
    std::memcpy(&pointer, reinterpret_cast<const char*>(&backend) + entry.offset, sizeof(pointer));
    if (!pointer) missing += (missing.empty() ? "" : ", ") + std::string(entry.name);
  }
  if (missing.empty()) return {};
  return {StatusCode::unsupported,
          "it lacks " + missing + "; install the backend library of the same release"};
}

}  // namespace belle::backend
