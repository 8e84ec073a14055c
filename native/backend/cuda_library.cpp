#include "native/backend/cuda_library.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "native/backend/abi_check.h"
#include "native/backend/registry.h"

namespace belle::backend {

namespace {

constexpr const char* kLibrary = "libbelle_cuda.so";

std::string last_error() {
  const char* text = dlerror();
  return text ? text : "no reason given";
}

std::string beside_this_binary() {
  Dl_info info = {};
  if (!dladdr(reinterpret_cast<const void*>(&beside_this_binary), &info) || !info.dli_fname) return "";
  const auto path = std::filesystem::path(info.dli_fname).parent_path() / kLibrary;
  std::error_code ignored;
  return std::filesystem::exists(path, ignored) ? path.string() : "";
}

struct Library {
  void* handle = nullptr;
  std::string path;
};

Result<Library> load() {
  const char* named = std::getenv("BELLE_CUDA_LIB");
  const bool chosen = named && *named;
  Library library{.path = chosen ? named : beside_this_binary()};
  if (library.path.empty()) library.path = kLibrary;
  library.handle = dlopen(library.path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library.handle) return library;
  const std::string why = last_error();
  if (chosen) {
    return Status(StatusCode::not_found, "BELLE_CUDA_LIB names " + library.path +
                                             ", which cannot be loaded (" + why +
                                             "); name another file or unset it");
  }
  return Status(StatusCode::not_found, "the CUDA backend is not installed (" + why +
                                           "); build libbelle_cuda.so or name it by BELLE_CUDA_LIB");
}

}  // namespace

Result<std::shared_ptr<belle_backend>> open_cuda(int device) {
  BELLE_ASSIGN(const Library library, load());
  const auto open = reinterpret_cast<belle_backend_open_fn>(dlsym(library.handle, "belle_backend_open"));
  const auto close = reinterpret_cast<belle_backend_close_fn>(dlsym(library.handle, "belle_backend_close"));
  if (!open || !close) {
    return Status(StatusCode::unsupported, library.path + " is no backend library: it does not export " +
                                               (open ? "belle_backend_close" : "belle_backend_open") +
                                               "; install the one of this release");
  }
  belle_backend* raw = nullptr;
  const Status opened = from_c(open(device, &raw));
  if (!opened.ok()) return opened;
  if (!raw) return Status(StatusCode::internal, library.path + " opened no backend and gave no reason");
  std::shared_ptr<belle_backend> backend(raw, close);
  const Status whole = check_abi(*backend);
  if (!whole.ok()) return Status(whole.code(), library.path + " does not fit: " + whole.message());
  return backend;
}

}  // namespace belle::backend
