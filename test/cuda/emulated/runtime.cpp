// The runtime API: one device of host memory; everything is done when the call returns.
#include <cuda_runtime.h>

#include <chrono>
#include <cstdlib>

#include "test/cuda/emulated/arena.h"
#include "test/cuda/emulated/stream.h"

using belle::cuda::emulated::Arena;
using belle::cuda::emulated::OpenMemory;

struct belle_emulated_event {
  std::chrono::steady_clock::time_point at;
};

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInsufficientDriver:
      return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorNoDevice:
      return "no CUDA-capable device is detected";
    default:
      return "invalid argument";
  }
}
const char* cudaGetErrorName(cudaError_t error) { return error == cudaSuccess ? "cudaSuccess" : "cudaError"; }
cudaError_t cudaGetLastError() { return cudaSuccess; }

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  static belle_emulated_stream only = {[] { Arena::one().open(); }, [] { Arena::one().close(); }};
  *stream = &only;
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) { return device == 0 ? cudaSuccess : cudaErrorInvalidValue; }
cudaError_t cudaDriverGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = {"emulated", 8, 0, 4, size_t{8} << 30, 163 * 1024};
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** out, size_t bytes) {
  *out = bytes > 0 ? Arena::one().allocate(bytes) : nullptr;
  return bytes == 0 || *out != nullptr ? cudaSuccess : cudaErrorMemoryAllocation;
}
cudaError_t cudaFree(void* buffer) {
  return buffer == nullptr || Arena::one().release(buffer) ? cudaSuccess : cudaErrorInvalidValue;
}
cudaError_t cudaMallocHost(void** out, size_t bytes) {
  *out = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  return *out != nullptr || bytes == 0 ? cudaSuccess : cudaErrorMemoryAllocation;
}
cudaError_t cudaFreeHost(void* buffer) {
  std::free(buffer);
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  *free = *total = size_t{8} << 30;
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t) {
  Arena& arena = Arena::one();
  const auto fits = [&](const void* memory, bool of_device) {
    return of_device ? arena.holds(memory, bytes) : !arena.covers(reinterpret_cast<uintptr_t>(memory));
  };
  if (!fits(to, kind != cudaMemcpyDeviceToHost) || !fits(from, kind != cudaMemcpyHostToDevice))
    return cudaErrorInvalidValue;
  const OpenMemory open;
  std::memmove(to, from, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* device, int value, size_t bytes, cudaStream_t) {
  if (!Arena::one().holds(device, bytes)) return cudaErrorInvalidValue;
  const OpenMemory open;
  std::memset(device, value, bytes);
  return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t* event) {
  *event = new belle_emulated_event;
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) {
  event->at = std::chrono::steady_clock::now();
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t) { return cudaSuccess; }
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to) {
  *milliseconds = std::chrono::duration<float, std::milli>(to->at - from->at).count();
  return cudaSuccess;
}
