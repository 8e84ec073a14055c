#pragma once
// Device buffers whose element type is known only at run time: addresses inside them, and their values as
// float32 on the host.
#include <cstdint>
#include <functional>

#include "native/backend/registry.h"
#include "native/core/dtype.h"
#include "native/core/status.h"

namespace belle::model {

inline void* element(void* base, int64_t offset, DType dtype) {
  return static_cast<uint8_t*>(base) + offset * static_cast<int64_t>(dtype_size(dtype));
}
inline const void* element(const void* base, int64_t offset, DType dtype) {
  return static_cast<const uint8_t*>(base) + offset * static_cast<int64_t>(dtype_size(dtype));
}

// float32 or bfloat16; rounded to nearest even when written.
Status read_values(const belle_backend& backend, const void* device, DType dtype, float* out, int64_t count);
Status write_values(const belle_backend& backend, void* device, DType dtype, const float* values,
                    int64_t count);

// Hands `bytes` bytes to sink, a piece at a time, until it fails.
using ByteSink = std::function<Status(const void*, size_t)>;
Status read_bytes(const belle_backend& backend, const void* device, uint64_t bytes, const ByteSink& sink);

}  // namespace belle::model
