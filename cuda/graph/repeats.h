#pragma once
// Repeats: ops that come again, as CUDA graphs. The first times they are run, which chooses algorithms, loads
// kernels and lets scratch memory grow; then their calls are captured from the stream, and from then on one
// launch does them all. What cannot be captured is run as ever.
#include <cuda_runtime.h>

#include <memory>
#include <optional>
#include <string>
#include <type_traits>

#include "cuda/graph/recordings.h"
#include "native/core/status.h"

namespace belle::cuda {

struct DestroyGraph {
  void operator()(cudaGraphExec_t graph) const { cudaGraphExecDestroy(graph); }
};
using Graph = std::unique_ptr<std::remove_pointer_t<cudaGraphExec_t>, DestroyGraph>;

struct Repeats {
  bool enabled = true;  // BELLE_CUDA_GRAPHS
  Recordings<Graph> recordings;
  std::optional<std::string> open;  // the key that is being recorded; its thread holds the context's mutex
  uint64_t scratch_moves = 0;       // of the scratch memory that the recordings know

  // BELLE_CUDA_GRAPHS: off, or not set.
  Status read_environment();
};

// Ends a capture: whatever was captured, as one launch; null where that failed.
Graph finish_capture(cudaStream_t stream);
// Whether the stream's work is being recorded, not done.
bool is_recorded(cudaStream_t stream);
// The refusal of a call that has no place in a recording.
Status not_recorded(const char* op);

}  // namespace belle::cuda
