#include "native/backend/cpu_context.h"

#include <cstdio>

namespace belle::backend {

void* Scratch::reserve(uint64_t bytes) {
  if (bytes <= bytes_ && memory_) return memory_.get();
  const uint64_t rounded = (bytes + 63) / 64 * 64 + 64;
  if (rounded < bytes) return nullptr;
  memory_.reset();
  bytes_ = 0;
  memory_.reset(std::aligned_alloc(64, rounded));
  if (memory_) bytes_ = rounded;
  return memory_.get();
}

Status CpuContext::thread_scratch(int64_t floats, const char* op) {
  for (Scratch& scratch : thread) {
    if (!scratch.get<float>(floats)) return scratch_missing(op, floats * 4);
  }
  return {};
}

Status scratch_missing(const char* op, int64_t bytes) {
  return {StatusCode::out_of_memory, std::string(op) + ": no " + show_bytes(static_cast<uint64_t>(bytes)) +
                                         " of scratch memory left; use smaller batches or fewer threads"};
}

std::string show_bytes(uint64_t bytes) {
  const char* unit[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  double value = static_cast<double>(bytes);
  int step = 0;
  for (; value >= 1000 && step < 6; ++step) value /= 1000;
  char text[32];
  std::snprintf(text, sizeof(text), step ? "%.1f %s" : "%.0f %s", value, unit[step]);
  return text;
}

}  // namespace belle::backend
