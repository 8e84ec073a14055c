#include "native/backend/cuda_search.h"

#include <dlfcn.h>

#include <filesystem>

#include "native/core/library_search.h"

namespace belle::backend {

namespace {

namespace fs = std::filesystem;
using State = CudaLibrary::State;

constexpr const char* kLibrary = "libbelle_cuda.so";
constexpr const char* kPackage = "belle-train-cuda-linux-x64";

std::string beside_this_binary() {
  Dl_info info = {};
  if (!dladdr(reinterpret_cast<const void*>(&beside_this_binary), &info) || !info.dli_fname) return "";
  std::error_code error;
  const fs::path binary = fs::absolute(info.dli_fname, error);
  return error ? std::string() : std::string(binary.parent_path() / kLibrary);
}

class Search {
 public:
  explicit Search(int device) : device_(device) {}

  void named(const std::string& file) {
    const CudaLibrary& library = try_file("BELLE_CUDA_LIB", file);
    if (library.cause.empty()) return;
    found_.status =
        Status(StatusCode::not_found, "BELLE_CUDA_LIB names " + file + ", which cannot be loaded (" +
                                          library.cause + "); name another file or unset it");
    found_.places.back().reason = found_.status.message();
  }

  void everywhere(const std::string& package) {
    nowhere("BELLE_CUDA_LIB", "it is not set");
    if (package.empty()) nowhere("package", std::string(kPackage) + " is not installed");
    if (!package.empty() && ends("package", package)) return;
    if (ends("addon", beside_this_binary()) || ends("loader", kLibrary)) return;
    for (const fs::path& folder : toolkit_folders())
      if (ends("toolkit", folder / kLibrary)) return;
    const Folders pythons = python_nvidia_folders();
    if (pythons.empty()) nowhere("python", "no Python with packages of NVIDIA's was found");
    for (const fs::path& nvidia : pythons) {
      bool any = false;
      for (const fs::path& package_folder : folders_in(nvidia)) {
        const fs::path file = package_folder / "lib" / kLibrary;
        std::error_code error;
        if (!fs::exists(file, error)) continue;
        any = true;
        if (ends("python", file)) return;
      }
      if (!any) absent("python", nvidia / "*" / "lib" / kLibrary);
    }
  }

  CudaSearch result() {
    if (found_.backend || !found_.status.ok()) return std::move(found_);
    found_.status =
        Status(StatusCode::not_found,
               "the CUDA backend is not installed: libbelle_cuda.so is in none of the places that "
               "belle-train doctor lists; install " +
                   std::string(kPackage) + " or name the file in BELLE_CUDA_LIB");
    return std::move(found_);
  }

 private:
  const CudaLibrary& try_file(const char* kind, const std::string& file) {
    last_ = open_cuda_library(file, device_);
    found_.places.push_back({kind, last_.path, last_.state, last_.status.message()});
    if (last_.state == State::used) {
      found_.backend = last_.backend;
      found_.status = {};
    } else if (last_.state == State::failed || (last_.state == State::refused && found_.status.ok())) {
      // The first that was found is the one somebody meant; a device that is missing outweighs it.
      found_.status = last_.status;
    }
    return last_;
  }
  // True when the search is over.
  bool ends(const char* kind, const std::string& file) {
    const CudaLibrary& library = try_file(kind, file);
    if (library.state == State::absent) found_.places.back().reason = no_file(kind);
    return library.state == State::used || library.state == State::failed;
  }
  static std::string no_file(const std::string& kind) {
    return kind == "loader" ? "the loader does not find it" : "there is no such file";
  }
  void absent(const char* kind, const std::string& path) {
    found_.places.push_back({kind, path, State::absent, no_file(kind)});
  }
  void nowhere(const char* kind, const std::string& why) {
    found_.places.push_back({kind, "", State::absent, why});
  }

  int device_;
  CudaSearch found_;
  CudaLibrary last_;
};

}  // namespace

CudaSearch search_cuda(int device, const std::string& package) {
  Search search(device);
  const std::string chosen(environment("BELLE_CUDA_LIB"));
  if (chosen.empty()) {
    search.everywhere(package);
  } else {
    search.named(chosen);
  }
  return search.result();
}

const char* state_name(State state) {
  switch (state) {
    case State::absent:
      return "absent";
    case State::refused:
      return "refused";
    case State::failed:
      return "failed";
    case State::used:
      return "used";
  }
  return "";
}

}  // namespace belle::backend
