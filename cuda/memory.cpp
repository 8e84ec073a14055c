// Buffers of the CUDA backend: device memory, zeroed, counted.

#include "cuda/entries.h"

namespace belle::cuda {

namespace {

belle_status alloc(void* context, size_t bytes, void** out) {
  return run_op(context, [&](Context& cuda) -> Status {
    BELLE_TRY(Check("alloc").pointer("out", out).status());
    *out = nullptr;
    void* memory = nullptr;
    const cudaError_t error = cudaMalloc(&memory, bytes > 0 ? bytes : 1);
    if (error == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      size_t free = 0, total = 0;
      cudaMemGetInfo(&free, &total);
      return {StatusCode::out_of_memory, "alloc: " + show_bytes(bytes) + " were asked, " + show_bytes(free) +
                                             " of the " + show_bytes(total) + " of " + cuda.properties.name +
                                             " are free; use a smaller model, batch or max_length"};
    }
    BELLE_TRY(check_cuda("alloc", error));
    if (const cudaError_t zeroed = cudaMemsetAsync(memory, 0, bytes, cuda.stream); zeroed != cudaSuccess) {
      cudaFree(memory);
      return check_cuda("alloc", zeroed);
    }
    *out = memory;
    return {};
  });
}

void release(void* context, void* buffer) {
  Context& cuda = *static_cast<Context*>(context);
  const std::lock_guard lock(cuda.mutex);
  cudaSetDevice(cuda.device);  // the caller may be a thread that never ran an op
  cudaStreamSynchronize(cuda.stream);
  cuda.repeats.recordings.clear();  // they may hold its address
  cudaFree(buffer);
}

belle_status move(void* context, const char* op, void* to, const void* from, size_t bytes,
                  cudaMemcpyKind kind) {
  const bool with_host = kind != cudaMemcpyDeviceToDevice;
  return run_op(context, [&](Context& cuda) -> Status {
    BELLE_TRY(Check(op).pointer("the target", to, bytes > 0).pointer("the source", from, bytes > 0).status());
    if (with_host && is_recorded(cuda.stream)) return not_recorded(op);
    if (kind == cudaMemcpyHostToDevice && bytes > 0 && bytes <= Staging::kMostBytes)
      return cuda.staging.write(cuda.stream, to, from, bytes);
    if (bytes > 0) BELLE_TRY(check_cuda(op, cudaMemcpyAsync(to, from, bytes, kind, cuda.stream)));
    // Until then host memory must stay as it is.
    return with_host ? check_cuda(op, cudaStreamSynchronize(cuda.stream)) : Status();
  });
}

}  // namespace

void set_memory_entries(belle_backend& b) {
  b.alloc = alloc;
  b.free = release;
  b.write = [](void* c, void* device, const void* host, size_t bytes) {
    return move(c, "write", device, host, bytes, cudaMemcpyHostToDevice);
  };
  b.read = [](void* c, void* host, const void* device, size_t bytes) {
    return move(c, "read", host, device, bytes, cudaMemcpyDeviceToHost);
  };
  b.copy = [](void* c, void* to, const void* from, size_t bytes) {
    return move(c, "copy", to, from, bytes, cudaMemcpyDeviceToDevice);
  };
  b.zero = [](void* c, void* device, size_t bytes) {
    return run_op(c, [&](Context& cuda) -> Status {
      BELLE_TRY(Check("zero").pointer("the buffer", device, bytes > 0).status());
      return bytes == 0 ? Status() : check_cuda("zero", cudaMemsetAsync(device, 0, bytes, cuda.stream));
    });
  };
  b.synchronize = [](void* c) {
    return run_op(
        c, [](Context& cuda) { return check_cuda("synchronize", cudaStreamSynchronize(cuda.stream)); });
  };
}

}  // namespace belle::cuda
