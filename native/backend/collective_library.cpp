#include "native/backend/collective_library.h"

#include <dlfcn.h>

#include <memory>
#include <string>

namespace belle::backend {

namespace {

struct Release {  // of one use; the library stays loaded
  void operator()(void* library) const { dlclose(library); }
};

}  // namespace

Result<CollectiveLibrary> collective_library(const belle_backend& backend) {
  CollectiveLibrary out;
  Dl_info info = {};
  if (dladdr(reinterpret_cast<const void*>(backend.gemm), &info) && info.dli_fname) {
    const std::unique_ptr<void, Release> library(dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD));
    const auto find = [&](const char* name) { return library ? dlsym(library.get(), name) : nullptr; };
    out.make_id = reinterpret_cast<belle_collective_make_id_fn>(find("belle_collective_make_id"));
    out.open = reinterpret_cast<belle_collective_open_fn>(find("belle_collective_open"));
    out.close = reinterpret_cast<belle_collective_close_fn>(find("belle_collective_close"));
  }
  if (out.make_id && out.open && out.close) return out;
  return Status(StatusCode::unsupported,
                "the " + std::string(backend.name) +
                    " backend connects no ranks; use world size 1, or the CUDA backend of this release");
}

Status check_collective(const belle_collective& c) {
  if (c.abi_version != BELLE_COLLECTIVE_ABI_VERSION) {
    return {StatusCode::unsupported, "its collective ABI version is " + std::to_string(c.abi_version) +
                                         ", this build needs " +
                                         std::to_string(BELLE_COLLECTIVE_ABI_VERSION) +
                                         "; install the backend library of the same release"};
  }
  if (c.name && c.description && c.all_reduce && c.reduce_scatter && c.all_gather && c.broadcast && c.poll &&
      c.finish && c.abort)
    return {};
  return {StatusCode::unsupported,
          "it lacks entries of collective.h; install the backend library of the same release"};
}

}  // namespace belle::backend
