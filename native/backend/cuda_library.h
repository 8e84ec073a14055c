#pragma once
// One file that may be the CUDA backend: loaded, checked, opened.
#include <memory>
#include <string>

#include "native/core/status.h"
#include "native/include/belle/backend.h"

namespace belle::backend {

struct CudaLibrary {
  enum class State {
    absent,   // there is no such file
    refused,  // it cannot be loaded or is not a backend of this ABI
    failed,   // it fits and opens no device
    used,
  };
  State state = State::absent;
  std::string path;   // of the file that was loaded, else what was asked for
  std::string cause;  // absent or not loadable: the loader's words
  Status status;      // ok when used; else one sentence with the path
  std::shared_ptr<belle_backend> backend;
};

// `file`: a path, or a name without "/" for the loader to find. Opens `device` and checks that the backend is
// whole. A library that was opened is never unloaded; one that does not fit is, before any of its functions
// has run, so that it does not answer to the name of a later one.
CudaLibrary open_cuda_library(const std::string& file, int device);

}  // namespace belle::backend
