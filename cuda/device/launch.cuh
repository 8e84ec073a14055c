#pragma once
// Starting a kernel, and its dynamic shared memory: the two things that the language spells in its own way.
#include <cuda_runtime.h>

namespace belle::cuda {

#if defined(__CUDACC__)

template <class... Parameters, class... Arguments>
cudaError_t launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes,
                   cudaStream_t stream, Arguments... arguments) {
  static_assert(sizeof...(Parameters) == sizeof...(Arguments));
  return [&](Parameters... values) {
    void* pointers[] = {static_cast<void*>(&values)...};
    return cudaLaunchKernel(reinterpret_cast<const void*>(kernel), grid, block, pointers, shared_bytes,
                            stream);
  }(arguments...);
}

__device__ __forceinline__ unsigned char* dynamic_shared() {
  extern __shared__ __align__(1024) unsigned char belle_dynamic_shared[];
  return belle_dynamic_shared;
}

#else

template <class... Parameters, class... Arguments>
cudaError_t launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes,
                   cudaStream_t stream, Arguments... arguments) {
  return emulated::submit(
      stream, [=] { return emulated::run_grid(grid, block, shared_bytes, [&] { kernel(arguments...); }); });
}

inline unsigned char* dynamic_shared() { return emulated::dynamic_shared; }

#endif

}  // namespace belle::cuda
