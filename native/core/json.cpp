#include "native/core/json.h"

#include <charconv>
#include <cmath>

namespace belle {

Json::Json() = default;
Json::Json(const Json&) = default;
Json::Json(Json&&) noexcept = default;
Json& Json::operator=(const Json&) = default;
Json& Json::operator=(Json&&) noexcept = default;
Json::~Json() = default;

bool Json::number(double* out) const {
  if (const auto* whole = std::get_if<int64_t>(&value_)) {
    *out = static_cast<double>(*whole);
    return true;
  }
  if (const auto* real = std::get_if<double>(&value_)) {
    *out = *real;
    return true;
  }
  return false;
}

const Json* Json::find(std::string_view key) const {
  if (const Object* members = object()) {
    for (const auto& [name, value] : *members) {
      if (name == key) return &value;
    }
  }
  return nullptr;
}

void Json::set(std::string_view key, Json value) {
  if (!object()) value_ = Object();
  for (auto& [name, held] : *object()) {
    if (name == key) {
      held = std::move(value);
      return;
    }
  }
  object()->emplace_back(std::string(key), std::move(value));
}

static void write_string(const std::string& text, std::string* out) {
  static constexpr char kDigits[] = "0123456789abcdef";
  *out += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        *out += "\\\"";
        break;
      case '\\':
        *out += "\\\\";
        break;
      case '\n':
        *out += "\\n";
        break;
      case '\r':
        *out += "\\r";
        break;
      case '\t':
        *out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          *out += "\\u00";
          *out += kDigits[c >> 4];
          *out += kDigits[c & 15];
        } else {
          *out += c;
        }
    }
  }
  *out += '"';
}

static void write_double(double value, std::string* out) {
  if (!std::isfinite(value)) {
    *out += "null";
    return;
  }
  char digits[32];  // the shortest text that reads back equal
  const std::string_view text(digits, std::to_chars(digits, digits + sizeof digits, value).ptr - digits);
  *out += text;
  if (text.find_first_of(".e") == text.npos) *out += ".0";  // stays a double when read back
}

std::string Json::dump(int indent) const {
  std::string out;
  struct Level {
    const Json* container;
    size_t next = 0;
  };
  std::vector<Level> levels;
  const auto new_line = [&] {
    if (indent > 0) out.append("\n").append(levels.size() * static_cast<size_t>(indent), ' ');
  };
  const auto write = [&](const Json& value) {
    if (value.is_null()) {
      out += "null";
    } else if (const bool* truth = value.boolean()) {
      out += *truth ? "true" : "false";
    } else if (const int64_t* whole = value.integer()) {
      out += std::to_string(*whole);
    } else if (const std::string* text = value.string()) {
      write_string(*text, &out);
    } else if (const double* real = std::get_if<double>(&value.value_)) {
      write_double(*real, &out);
    } else {
      out += value.array() ? '[' : '{';
      levels.push_back({&value});
    }
  };
  write(*this);
  while (!levels.empty()) {
    Level& level = levels.back();
    const Array* items = level.container->array();
    const Object* members = level.container->object();
    if (level.next == (items ? items->size() : members->size())) {
      const bool empty = level.next == 0;
      levels.pop_back();
      if (!empty) new_line();
      out += items ? ']' : '}';
      continue;
    }
    const size_t index = level.next++;
    if (index > 0) out += ',';
    new_line();
    if (members) {
      write_string((*members)[index].first, &out);
      out += indent > 0 ? ": " : ":";
    }
    write(items ? (*items)[index]
                : (*members)[index].second);  // may push a level: `level` is stale after this
  }
  return out;
}

}  // namespace belle
