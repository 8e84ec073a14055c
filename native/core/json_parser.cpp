#include <charconv>
#include <set>

#include "native/core/json.h"
#include "native/core/utf8.h"

namespace belle {

namespace {

class Parser {
 public:
  Parser(std::string_view text, const JsonLimits& limits) : text_(text), limits_(limits) {}

  Result<Json> parse() {
    if (text_.size() > limits_.max_bytes) {
      return Status(StatusCode::invalid_data, "JSON of " + std::to_string(text_.size()) +
                                                  " bytes is over the limit of " +
                                                  std::to_string(limits_.max_bytes) + " bytes");
    }
    if (text_.starts_with("\xEF\xBB\xBF"))
      return fail("a byte order mark; save the file as UTF-8 without one");
    Json root;
    if (!run(&root)) return fail(error_);
    return root;
  }

 private:
  // An array or object whose end has not been seen yet.
  struct Open {
    Json value;
    std::string key;  // of the member being read
    // Filled from the 9th member on: small objects are scanned. A tree, unlike a hash table, has no bad case
    // that a crafted file could aim at.
    std::set<std::string> keys;
  };

  Status fail(const std::string& what) const {
    size_t line = 1, column = 1;
    for (size_t i = 0; i < at_ && i < text_.size(); ++i) {
      if (text_[i] == '\n') {
        ++line;
        column = 1;
      } else if ((text_[i] & 0xC0) != 0x80) {
        ++column;
      }
    }
    return Status(StatusCode::invalid_data, "invalid JSON at line " + std::to_string(line) + ", column " +
                                                std::to_string(column) + ": " + what);
  }

  bool error(std::string what) {
    error_ = std::move(what);
    return false;
  }

  bool expected(const char* what) {
    if (at_ >= text_.size()) return error(std::string("the text ends where ") + what + " is expected");
    return error(std::string("expected ") + what);
  }

  void skip_space() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return;
      ++at_;
    }
  }

  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool run(Json* root) {
    std::vector<Open> open;
    for (;;) {
      Json value;
      skip_space();
      if (take('{') || take('[')) {
        const bool is_object = text_[at_ - 1] == '{';
        if (open.size() >= static_cast<size_t>(limits_.max_depth)) {
          --at_;
          return error("nested deeper than " + std::to_string(limits_.max_depth) + " levels");
        }
        open.push_back({is_object ? Json(Json::Object()) : Json(Json::Array()), {}, {}});
        skip_space();
        if (!take(is_object ? '}' : ']')) {
          if (is_object && !key(&open.back())) return false;
          continue;
        }
        value = std::move(open.back().value);
        open.pop_back();
      } else if (!scalar(&value)) {
        return false;
      }
      // `value` is whole: hang it into its container, closing every container that ends here.
      for (;;) {
        skip_space();
        if (open.empty()) {
          if (at_ != text_.size()) return error("text after the end of the value");
          *root = std::move(value);
          return true;
        }
        Open& top = open.back();
        const bool is_object = top.value.object() != nullptr;
        if (is_object) {
          top.value.object()->emplace_back(std::move(top.key), std::move(value));
        } else {
          top.value.array()->push_back(std::move(value));
        }
        if (take(',')) {
          skip_space();
          if (is_object && !key(&top)) return false;
          break;
        }
        if (!take(is_object ? '}' : ']')) return expected(is_object ? "',' or '}'" : "',' or ']'");
        value = std::move(top.value);
        open.pop_back();
      }
    }
  }

  bool key(Open* top) {
    const size_t start = at_;
    if (at_ >= text_.size() || text_[at_] != '"') return expected("a key in double quotes");
    top->key.clear();
    if (!string(&top->key)) return false;
    const Json::Object& members = *top->value.object();
    bool duplicate = false;
    if (members.size() < 8) {
      for (const auto& member : members) duplicate |= member.first == top->key;
    } else {
      if (top->keys.empty()) {
        for (const auto& member : members) top->keys.insert(member.first);
      }
      duplicate = !top->keys.insert(top->key).second;
    }
    if (duplicate) {
      at_ = start;
      return error("duplicate key \"" + printable(top->key) + "\"");
    }
    skip_space();
    if (!take(':')) return expected("':' after the key");
    return true;
  }

