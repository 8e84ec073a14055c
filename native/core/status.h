#pragma once
// Status and Result: how native code reports failure. No exceptions cross a room's border.
#include <optional>
#include <string>
#include <utility>

namespace belle {

// Values are stable: they cross the backend C ABI and become ERR_BELLE_<NAME> in TypeScript.
enum class StatusCode : int {
  ok = 0,
  invalid_argument = 1,  // the caller's value is wrong
  invalid_data = 2,      // a file or message does not hold what it claims
  not_found = 3,
  io = 4,
  out_of_memory = 5,
  unsupported = 6,
  aborted = 7,
  disk_full = 8,
  internal = 9,  // our own bug
  busy = 10,
  numeric = 11,  // NaN or infinity where a number was needed
};

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}
  bool ok() const { return code_ == StatusCode::ok; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  StatusCode code_ = StatusCode::ok;
  std::string message_;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}          // NOLINT: implicit on purpose
  Result(Status status) : status_(std::move(status)) {}  // NOLINT
  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }
  T& value() { return *value_; }
  const T& value() const { return *value_; }
  T take() { return std::move(*value_); }

 private:
  std::optional<T> value_;
  Status status_;
};

#define BELLE_CONCAT_INNER(a, b) a##b
#define BELLE_CONCAT(a, b) BELLE_CONCAT_INNER(a, b)
// BELLE_TRY(status_expression): leave the function when it failed.
#define BELLE_TRY(expression)                      \
  do {                                             \
    ::belle::Status belle_status_ = (expression);  \
    if (!belle_status_.ok()) return belle_status_; \
  } while (0)
// BELLE_ASSIGN(auto x, result_expression): x = the value, or leave with the status.
#define BELLE_ASSIGN(declaration, expression)                                                             \
  auto BELLE_CONCAT(belle_result_, __LINE__) = (expression);                                              \
  if (!BELLE_CONCAT(belle_result_, __LINE__).ok()) return BELLE_CONCAT(belle_result_, __LINE__).status(); \
  declaration = BELLE_CONCAT(belle_result_, __LINE__).take()

}  // namespace belle
