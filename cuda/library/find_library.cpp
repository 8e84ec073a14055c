#include "cuda/library/find_library.h"

#include <cuda_runtime.h>
#include <link.h>

#include "native/core/library_search.h"

namespace belle::cuda {

namespace {

namespace fs = std::filesystem;
using Resolve = std::function<void(LibrarySymbols&)>;

bool load(const LibraryNames& names, const std::string& file, const Resolve& resolve, FoundLibrary* out) {
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* why = dlerror();
    out->problem = std::string(names.title) + " cannot be loaded (" + (why ? why : file.c_str()) +
                   "); name another file in " + names.variable;
    return false;
  }
  link_map* where = nullptr;
  out->file = dlinfo(library, RTLD_DI_LINKMAP, &where) == 0 && where ? where->l_name : file;
  LibrarySymbols symbols(library);
  resolve(symbols);
  if (!symbols.missing().empty()) {
    out->problem = out->file + " lacks " + symbols.missing() + "; install a newer " + names.package +
                   " or name another file in " + names.variable;
    dlclose(library);
    return false;
  }
  out->problem.clear();
  return out->loaded = true;
}

#if defined(CUDART_VERSION)  // the emulated runtime has no device that the library could use

Folders places() {
  Folders out = toolkit_folders();
  for (const char* name : {"VIRTUAL_ENV", "CONDA_PREFIX"})
    if (const auto prefix = environment(name); !prefix.empty()) out.push_back(fs::path(prefix) / "lib");
  // nvidia/cublas/lib (CUDA 12), nvidia/cu13/lib, nvidia/nccl/lib
  for (const fs::path& python : python_nvidia_folders())
    for (const fs::path& package : folders_in(python)) out.push_back(package / "lib");
  return out;
}

bool search(const LibraryNames& names, const Resolve& resolve, FoundLibrary* out) {
  std::string problem;  // of the first that is there: the one somebody meant
  const auto loads = [&](const std::string& file) {
    *out = {};
    if (load(names, file, resolve, out)) return true;
    const bool there = !out->file.empty() || file.find('/') != std::string::npos;
    if (there && problem.empty()) problem = out->problem;
    out->problem = problem;
    return false;
  };
  for (const char* name : names.files)
    if (loads(name)) return true;
  for (const fs::path& place : places()) {
    for (const char* name : names.files) {
      std::error_code error;
      if (fs::exists(place / name, error) && loads(place / name)) return true;
    }
  }
  return false;
}

#else

bool search(const LibraryNames&, const Resolve&, FoundLibrary*) { return false; }

#endif

}  // namespace

FoundLibrary find_library(const LibraryNames& names, const Resolve& resolve) {
  FoundLibrary out;
  const std::string named(environment(names.variable));
  if (named == "off") {
    out.problem = std::string(names.title) + " is turned off by " + names.variable;
  } else if (!named.empty()) {
    load(names, named, resolve, &out);
  } else if (!search(names, resolve, &out) && out.problem.empty()) {
    out.problem = std::string(names.title) + " is not installed (pip install " + names.package +
                  ", or name the file in " + names.variable + ")";
  }
  return out;
}

}  // namespace belle::cuda
