#include "native/core/json_reader.h"

#include <array>
#include <charconv>

#include "native/core/utf8.h"

namespace belle {

std::string JsonReader::place(size_t at) const {
  size_t line = 1, column = 1;
  for (size_t i = 0; i < at && i < text_.size(); ++i) {
    if (text_[i] == '\n') {
      ++line;
      column = 1;
    } else if ((text_[i] & 0xC0) != 0x80) {
      ++column;
    }
  }
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

Status JsonReader::fail(const std::string& what) const {
  return Status(StatusCode::invalid_data, "invalid JSON at " + place(at_) + ": " + what);
}

Status JsonReader::blame(const std::string& what) const {
  return Status(StatusCode::invalid_data, what + ", at " + place(last_));
}

Status JsonReader::expected(const std::string& what) const {
  if (at_ >= text_.size()) return fail("the text ends where " + what + " is expected");
  return fail("expected " + what);
}

void JsonReader::skip_space() {
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return;
    ++at_;
  }
}

bool JsonReader::take(char c) {
  if (at_ >= text_.size() || text_[at_] != c) return false;
  ++at_;
  return true;
}

JsonKind JsonReader::kind() {
  skip_space();
  if (at_ >= text_.size()) return JsonKind::none;
  switch (text_[at_]) {
    case '{':
      return JsonKind::object;
    case '[':
      return JsonKind::array;
    case '"':
      return JsonKind::string;
    case 't':
    case 'f':
      return JsonKind::boolean;
    case 'n':
      return JsonKind::null;
    default:
      return text_[at_] == '-' || (text_[at_] >= '0' && text_[at_] <= '9') ? JsonKind::number
                                                                           : JsonKind::none;
  }
}

Status JsonReader::enter(char opening, const char* what) {
  skip_space();
  last_ = at_;
  if (at_ >= text_.size() || text_[at_] != opening) return expected(what);
  if (open_.size() >= kMaxDepth) return fail("nested deeper than " + std::to_string(kMaxDepth) + " levels");
  ++at_;
  open_.push_back({opening == '{', true});
  return {};
}

Status JsonReader::enter_object() { return enter('{', "an object"); }
Status JsonReader::enter_array() { return enter('[', "an array"); }

Status JsonReader::next(char closing, bool* found) {
  skip_space();
  *found = false;
  if (take(closing)) {
    open_.pop_back();
    return {};
  }
  if (!open_.back().empty) {
    if (!take(',')) return expected(closing == '}' ? "',' or '}'" : "',' or ']'");
    skip_space();
  }
  open_.back().empty = false;
  *found = true;
  return {};
}

Status JsonReader::next_member(std::string* key, bool* found) {
  if (open_.empty() || !open_.back().is_object)
    return Status(StatusCode::internal, "JsonReader::next_member outside an object");
  BELLE_TRY(next('}', found));
  if (!*found) return {};
  if (at_ >= text_.size() || text_[at_] != '"') return expected("a key in double quotes");
  BELLE_TRY(string(key));
  skip_space();
  if (!take(':')) return expected("':' after the key");
  return {};
}

Status JsonReader::next_element(bool* found) {
  if (open_.empty() || open_.back().is_object)
    return Status(StatusCode::internal, "JsonReader::next_element outside an array");
  return next(']', found);
}

size_t JsonReader::digits() {
  const size_t start = at_;
  while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
  return at_ - start;
}

Status JsonReader::number(size_t* begin, bool* whole) {
  skip_space();
  *begin = last_ = at_;
  *whole = true;
  take('-');
  const size_t first = at_;
  const size_t count = digits();
  if (count == 0) return expected("a number");
  if (count > 1 && text_[first] == '0') {
    at_ = *begin;
    return fail("a number with a leading zero");
  }
  if (take('.')) {
    *whole = false;
    if (digits() == 0) return expected("a digit after '.'");
  }
  if (take('e') || take('E')) {
    *whole = false;
    if (!take('+')) take('-');
    if (digits() == 0) return expected("a digit in the exponent");
  }
  return {};
}

Status JsonReader::integer(int64_t* out) {
  size_t begin = 0;
  bool whole = false;
  BELLE_TRY(number(&begin, &whole));
  const char* end = text_.data() + at_;
  if (!whole || std::from_chars(text_.data() + begin, end, *out).ec != std::errc()) {
    at_ = begin;
    return fail("expected a whole number of at most 64 bits");
  }
  return {};
}

Status JsonReader::literal(std::string_view word) {
  skip_space();
  last_ = at_;
  if (!text_.substr(at_).starts_with(word)) return expected(std::string(word));
  at_ += word.size();
  return {};
}

Status JsonReader::boolean(bool* out) {
  skip_space();
  last_ = at_;
  const std::string_view rest = text_.substr(at_);
  if (!rest.starts_with("true") && !rest.starts_with("false")) return expected("true or false");
  *out = rest[0] == 't';
  at_ += *out ? 4 : 5;
  return {};
}

Status JsonReader::null() { return literal("null"); }

// After "\u": one code unit, or a surrogate pair.
Status JsonReader::unicode_escape(std::string* out) {
  const size_t start = at_ - 2;
  const auto hex4 = [&](uint32_t* unit) {
    *unit = 0;
    if (text_.size() - at_ < 4) return false;
    const char* begin = text_.data() + at_;
    const auto read = std::from_chars(begin, begin + 4, *unit, 16);
    if (read.ec != std::errc() || read.ptr != begin + 4) return false;
    at_ += 4;
    return true;
  };
  uint32_t unit = 0, low = 0;
  if (!hex4(&unit)) return fail("a \\u escape without four hex digits");
  if (unit >= 0xD800 && unit < 0xE000) {
    const bool high = unit < 0xDC00 && text_.substr(at_, 2) == "\\u";
    if (high) at_ += 2;
    if (!high || !hex4(&low) || low < 0xDC00 || low >= 0xE000) {
      at_ = start;
      return fail("a \\u escape that is half of a surrogate pair");
    }
    unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
  }
  append_utf8(unit, out);
  return {};
}

Status JsonReader::escape(std::string* out) {
  if (at_ >= text_.size()) return fail("the text ends inside a string");
  static constexpr std::string_view kNames = "\"\\/bfnrt", kValues = "\"\\/\b\f\n\r\t";
  const char name = text_[at_++];
  if (name == 'u') return unicode_escape(out);
  const size_t index = kNames.find(name);
  if (index == kNames.npos) {
    --at_;
    return fail("an unknown escape in a string");
  }
  *out += kValues[index];
  return {};
}

Status JsonReader::string(std::string* out) {
  skip_space();
  last_ = at_;
  out->clear();
  if (!take('"')) return expected("a string");
  for (;;) {
    size_t end = at_;
    bool ascii = true;
    while (end < text_.size()) {
      const auto c = static_cast<unsigned char>(text_[end]);
      if (c == '"' || c == '\\' || c < 0x20) break;
      ascii &= c < 0x80;
      ++end;
    }
    const std::string_view plain = text_.substr(at_, end - at_);
    const size_t valid = ascii ? plain.size() : valid_utf8_prefix(plain);
    at_ += valid;
    if (valid != plain.size()) return fail("bytes that are not UTF-8");
    out->append(plain);
    if (at_ >= text_.size()) return fail("the text ends inside a string");
    if (take('"')) return {};
    if (!take('\\')) return fail("a control character inside a string; write it as an escape");
    BELLE_TRY(escape(out));
  }
}

Status JsonReader::skip(std::string_view* raw) {
  skip_space();
  const size_t begin = at_;
  const size_t base = open_.size();
  std::string text;
  for (;;) {
    bool flag = false;
    size_t start = 0;
    switch (kind()) {
      case JsonKind::object:
        BELLE_TRY(enter_object());
        break;
      case JsonKind::array:
        BELLE_TRY(enter_array());
        break;
      case JsonKind::string:
        BELLE_TRY(string(&text));
        break;
      case JsonKind::number:
        BELLE_TRY(number(&start, &flag));
        break;
      case JsonKind::boolean:
        BELLE_TRY(boolean(&flag));
        break;
      case JsonKind::null:
        BELLE_TRY(null());
        break;
      case JsonKind::none:
        return expected("a value");
    }
    bool found = false;
    while (!found && open_.size() > base) {
      if (open_.back().is_object) {
        BELLE_TRY(next_member(&text, &found));
      } else {
        BELLE_TRY(next_element(&found));
      }
    }
    if (!found) break;
  }
  last_ = begin;
  if (raw) *raw = text_.substr(begin, at_ - begin);
  return {};
}

Status JsonReader::finish() {
  skip_space();
  if (!open_.empty()) return Status(StatusCode::internal, "JsonReader::finish inside a container");
  if (at_ != text_.size()) return fail("text after the end of the value");
  return {};
}

}  // namespace belle
