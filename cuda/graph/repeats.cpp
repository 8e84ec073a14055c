#include "cuda/graph/repeats.h"

#include <cstdlib>
#include <cstring>

namespace belle::cuda {

namespace {

struct DestroyCaptured {
  void operator()(cudaGraph_t graph) const { cudaGraphDestroy(graph); }
};

}  // namespace

Graph finish_capture(cudaStream_t stream) {
  cudaGraph_t captured = nullptr;
  const cudaError_t ended = cudaStreamEndCapture(stream, &captured);
  const std::unique_ptr<std::remove_pointer_t<cudaGraph_t>, DestroyCaptured> owner(captured);
  if (ended != cudaSuccess || !captured) return nullptr;
  cudaGraphExec_t executable = nullptr;
  return Graph(cudaGraphInstantiate(&executable, captured, 0) == cudaSuccess ? executable : nullptr);
}

Status Repeats::read_environment() {
  const char* graphs = std::getenv("BELLE_CUDA_GRAPHS");
  if (graphs != nullptr && std::strcmp(graphs, "off") != 0) {
    return {StatusCode::invalid_argument, std::string("BELLE_CUDA_GRAPHS is \"") + graphs +
                                              "\"; it can be off, every op by itself, or not set"};
  }
  enabled = graphs == nullptr;
  return {};
}

bool is_recorded(cudaStream_t stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  return cudaStreamIsCapturing(stream, &status) == cudaSuccess && status != cudaStreamCaptureStatusNone;
}

Status not_recorded(const char* op) {
  return {StatusCode::invalid_argument,
          std::string(op) + ": has no place between repeat_begin and repeat_end; call it before or after"};
}

}  // namespace belle::cuda
