#pragma once
// A library of NVIDIA's that is found and loaded at run time: where CUDA toolkits, pip and conda put it.
#include <dlfcn.h>

#include <functional>
#include <span>
#include <string>

namespace belle::cuda {

struct LibraryNames {
  const char* title;                   // "NCCL", for the sentences
  const char* variable;                // environment variable that names the file; "off": none
  const char* package;                 // what pip calls it
  std::span<const char* const> files;  // best first
};

// The functions of a loaded library, by name; those it lacks are remembered.
class LibrarySymbols {
 public:
  explicit LibrarySymbols(void* library) : library_(library) {}
  template <class F>
  LibrarySymbols& get(const char* name, F** out) {
    void* symbol = dlsym(library_, name);
    *out = reinterpret_cast<F*>(symbol);
    if (!symbol) missing_ += (missing_.empty() ? "" : ", ") + std::string(name);
    return *this;
  }
  const std::string& missing() const { return missing_; }

 private:
  void* library_;
  std::string missing_;
};

struct FoundLibrary {
  bool loaded = false;
  std::string file;     // its path, of the last one that the loader took
  std::string problem;  // of one that is not, and what to do: one sentence without its stop
};

// Loads the first file that has every function `resolve` asks for. In this order: the environment variable's
// (and then only that), the loader's path, CUDA_HOME, Python environments. A loaded library is never
// unloaded.
FoundLibrary find_library(const LibraryNames& names, const std::function<void(LibrarySymbols&)>& resolve);

}  // namespace belle::cuda
