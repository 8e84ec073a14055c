// The runtime API: one device of host memory; everything is done when the call returns.
#include <cuda_runtime.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "test/cuda/emulated/arena.h"
#include "test/cuda/emulated/stream.h"

using belle::cuda::emulated::Arena;
using belle::cuda::emulated::OpenMemory;
namespace emulated = belle::cuda::emulated;

struct belle_emulated_executable {
  belle_emulated_graph graph;
};

namespace {

// The stream that this thread captures: calls that wait for a device or change its memory are not for graphs.
thread_local cudaStream_t capturing = nullptr;
bool spoils_capture() {
  if (capturing) capturing->spoiled = true;
  return capturing != nullptr;
}

// BELLE_EMULATED_FAILURE names a call that fails, for tests of what comes then.
bool fails(const char* call) {
  const char* named = std::getenv("BELLE_EMULATED_FAILURE");
  return named != nullptr && std::strcmp(named, call) == 0;
}

std::set<void*> pinned;
std::mutex pinned_mutex;
bool is_pinned(const void* memory) {
  const std::lock_guard lock(pinned_mutex);
  return pinned.contains(const_cast<void*>(memory));
}

void let_arrive(cudaStream_t stream) {
  if (!stream || stream->arriving.empty()) return;
  const OpenMemory open;
  for (const auto& copy : std::exchange(stream->arriving, {})) copy();
}

}  // namespace

struct belle_emulated_event {
  std::chrono::steady_clock::time_point at;
  cudaStream_t stream = nullptr;
  int64_t behind = 0;  // of a stand-in's work on the stream
};

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInsufficientDriver:
      return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorStreamCaptureUnsupported:
      return "operation not permitted when stream is capturing";
    case cudaErrorStreamCaptureInvalidated:
      return "operation failed due to a previous error during capture";
    case cudaErrorNotReady:
      return "device not ready";
    case cudaErrorNoDevice:
      return "no CUDA-capable device is detected";
    default:
      return "invalid argument";
  }
}
const char* cudaGetErrorName(cudaError_t error) { return error == cudaSuccess ? "cudaSuccess" : "cudaError"; }
cudaError_t cudaGetLastError() { return cudaSuccess; }

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new belle_emulated_stream;
  (*stream)->open_memory = [] { Arena::one().open(); };
  (*stream)->close_memory = [] { Arena::one().close(); };
  (*stream)->submit = [](cudaStream_t to, std::function<int()> work) {
    return static_cast<int>(
        emulated::submit(to, [work = std::move(work)] { return static_cast<cudaError_t>(work()); }));
  };
  (*stream)->arrive = let_arrive;
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (stream && stream->captured && spoils_capture()) return cudaErrorStreamCaptureUnsupported;
  let_arrive(stream);
  while (stream && stream->done < stream->begun) std::this_thread::sleep_for(std::chrono::microseconds(50));
  return cudaSuccess;
}

cudaError_t emulated::submit(cudaStream_t stream, std::function<cudaError_t()> work) {
  if (stream && stream->captured) {
    stream->captured->work.push_back([work = std::move(work)] { return static_cast<int>(work()); });
    return cudaSuccess;
  }
  cudaStreamSynchronize(stream);
  return work();
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  if (stream->captured || capturing || fails("cudaStreamBeginCapture")) return cudaErrorInvalidValue;
  cudaStreamSynchronize(stream);
  stream->captured = std::make_unique<belle_emulated_graph>();
  stream->spoiled = false;
  capturing = stream;
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  *graph = nullptr;
  if (!stream->captured || capturing != stream) return cudaErrorInvalidValue;
  capturing = nullptr;
  const auto captured = std::move(stream->captured);
  if (stream->spoiled || fails("cudaStreamEndCapture")) return cudaErrorStreamCaptureInvalidated;
  *graph = new belle_emulated_graph(*captured);
  return cudaSuccess;
}
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  *status = stream && stream->captured ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  if (fails("cudaGraphInstantiate")) return cudaErrorMemoryAllocation;
  *executable = new belle_emulated_executable{*graph};
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  if (stream->captured || fails("cudaGraphLaunch")) return cudaErrorStreamCaptureUnsupported;
  cudaStreamSynchronize(stream);
  for (const auto& work : executable->graph.work) {
    const auto error = static_cast<cudaError_t>(work());
    if (error != cudaSuccess) return error;
  }
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  delete executable;
  return cudaSuccess;
}

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
  if (spoils_capture()) return cudaErrorStreamCaptureUnsupported;
  *out = bytes > 0 ? Arena::one().allocate(bytes) : nullptr;
  return bytes == 0 || *out != nullptr ? cudaSuccess : cudaErrorMemoryAllocation;
}
cudaError_t cudaFree(void* buffer) {
  if (buffer && spoils_capture()) return cudaErrorStreamCaptureUnsupported;
  return buffer == nullptr || Arena::one().release(buffer) ? cudaSuccess : cudaErrorInvalidValue;
}
cudaError_t cudaMallocHost(void** out, size_t bytes) {
  if (spoils_capture()) return cudaErrorStreamCaptureUnsupported;
  *out = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  const std::lock_guard lock(pinned_mutex);
  if (*out) pinned.insert(*out);
  return *out != nullptr || bytes == 0 ? cudaSuccess : cudaErrorMemoryAllocation;
}
cudaError_t cudaFreeHost(void* buffer) {
  {
    const std::lock_guard lock(pinned_mutex);
    pinned.erase(buffer);
  }
  std::free(buffer);
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  *free = *total = size_t{8} << 30;
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  Arena& arena = Arena::one();
  const auto fits = [&](const void* memory, bool of_device) {
    return of_device ? arena.holds(memory, bytes) : !arena.covers(reinterpret_cast<uintptr_t>(memory));
  };
  if (!fits(to, kind != cudaMemcpyDeviceToHost) || !fits(from, kind != cudaMemcpyHostToDevice))
    return cudaErrorInvalidValue;
  if (kind != cudaMemcpyDeviceToDevice && stream && stream->captured && spoils_capture())
    return cudaErrorStreamCaptureUnsupported;
  if (kind == cudaMemcpyHostToDevice && stream && is_pinned(from)) {
    stream->arriving.push_back([=] { std::memcpy(to, from, bytes); });
    return cudaSuccess;
  }
  return emulated::submit(stream, [=] {
    const OpenMemory open;
    std::memmove(to, from, bytes);
    return cudaSuccess;
  });
}
cudaError_t cudaMemsetAsync(void* device, int value, size_t bytes, cudaStream_t stream) {
  if (!Arena::one().holds(device, bytes)) return cudaErrorInvalidValue;
  return emulated::submit(stream, [=] {
    const OpenMemory open;
    std::memset(device, value, bytes);
    return cudaSuccess;
  });
}

cudaError_t cudaEventCreate(cudaEvent_t* event) {
  *event = new belle_emulated_event;
  return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) { return cudaEventCreate(event); }
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  event->at = std::chrono::steady_clock::now();
  event->stream = stream;
  event->behind = stream ? stream->begun.load() : 0;
  return cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  return event->stream && event->stream->done < event->behind ? cudaErrorNotReady : cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (spoils_capture()) return cudaErrorStreamCaptureUnsupported;
  let_arrive(event->stream);
  while (cudaEventQuery(event) != cudaSuccess) std::this_thread::sleep_for(std::chrono::microseconds(50));
  return cudaSuccess;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to) {
  *milliseconds = std::chrono::duration<float, std::milli>(to->at - from->at).count();
  return cudaSuccess;
}
