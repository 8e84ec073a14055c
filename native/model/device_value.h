#pragma once
// Device buffers whose element type is known only at run time: addresses inside them, and their values as
// float32 on the host.
#include <cstdint>

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

}  // namespace belle::model
