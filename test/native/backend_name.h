#pragma once
// Which backend the tests of models and trainers run on.
#include <cstdlib>

namespace belle::test {

// "cpu"; with BELLE_TEST_BACKEND, a backend library, "cuda" on that.
inline const char* backend_name() {
  const char* library = std::getenv("BELLE_TEST_BACKEND");
  if (library == nullptr) return "cpu";
  setenv("BELLE_CUDA_LIB", library, 1);
  return "cuda";
}

}  // namespace belle::test
