#pragma once
// The CUDA backend, a library of its own that is loaded when it is there.
#include <memory>

#include "native/core/status.h"
#include "native/include/belle/backend.h"

namespace belle::backend {

// Loads libbelle_cuda.so: the file BELLE_CUDA_LIB names (and then only that), else the one beside this
// binary, else the loader's path. Opens `device` and checks that the backend is whole. The library is never
// unloaded. Errors are one sentence that says what was tried.
Result<std::shared_ptr<belle_backend>> open_cuda(int device);

}  // namespace belle::backend
