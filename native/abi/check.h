#pragma once
// Check: the argument checks of one op, as a chain that keeps its first error.
//   BELLE_TRY(Check("rope").dtype(type).size("tokens", tokens).pointer("x", x, tokens).status());
// Nothing is allocated while all is well: ops run inside training steps.
#include <cstdint>
#include <string>

#include "native/core/status.h"
#include "native/include/belle/backend.h"

namespace belle::abi {

class Check {
 public:
  explicit Check(const char* op) : op_(op) {}

  // float32 or bfloat16.
  Check& dtype(int32_t type) {
    return that(type == BELLE_F32 || type == BELLE_BF16, [&] {
      return "dtype " + std::to_string(type) + " is unknown; use BELLE_F32 (0) or BELLE_BF16 (1)";
    });
  }
  Check& size(const char* name, int64_t value, int64_t least = 0) {
    if (value >= least && value <= kLargest) return *this;
    return fail(StatusCode::invalid_argument, std::string(name) + " is " + std::to_string(value) +
                                                  "; it must be from " + std::to_string(least) + " to 2^40");
  }
  // A matrix of `tokens` rows of `d` elements, the shape of every row op.
  Check& rows(int32_t type, int64_t tokens, int64_t d) {
    return dtype(type).size("tokens", tokens).size("d", d, 1);
  }
  // Needed when elements > 0.
  Check& pointer(const char* name, const void* p, int64_t elements = 1) {
    if (p || elements <= 0) return *this;
    return fail(StatusCode::invalid_argument, std::string(name) + " is NULL; pass a buffer from alloc()");
  }
  // message() makes the text, when it is needed.
  template <class Message>
  Check& that(bool good, const Message& message) {
    return good ? *this : fail(StatusCode::invalid_argument, message());
  }
  Status status() const { return status_; }
  bool ok() const { return status_.ok(); }

 private:
  static constexpr int64_t kLargest = int64_t{1} << 40;  // elements; beyond any machine's memory
  Check& fail(StatusCode code, const std::string& what) {
    if (status_.ok()) status_ = Status(code, std::string(op_) + ": " + what);
    return *this;
  }
  const char* op_;
  Status status_;
};

}  // namespace belle::abi
