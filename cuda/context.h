#pragma once
// Context: what the CUDA backend keeps between calls: the device, its stream, scratch memory.
#include <cuda_runtime.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <string>

#include "cuda/device/alignment.h"
#include "cuda/graph/repeats.h"
#include "native/abi/check.h"
#include "native/abi/status.h"
#include "native/core/status.h"
#include "native/include/belle/backend.h"

namespace belle::cuda {

using abi::Check;

// Of a runtime call: "gemm: CUDA says ... (name)".
Status check_cuda(const char* op, cudaError_t error);

// Device memory that is allocated at first use, grows and is reused. Its content is lost when it grows; work
// that was given the old memory is waited for.
class Scratch {
 public:
  Scratch() = default;
  ~Scratch() { cudaFree(memory_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  // 256-byte aligned; nullptr when the memory is not to be had, or would have to move while the stream is
  // recorded.
  template <class T>
  T* get(cudaStream_t stream, int64_t count) {
    return static_cast<T*>(reserve(stream, static_cast<uint64_t>(count) * sizeof(T)));
  }
  // How often it has moved.
  uint64_t moves() const { return moves_; }

 private:
  void* reserve(cudaStream_t stream, uint64_t bytes);
  void* memory_ = nullptr;
  uint64_t bytes_ = 0, moves_ = 0;
};

// Small host arrays on their way to the device (tasks of attention, token ids): copied into pinned memory, so
// that the caller's may change at once and nobody waits.
class Staging {
 public:
  static constexpr uint64_t kMostBytes = uint64_t{1} << 18;  // what `write` is for

  Staging() = default;
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  // The array on the device, until the next-but-kSlots call. 16-byte aligned.
  Result<const void*> upload(cudaStream_t stream, const void* host, uint64_t bytes);
  // To a place of the device.
  Status write(cudaStream_t stream, void* device, const void* host, uint64_t bytes);

 private:
  static constexpr int kSlots = 8;
  struct Slot {
    void *pinned = nullptr, *device = nullptr;
    uint64_t pinned_bytes = 0, device_bytes = 0;
    cudaEvent_t copied = nullptr;
    bool used = false;
  };
  // The next slot, the array in its pinned memory.
  Result<Slot*> hold(cudaStream_t stream, const void* host, uint64_t bytes);
  static Status send(cudaStream_t stream, Slot& slot, void* device, uint64_t bytes);
  Slot slots_[kSlots];
  int next_ = 0;
};

// The refusal where Scratch::get had nothing to give.
Status scratch_missing(const char* op, int64_t bytes);

class CublasLt;  // gemm/cublaslt.h

struct Context {
  int device = 0;
  cudaDeviceProp properties = {};
  bool hopper_attention = false;  // attention/hopper, not the kernels of sm_80
  cudaStream_t stream = nullptr;
  std::recursive_mutex mutex;  // one op at a time: the backend's one stream; a recording holds it once more
  Scratch scratch, loss_scratch;
  uint32_t* counter = nullptr;  // of a kernel that hands out work; zero between kernels
  Staging staging;
  Repeats repeats;
  std::shared_ptr<CublasLt> cublaslt;  // from the first GEMM on
  double peak[2] = {};                 // floating-point operations per second by dtype, 0: not measured yet

  ~Context();
  Status open(int number);
};

// Runs an op's body alone on its context and device. No exception crosses the ABI.
template <class Body>
belle_status run_op(void* context, Body body) try {
  Context& cuda = *static_cast<Context*>(context);
  const std::lock_guard lock(cuda.mutex);
  if (const cudaError_t error = cudaSetDevice(cuda.device); error != cudaSuccess)
    return abi::to_c(check_cuda("set device", error));
  return abi::to_c(body(cuda));
} catch (const std::bad_alloc&) {
  return abi::to_c(StatusCode::out_of_memory, "host memory ran out in an op of the CUDA backend");
}

// body(T{}) with the C++ type of a dtype's elements: float or bf16.
template <class Body>
auto with_type(int32_t type, Body body) {
  return type == BELLE_F32 ? body(float{}) : body(uint16_t{});
}

inline unsigned blocks_of(int64_t n, int64_t size) { return static_cast<unsigned>((n + size - 1) / size); }
std::string show_bytes(uint64_t bytes);

}  // namespace belle::cuda