  bool scalar(Json* out) {
    if (at_ >= text_.size()) return expected("a value");
    const std::string_view rest = text_.substr(at_);
    if (rest[0] == '"') {
      std::string value;
      if (!string(&value)) return false;
      *out = Json(std::move(value));
      return true;
    }
    if (rest[0] == '-' || (rest[0] >= '0' && rest[0] <= '9')) return number(out);
    if (rest.starts_with("true")) return literal(4, Json(true), out);
    if (rest.starts_with("false")) return literal(5, Json(false), out);
    if (rest.starts_with("null")) return literal(4, Json(), out);
    if (rest.starts_with("NaN") || rest.starts_with("Infinity")) {
      return error("NaN and Infinity are not JSON; write null or a number");
    }
    return expected("a value");
  }

  bool literal(size_t length, Json value, Json* out) {
    at_ += length;
    *out = std::move(value);
    return true;
  }

  size_t digits() {
    const size_t start = at_;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
    return at_ - start;
  }

  bool number(Json* out) {
    const size_t start = at_;
    bool whole = true;
    take('-');
    const size_t first = at_;
    const size_t count = digits();
    if (count == 0) return expected("a digit");
    if (count > 1 && text_[first] == '0') {
      at_ = start;
      return error("a number with a leading zero");
    }
    if (take('.')) {
      whole = false;
      if (digits() == 0) return expected("a digit after '.'");
    }
    if (take('e') || take('E')) {
      whole = false;
      if (!take('+')) take('-');
      if (digits() == 0) return expected("a digit in the exponent");
    }
    const char* begin = text_.data() + start;
    const char* end = text_.data() + at_;
    if (whole) {
      int64_t value = 0;
      const bool fits = std::from_chars(begin, end, value).ec == std::errc();
      if (fits && (value != 0 || *begin != '-')) {  // -0 stays a double: no integer keeps its sign
        *out = Json(value);
        return true;
      }
    }
    double value = 0;  // also whole numbers past 64 bits, which Hugging Face writes (model_max_length = 1e30)
    if (std::from_chars(begin, end, value).ec != std::errc()) {
      at_ = start;
      return error("a number outside the range of a double");
    }
    *out = Json(value);
    return true;
  }

  bool hex4(uint32_t* out) {
    if (text_.size() - at_ < 4) return error("the text ends inside a \\u escape");
    *out = 0;
    const char* begin = text_.data() + at_;
    const auto read = std::from_chars(begin, begin + 4, *out, 16);
    if (read.ec != std::errc() || read.ptr != begin + 4) return error("a \\u escape without four hex digits");
    at_ += 4;
    return true;
  }

  // After "\u": one code unit, or a surrogate pair.
  bool unicode_escape(std::string* out) {
    const size_t start = at_ - 2;
    uint32_t unit = 0;
    if (!hex4(&unit)) return false;
    if (unit >= 0xD800 && unit < 0xE000) {
      uint32_t low = 0;
      if (unit >= 0xDC00 || text_.substr(at_, 2) != "\\u" || (at_ += 2, !hex4(&low)) || low < 0xDC00 ||
          low >= 0xE000) {
        at_ = start;
        return error("a \\u escape that is half of a surrogate pair");
      }
      unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(unit, out);
    return true;
  }

  bool string(std::string* out) {
    ++at_;  // the opening quote
    for (;;) {
      size_t end = at_;
      while (end < text_.size() && text_[end] != '"' && text_[end] != '\\' &&
             static_cast<unsigned char>(text_[end]) >= 0x20) {
        ++end;
      }
      const std::string_view plain = text_.substr(at_, end - at_);
      const size_t valid = valid_utf8_prefix(plain);
      at_ += valid;
      if (valid != plain.size()) return error("bytes that are not UTF-8");
      out->append(plain);
      if (end >= text_.size()) return error("the text ends inside a string");
      if (take('"')) return true;
      if (!take('\\')) return error("a control character inside a string; write it as an escape");
      if (at_ >= text_.size()) return error("the text ends inside a string");
      switch (text_[at_++]) {
        case '"':
          *out += '"';
          break;
        case '\\':
          *out += '\\';
          break;
        case '/':
          *out += '/';
          break;
        case 'b':
          *out += '\b';
          break;
        case 'f':
          *out += '\f';
          break;
        case 'n':
          *out += '\n';
          break;
        case 'r':
          *out += '\r';
          break;
        case 't':
          *out += '\t';
          break;
        case 'u':
          if (!unicode_escape(out)) return false;
          break;
        default:
          --at_;
          return error("an unknown escape in a string");
      }
    }
  }

  std::string_view text_;
  JsonLimits limits_;
  size_t at_ = 0;
  std::string error_;
};

}  // namespace

Result<Json> parse_json(std::string_view text, const JsonLimits& limits) {
  return Parser(text, limits).parse();
}

}  // namespace belle
