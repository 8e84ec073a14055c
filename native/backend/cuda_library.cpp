#include "native/backend/cuda_library.h"

#include <dlfcn.h>
#include <link.h>

#include <cstring>
#include <filesystem>

#include "native/abi/status.h"
#include "native/backend/abi_check.h"
#include "native/backend/shared_object.h"

namespace belle::backend {

namespace {

using State = CudaLibrary::State;

struct Unload {
  void operator()(void* library) const { dlclose(library); }
};

std::string loaded_path(void* library, const std::string& file) {
  link_map* map = nullptr;
  if (dlinfo(library, RTLD_DI_LINKMAP, &map) != 0 || !map || !map->l_name || !*map->l_name) return file;
  return map->l_name;
}

CudaLibrary not_loaded(State state, const std::string& file, const std::string& why) {
  return {.state = state,
          .path = file,
          .cause = why,
          .status = Status(StatusCode::not_found,
                           file + " cannot be loaded (" + why + "); install the backend library again"),
          .backend = nullptr};
}

CudaLibrary refused(const std::string& path, Status status, State state = State::refused) {
  return {.state = state, .path = path, .cause = "", .status = std::move(status), .backend = nullptr};
}

}  // namespace

CudaLibrary open_cuda_library(const std::string& file, int device) {
  const bool is_path = file.find('/') != std::string::npos;
  if (is_path) {
    std::error_code error;
    if (!std::filesystem::exists(file, error))
      return not_loaded(State::absent, file, "there is no such file");
    const Status loadable = check_shared_object(file);
    if (!loadable.ok()) return not_loaded(State::refused, file, loadable.message());
  }
  std::unique_ptr<void, Unload> library(dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL));
  if (!library) {
    const char* text = dlerror();
    const std::string why = text ? text : "no reason given";
    // The loader begins with the name it did not find, or with the path of what it found and cannot use.
    const bool absent = !is_path && why.starts_with(file + ":");
    return not_loaded(absent ? State::absent : State::refused, file, why);
  }
  const std::string path = loaded_path(library.get(), file);
  const auto symbol = [&](const char* name) { return dlsym(library.get(), name); };
  for (const char* name : {"belle_backend_open", "belle_backend_close", "belle_backend_abi"}) {
    if (symbol(name)) continue;
    return refused(path, {StatusCode::unsupported, path + " is no backend library: it does not export " +
                                                       name + "; install the one of this release"});
  }
  uint32_t version = 0;
  std::memcpy(&version, symbol("belle_backend_abi"), sizeof(version));
  const auto misfit = [&](const Status& why) {
    return refused(path, {why.code(), path + " does not fit: " + why.message()});
  };
  if (const Status same = check_abi_version(version); !same.ok()) return misfit(same);
  const auto open = reinterpret_cast<belle_backend_open_fn>(symbol("belle_backend_open"));
  const auto close = reinterpret_cast<belle_backend_close_fn>(symbol("belle_backend_close"));
  static_cast<void>(library.release());  // from here on it may have started threads
  belle_backend* raw = nullptr;
  const Status opened = abi::from_c(open(device, &raw));
  if (!opened.ok()) return refused(path, opened, State::failed);
  if (!raw) {
    return refused(path, {StatusCode::internal, path + " opened no backend and gave no reason"},
                   State::failed);
  }
  std::shared_ptr<belle_backend> backend(raw, close);
  if (const Status whole = check_abi(*backend); !whole.ok()) return misfit(whole);
  return {.state = State::used, .path = path, .cause = "", .status = {}, .backend = std::move(backend)};
}

}  // namespace belle::backend
