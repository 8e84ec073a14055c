#include "native/model/device_value.h"

#include <algorithm>
#include <vector>

namespace belle::model {

static constexpr int64_t kPiece = 1 << 20;  // elements converted at a time

Status read_values(const belle_backend& b, const void* device, DType dtype, float* out, int64_t count) {
  if (dtype == DType::f32) {
    return backend::from_c(b.read(b.context, out, device, static_cast<size_t>(count) * sizeof(float)));
  }
  std::vector<uint16_t> halves(static_cast<size_t>(std::min(count, kPiece)));
  for (int64_t done = 0; done < count; done += kPiece) {
    const auto n = static_cast<size_t>(std::min(kPiece, count - done));
    const void* from = element(device, done, dtype);
    BELLE_TRY(backend::from_c(b.read(b.context, halves.data(), from, n * sizeof(uint16_t))));
    std::transform(halves.data(), halves.data() + n, out + done, bf16_to_f32);
  }
  return {};
}

Status write_values(const belle_backend& b, void* device, DType dtype, const float* values, int64_t count) {
  if (dtype == DType::f32) {
    return backend::from_c(b.write(b.context, device, values, static_cast<size_t>(count) * sizeof(float)));
  }
  std::vector<uint16_t> halves(static_cast<size_t>(std::min(count, kPiece)));
  for (int64_t done = 0; done < count; done += kPiece) {
    const auto n = static_cast<size_t>(std::min(kPiece, count - done));
    std::transform(values + done, values + done + n, halves.data(), f32_to_bf16);
    void* to = element(device, done, dtype);
    BELLE_TRY(backend::from_c(b.write(b.context, to, halves.data(), n * sizeof(uint16_t))));
  }
  return {};
}

Status read_bytes(const belle_backend& b, const void* device, uint64_t bytes, const ByteSink& sink) {
  constexpr uint64_t piece_bytes = 4 << 20;
  std::vector<uint8_t> piece(static_cast<size_t>(std::min(piece_bytes, bytes)));
  for (uint64_t done = 0; done < bytes; done += piece_bytes) {
    const auto size = static_cast<size_t>(std::min(piece_bytes, bytes - done));
    BELLE_TRY(
        backend::from_c(b.read(b.context, piece.data(), static_cast<const uint8_t*>(device) + done, size)));
    BELLE_TRY(sink(piece.data(), size));
  }
  return {};
}

}  // namespace belle::model
