#include "cuda/context.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace belle::cuda {

namespace {

constexpr uint64_t kRoom = 4096;  // that an array may grow by until it gets other memory

}  // namespace

Status check_cuda(const char* op, cudaError_t error) {
  if (error == cudaSuccess) return {};
  const StatusCode code =
      error == cudaErrorMemoryAllocation ? StatusCode::out_of_memory : StatusCode::internal;
  return {code, std::string(op) + ": CUDA says " + cudaGetErrorString(error) + " (" +
                    cudaGetErrorName(error) + ")"};
}

void* Scratch::reserve(cudaStream_t stream, uint64_t bytes) {
  if (bytes <= bytes_ && memory_) return memory_;
  if (is_recorded(stream)) return nullptr;
  ++moves_;
  cudaStreamSynchronize(stream);
  cudaFree(memory_);
  // Packs differ in their number of documents: what grew once leaves room for the next.
  const uint64_t rounded = bytes + (bytes_ > 0 ? bytes / 8 : 0) + 256;
  memory_ = nullptr;
  bytes_ = 0;
  if (cudaMalloc(&memory_, rounded) != cudaSuccess) {
    cudaGetLastError();  // told by the null pointer, not by the next call
    memory_ = nullptr;
    return nullptr;
  }
  bytes_ = rounded;
  return memory_;
}

Status scratch_missing(const char* op, int64_t bytes) {
  return {StatusCode::out_of_memory,
          std::string(op) + ": no " + show_bytes(static_cast<uint64_t>(bytes)) +
              " of scratch memory left on the device; use smaller batches or max_length"};
}

Staging::~Staging() {
  for (Slot& slot : slots_) {
    if (slot.copied) cudaEventDestroy(slot.copied);
    cudaFreeHost(slot.pinned);
    cudaFree(slot.device);
  }
}

Result<Staging::Slot*> Staging::hold(cudaStream_t stream, const void* host, uint64_t bytes) {
  if (is_recorded(stream)) return not_recorded("upload");  // a replay would find another call's array
  Slot& slot = slots_[next_];
  next_ = (next_ + 1) % kSlots;
  if (!slot.copied) BELLE_TRY(check_cuda("upload", cudaEventCreate(&slot.copied)));
  if (slot.used) BELLE_TRY(check_cuda("upload", cudaEventSynchronize(slot.copied)));
  if (bytes > slot.pinned_bytes) {
    cudaFreeHost(slot.pinned);
    slot.pinned = nullptr;
    slot.pinned_bytes = 0;
    BELLE_TRY(check_cuda("upload", cudaMallocHost(&slot.pinned, bytes + kRoom)));
    slot.pinned_bytes = bytes + kRoom;
  }
  std::memcpy(slot.pinned, host, bytes);
  return &slot;
}

Status Staging::send(cudaStream_t stream, Slot& slot, void* device, uint64_t bytes) {
  BELLE_TRY(
      check_cuda("upload", cudaMemcpyAsync(device, slot.pinned, bytes, cudaMemcpyHostToDevice, stream)));
  BELLE_TRY(check_cuda("upload", cudaEventRecord(slot.copied, stream)));
  slot.used = true;
  return {};
}

Status Staging::write(cudaStream_t stream, void* device, const void* host, uint64_t bytes) {
  BELLE_ASSIGN(Slot * slot, hold(stream, host, bytes));
  return send(stream, *slot, device, bytes);
}

Result<const void*> Staging::upload(cudaStream_t stream, const void* host, uint64_t bytes) {
  BELLE_ASSIGN(Slot * slot, hold(stream, host, bytes));
  if (bytes > slot->device_bytes) {
    BELLE_TRY(check_cuda("upload", cudaStreamSynchronize(stream)));  // kernels may read the old one
    cudaFree(slot->device);
    slot->device = nullptr;
    slot->device_bytes = 0;
    BELLE_TRY(check_cuda("upload", cudaMalloc(&slot->device, bytes + kRoom)));
    slot->device_bytes = bytes + kRoom;
  }
  BELLE_TRY(send(stream, *slot, slot->device, bytes));
  return static_cast<const void*>(slot->device);
}

Context::~Context() {
  if (stream) {
    cudaSetDevice(device);  // for the members too: the thread may be one that never ran an op
    cudaStreamSynchronize(stream);
    cudaFree(counter);
    cudaStreamDestroy(stream);
  }
}

Status Context::open(int number) {
  int count = 0, driver = 0;
  const cudaError_t counted = cudaGetDeviceCount(&count);
  if (counted == cudaErrorInsufficientDriver) {
    cudaDriverGetVersion(&driver);
    return {StatusCode::unsupported,
            driver == 0
                ? "no NVIDIA driver is loaded on this machine; install one of CUDA 13 or later, or use the "
                  "CPU backend"
                : "the NVIDIA driver is for CUDA " + std::to_string(driver / 1000) + "." +
                      std::to_string(driver % 1000 / 10) +
                      ", this backend needs 13.0 or later; update the driver, or use the CPU backend"};
  }
  if (counted == cudaErrorNoDevice || (counted == cudaSuccess && count == 0))
    return {StatusCode::not_found, "this machine has no CUDA device that is visible (CUDA_VISIBLE_DEVICES?)"};
  BELLE_TRY(check_cuda("open", counted));
  if (number < 0 || number >= count) {
    return {StatusCode::invalid_argument, "there is no CUDA device " + std::to_string(number) +
                                              "; this machine has " + std::to_string(count) +
                                              ", counted from 0"};
  }
  BELLE_TRY(check_cuda("open", cudaGetDeviceProperties(&properties, number)));
  if (properties.major < 8) {
    return {StatusCode::unsupported,
            std::string(properties.name) + " has compute capability " + std::to_string(properties.major) +
                "." + std::to_string(properties.minor) + "; bfloat16 tensor cores need 8.0 (A100) or later"};
  }
  device = number;
  const char* attention = std::getenv("BELLE_CUDA_ATTENTION");
  if (attention != nullptr && std::strcmp(attention, "mma") != 0) {
    return {StatusCode::invalid_argument, std::string("BELLE_CUDA_ATTENTION is \"") + attention +
                                              "\"; it can be mma, the kernels of sm_80, or not set"};
  }
  BELLE_TRY(repeats.read_environment());
  hopper_attention = properties.major == 9 && attention == nullptr;
  BELLE_TRY(check_cuda("open", cudaSetDevice(number)));
  BELLE_TRY(check_cuda("open", cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking)));
  BELLE_TRY(check_cuda("open", cudaMalloc(reinterpret_cast<void**>(&counter), sizeof *counter)));
  return check_cuda("open", cudaMemsetAsync(counter, 0, sizeof *counter, stream));
}

std::string show_bytes(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f GB", static_cast<double>(bytes) / 1e9);
  return text;
}

}  // namespace belle::cuda
