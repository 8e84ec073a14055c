#pragma once
// A bounded JSON reader and a writer, for files we did not write ourselves (safetensors headers, config.json,
// indexes). RFC 8259, UTF-8 only; object order is kept; duplicate keys, depth over max_depth and trailing
// bytes are errors.
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "native/core/status.h"

namespace belle {

class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;

  Json();  // null; the special members are out of line: every place that moves a Json stays small
  Json(const Json&);
  Json(Json&&) noexcept;
  Json& operator=(const Json&);
  Json& operator=(Json&&) noexcept;
  ~Json();
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  Json(int64_t value) : value_(value) {}
  Json(int value) : value_(static_cast<int64_t>(value)) {}
  Json(double value) : value_(value) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  // Each returns nullptr when the value is of another kind. An integer written without '.', 'e' is int64.
  const bool* boolean() const { return std::get_if<bool>(&value_); }
  const int64_t* integer() const { return std::get_if<int64_t>(&value_); }
  const std::string* string() const { return std::get_if<std::string>(&value_); }
  const Array* array() const { return std::get_if<Array>(&value_); }
  const Object* object() const { return std::get_if<Object>(&value_); }
  Array* array() { return std::get_if<Array>(&value_); }
  Object* object() { return std::get_if<Object>(&value_); }
  // int64 or double as double; false for other kinds.
  bool number(double* out) const;
  // The member of an object, or nullptr.
  const Json* find(std::string_view key) const;
  // Sets or replaces a member; the value must be an object.
  void set(std::string_view key, Json value);

  // UTF-8 text. indent = 0: one line. Doubles are written so that they read back equal; NaN and infinity as
  // null.
  std::string dump(int indent = 0) const;

 private:
  std::variant<std::monostate, bool, int64_t, double, std::string, Array, Object> value_;
};

struct JsonLimits {
  int max_depth = 64;
  size_t max_bytes = 64u << 20;
};

// The message names the line and column of the first error.
Result<Json> parse_json(std::string_view text, const JsonLimits& limits = {});

}  // namespace belle
