#pragma once
// DeviceBuffer: one allocation on a backend, freed by its destructor. Zeroed when it is made.
#include <cstddef>
#include <memory>
#include <utility>

#include "native/backend/registry.h"
#include "native/core/status.h"

namespace belle::model {

class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  static Result<DeviceBuffer> allocate(std::shared_ptr<belle_backend> backend, size_t bytes) {
    void* data = nullptr;
    BELLE_TRY(backend::from_c(backend->alloc(backend->context, bytes, &data)));
    DeviceBuffer buffer;
    buffer.backend_ = std::move(backend);
    buffer.data_ = data;
    buffer.bytes_ = bytes;
    return buffer;
  }
  DeviceBuffer(DeviceBuffer&& other) noexcept { *this = std::move(other); }
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
    std::swap(backend_, other.backend_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~DeviceBuffer() {
    if (data_ != nullptr) backend_->free(backend_->context, data_);
  }

  float* floats() const { return static_cast<float*>(data_); }
  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  std::shared_ptr<belle_backend> backend_;
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace belle::model
