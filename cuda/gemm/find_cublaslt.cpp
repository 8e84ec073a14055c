// Where libcublasLt is: the places where CUDA toolkits, pip and conda put it.
#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <vector>

#include "cuda/gemm/cublaslt.h"

namespace belle::cuda {

namespace {

namespace fs = std::filesystem;

constexpr const char* kNames[] = {"libcublasLt.so.13", "libcublasLt.so.12"};
constexpr const char* kOwn = "; bfloat16 products use our own kernels";

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

template <class F>
bool resolve(void* library, const char* name, F** out) {
  *out = reinterpret_cast<F*>(dlsym(library, name));
  return *out != nullptr;
}
bool resolve_all(void* library, LtFunctions* lt) {
  return resolve(library, "cublasLtCreate", &lt->create) &&
         resolve(library, "cublasLtDestroy", &lt->destroy) &&
         resolve(library, "cublasLtGetVersion", &lt->version) &&
         resolve(library, "cublasLtMatrixLayoutCreate", &lt->layout_create) &&
         resolve(library, "cublasLtMatrixLayoutDestroy", &lt->layout_destroy) &&
         resolve(library, "cublasLtMatrixLayoutSetAttribute", &lt->layout_set) &&
         resolve(library, "cublasLtMatmulDescCreate", &lt->product_create) &&
         resolve(library, "cublasLtMatmulDescDestroy", &lt->product_destroy) &&
         resolve(library, "cublasLtMatmulDescSetAttribute", &lt->product_set) &&
         resolve(library, "cublasLtMatmulPreferenceCreate", &lt->wish_create) &&
         resolve(library, "cublasLtMatmulPreferenceDestroy", &lt->wish_destroy) &&
         resolve(library, "cublasLtMatmulPreferenceSetAttribute", &lt->wish_set) &&
         resolve(library, "cublasLtMatmulAlgoGetHeuristic", &lt->choose) &&
         resolve(library, "cublasLtMatmulAlgoCheck", &lt->check) &&
         resolve(library, "cublasLtMatmul", &lt->multiply);
}

bool load(const std::string& file, LtLibrary* out) {
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* why = dlerror();
    out->sentence = "cublasLt cannot be loaded: " + std::string(why ? why : file.c_str()) + kOwn;
    return false;
  }
  if (!resolve_all(library, &out->functions)) {
    out->sentence = file + " lacks functions of cublasLt" + kOwn;
    dlclose(library);
    return false;
  }
  Dl_info place = {};
  dladdr(reinterpret_cast<void*>(out->functions.create), &place);
  const size_t version = out->functions.version();  // 130101 is 13.1.1; before 13, 120805 is 12.8.5
  out->sentence = "cublasLt " + std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) +
                  " is loaded from " + (place.dli_fname ? std::string(place.dli_fname) : file);
  return out->loaded = true;
}

#if defined(CUDART_VERSION)  // the emulated runtime has no device that the library could use

std::vector<fs::path> folders_in(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator i(folder, error), end; !error && i != end; i.increment(error))
    found.push_back(i->path());
  return found;
}

// nvidia/cublas/lib (CUDA 12) and nvidia/cu13/lib of every Python under <prefix>/lib.
void add_python(const fs::path& prefix, std::vector<fs::path>* out) {
  for (const fs::path& python : folders_in(prefix / "lib")) {
    if (python.filename().string().rfind("python3", 0) != 0) continue;
    for (const char* packages : {"site-packages", "dist-packages"}) {
      for (const fs::path& package : folders_in(python / packages / "nvidia"))
        out->push_back(package / "lib");
    }
  }
}

std::vector<fs::path> places() {
  std::vector<fs::path> out;
  for (const char* name : {"CUDA_HOME", "CUDA_PATH"})
    if (const auto home = environment(name); !home.empty()) out.push_back(fs::path(home) / "lib64");
  out.emplace_back("/usr/local/cuda/lib64");
  for (const char* name : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
    const auto prefix = environment(name);
    if (prefix.empty()) continue;
    out.push_back(fs::path(prefix) / "lib");
    add_python(prefix, &out);
  }
  // The Pythons on the path, and pip install --user.
  for (std::string_view path = environment("PATH"); !path.empty();) {
    const size_t colon = path.find(':');
    const fs::path folder(path.substr(0, colon));
    path = colon == std::string_view::npos ? std::string_view() : path.substr(colon + 1);
    std::error_code error;
    if (fs::exists(folder / "python3", error)) add_python(folder.parent_path(), &out);
  }
  if (const auto home = environment("HOME"); !home.empty()) add_python(fs::path(home) / ".local", &out);
  return out;
}

bool search(LtLibrary* out) {
  for (const char* name : kNames)
    if (load(name, out)) return true;
  for (const fs::path& place : places()) {
    for (const char* name : kNames) {
      std::error_code error;
      if (fs::exists(place / name, error) && load((place / name).string(), out)) return true;
    }
  }
  return false;
}

#else

bool search(LtLibrary*) { return false; }

#endif

}  // namespace

LtLibrary find_cublaslt() {
  LtLibrary out;
  const std::string named(environment("BELLE_CUBLASLT"));
  if (named == "off") {
    out.sentence = std::string("cublasLt is turned off by BELLE_CUBLASLT") + kOwn;
  } else if (!named.empty()) {
    load(named, &out);
  } else if (!search(&out)) {
    out.sentence = std::string(
                       "cublasLt is not installed (pip install nvidia-cublas, or name the file in "
                       "BELLE_CUBLASLT)") +
                   kOwn;
  }
  return out;
}

}  // namespace belle::cuda
