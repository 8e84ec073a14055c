#pragma once
// What the op tests share: devices (instruction set x threads), guarded buffers, random data, the error rule.
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "native/backend/cpu_backend.h"
#include "native/backend/cpu_isa.h"
#include "native/backend/registry.h"
#include "native/core/philox.h"
#include "test/native/check.h"
#include "test/native/ops/reference.h"

namespace belle::test {

inline Status from_c(const belle_status& status) { return backend::from_c(status); }

constexpr int32_t kTypes[] = {BELLE_F32, BELLE_BF16};
inline size_t type_bytes(int32_t type) { return type == BELLE_BF16 ? 2 : 4; }
inline std::string type_name(int32_t type) { return type == BELLE_BF16 ? "bfloat16" : "float32"; }
// The values as a buffer of `type` holds them.
std::vector<float> rounded(std::vector<float> values, int32_t type);

// A device buffer between two bands that must stay untouched. It starts 4 bytes off a 64-byte border, so that
// a kernel that counts on alignment is found out; check_op also has it start on one where that takes another
// path.
class Buffer {
 public:
  template <class T>
  Buffer(belle_backend& backend, const std::vector<T>& values) : Buffer(backend, values.size() * sizeof(T)) {
    write(values.data());
  }
  Buffer(belle_backend& backend, size_t bytes);
  // float32 or bfloat16 elements.
  Buffer(belle_backend& backend, const std::vector<float>& values, int32_t type);
  Buffer(belle_backend& backend, size_t elements, int32_t type)
      : Buffer(backend, elements * type_bytes(type)) {}
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  float* f32() { return reinterpret_cast<float*>(data_); }
  int32_t* i32() { return reinterpret_cast<int32_t*>(data_); }
  void* data() { return data_; }
  std::vector<float> read(int32_t type = BELLE_F32) const;

 private:
  void write(const void* values);
  belle_backend& backend_;
  char *base_ = nullptr, *data_ = nullptr;
  size_t bytes_, band_;
};

std::vector<float> random_normal(size_t n, uint64_t seed, double scale = 1, double mean = 0);

struct Output {
  std::string name;
  std::vector<float> values;
};
// What an op gave, and what it should have.
struct Expected {
  std::vector<float> plain;  // of a plain float32 implementation
  std::vector<double> exact;
};
// The expectation of an output of `type`: the plain implementation computes in float32 and rounds its result.
inline Expected stored_as(int32_t type, Expected expected) {
  return {rounded(std::move(expected.plain), type), std::move(expected.exact)};
}

// max |got - exact| <= 2 max |plain - exact| + one unit in the last place of max |exact|.
void check_error(const std::string& name, const std::vector<float>& got, const Expected& expected);
bool same_bits(const std::vector<float>& a, const std::vector<float>& b);

// Runs the op on every instruction set of this CPU with 1, 2 and 3 threads: equal bits for every number of
// threads, and the error rule against expected[i] for output i. With BELLE_TEST_BACKEND, a backend library,
// on that instead: twice, with equal bits, on buffers that are aligned and on buffers that are not.
void check_op(const std::string& name, const std::function<std::vector<Output>(belle_backend&)>& run,
              const std::vector<Expected>& expected);
// f on a backend of every instruction set of this CPU, or on that of BELLE_TEST_BACKEND.
void on_every_isa(int threads, const std::function<void(belle_backend&, const std::string& isa)>& f);

// Whether BELLE_TEST_BACKEND names a library.
bool on_library();

// The status has this code and its message holds `text`.
void check_refused(const belle_status& status, StatusCode code, const std::string& text, const char* file,
                   int line);
#define CHECK_REFUSED(status, code, text) ::belle::test::check_refused(status, code, text, __FILE__, __LINE__)

}  // namespace belle::test
