#pragma once
// Where NVIDIA's libraries lie on a machine: CUDA toolkits, pip and conda. Header-only, so that
// libbelle_cuda.so can use it, too.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace belle {

using Folders = std::vector<std::filesystem::path>;

inline std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// What is in a folder; nothing where it cannot be read.
inline Folders folders_in(const std::filesystem::path& folder) {
  Folders found;
  std::error_code error;
  for (std::filesystem::directory_iterator i(folder, error), end; !error && i != end; i.increment(error))
    found.push_back(i->path());
  std::sort(found.begin(), found.end());  // the order of a directory is chance
  return found;
}

// lib64 of CUDA_HOME, CUDA_PATH and /usr/local/cuda, whether they exist or not.
inline Folders toolkit_folders() {
  Folders out;
  for (const char* name : {"CUDA_HOME", "CUDA_PATH"})
    if (const auto home = environment(name); !home.empty())
      out.push_back(std::filesystem::path(home) / "lib64");
  out.emplace_back("/usr/local/cuda/lib64");
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

// The folders `nvidia` that pip fills (nvidia/cublas/lib, nvidia/cu13/lib) in VIRTUAL_ENV, CONDA_PREFIX, the
// Pythons on PATH and ~/.local. Each once, although /bin may be /usr/bin.
inline Folders python_nvidia_folders() {
  namespace fs = std::filesystem;
  Folders prefixes, out;
  for (const char* name : {"VIRTUAL_ENV", "CONDA_PREFIX"})
    if (const auto prefix = environment(name); !prefix.empty()) prefixes.emplace_back(prefix);
  for (std::string_view path = environment("PATH"); !path.empty();) {
    const size_t colon = path.find(':');
    const fs::path folder(path.substr(0, colon));
    path = colon == std::string_view::npos ? std::string_view() : path.substr(colon + 1);
    std::error_code error;
    if (fs::exists(folder / "python3", error)) prefixes.push_back(folder.parent_path());
  }
  if (const auto home = environment("HOME"); !home.empty()) prefixes.push_back(fs::path(home) / ".local");
  for (const fs::path& prefix : prefixes) {
    for (const fs::path& python : folders_in(prefix / "lib")) {
      if (!python.filename().string().starts_with("python3")) continue;
      for (const char* packages : {"site-packages", "dist-packages"}) {
        std::error_code error;
        const fs::path folder = fs::canonical(python / packages / "nvidia", error);
        if (!error && std::find(out.begin(), out.end(), folder) == out.end()) out.push_back(folder);
      }
    }
  }
  return out;
}

}  // namespace belle
