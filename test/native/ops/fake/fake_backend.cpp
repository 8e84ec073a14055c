// Backend libraries for registry_test.cpp, one per FAKE_*: whole, of an old ABI, with missing entries, with
// an open that fails, without the symbols.
#include <cstddef>
#include <cstring>

#include "native/include/belle/backend.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

#ifndef FAKE_EMPTY
#ifdef FAKE_OLD
constexpr uint32_t kVersion = 0;
#else
constexpr uint32_t kVersion = BELLE_BACKEND_ABI_VERSION;
#endif

EXPORT const uint32_t belle_backend_abi;
const uint32_t belle_backend_abi = kVersion;

EXPORT belle_status belle_backend_open(int32_t, belle_backend** out) {
  belle_status status = {};
#ifdef FAKE_DEAF
  status.code = 6;
  std::strcpy(status.message, "no CUDA device was found");
  *out = nullptr;
  return status;
#else
  static belle_backend fake;
  void (*entry)() = [] {};
  for (size_t at = offsetof(belle_backend, alloc); at < sizeof(fake); at += sizeof(void*)) {
    std::memcpy(reinterpret_cast<char*>(&fake) + at, &entry, sizeof(entry));
  }
  fake.abi_version = kVersion;
  fake.name = "cuda";
  fake.description = "a device that does not exist";
#ifdef FAKE_PARTIAL
  fake.attention_decode = nullptr;
  fake.sum = nullptr;
#endif
  *out = &fake;
  return status;
#endif
}

EXPORT void belle_backend_close(belle_backend*) {}
#endif
