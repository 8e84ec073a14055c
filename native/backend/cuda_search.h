#pragma once
// Where the CUDA backend, a library of its own, is looked for.
#include <memory>
#include <string>
#include <vector>

#include "native/backend/cuda_library.h"

namespace belle::backend {

struct CudaPlace {
  std::string kind;  // BELLE_CUDA_LIB | package | addon | loader | toolkit | python
  std::string path;  // the file that was looked for, or found; empty: there is no such place
  CudaLibrary::State state = CudaLibrary::State::absent;
  std::string reason;  // why it is not used
};

struct CudaSearch {
  std::shared_ptr<belle_backend> backend;  // null unless one is used
  Status status;                           // why none is: one sentence with what to do
  std::vector<CudaPlace> places;           // looked at, in order; the last is the one in use, if one is
};

// The file BELLE_CUDA_LIB names, and then only that. Else, until one fits: `package` (the file in the npm
// package of the CUDA backend; empty: not installed), beside this binary, the loader's path, CUDA toolkits,
// NVIDIA's folders of Python environments. One that fits and opens no device ends the search: another would
// find the same devices.
CudaSearch search_cuda(int device, const std::string& package);

const char* state_name(CudaLibrary::State state);  // absent | refused | failed | used

}  // namespace belle::backend
