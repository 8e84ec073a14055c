#pragma once
// Which backend the tests of models and trainers run on.
#include <cstdlib>
#include <string>

namespace belle::test {

// "cpu"; with BELLE_TEST_BACKEND, a backend library, "cuda" on that.
inline const char* backend_name() {
  const char* library = std::getenv("BELLE_TEST_BACKEND");
  if (library == nullptr) return "cpu";
  setenv("BELLE_CUDA_LIB", library, 1);
  return "cuda";
}

// Thread by thread on the CPU (test/cuda/emulated): slow, and the same every time.
inline bool on_emulated_device() {
  const char* library = std::getenv("BELLE_TEST_BACKEND");
  return library != nullptr && std::string(library).find("emulated") != std::string::npos;
}

}  // namespace belle::test
