#pragma once
// JsonReader: a bounded pull reader over JSON text (RFC 8259, UTF-8 only), for files too large to hold as a
// tree. The caller walks the document; strings are decoded into a buffer it owns. No recursion, no tree;
// escapes, surrogate pairs and UTF-8 are checked. Duplicate keys are the caller's to judge.
//
//   BELLE_TRY(reader.enter_object());
//   for (bool found = false;;) {
//     BELLE_TRY(reader.next_member(&key, &found));
//     if (!found) break;
//     ... read exactly one value ...
//   }
//   BELLE_TRY(reader.finish());
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "native/core/status.h"

namespace belle {

enum class JsonKind { object, array, string, number, boolean, null, none };

class JsonReader {
 public:
  static constexpr size_t kMaxDepth = 64;

  // `text` must outlive the reader.
  explicit JsonReader(std::string_view text) : text_(text) {}

  // The kind of the value that comes next, by its first character; none when no value begins there.
  JsonKind kind();
  // Every Status below is invalid_data and names line and column.
  Status enter_object();
  Status next_member(std::string* key, bool* found);  // found = false: the object has ended
  Status enter_array();
  Status next_element(bool* found);  // found = false: the array has ended
  Status string(std::string* out);   // replaces *out
  Status integer(int64_t* out);      // written without '.' and exponent
  Status boolean(bool* out);
  Status null();
  // Checks and passes over one value; *raw is its text.
  Status skip(std::string_view* raw = nullptr);
  // White space and then the end of the text.
  Status finish();

  // A place to come back to; only for a reader whose containers are open as they were at the mark.
  size_t mark() const { return at_; }
  void rewind(size_t mark) { at_ = mark; }
  // invalid_data "<what>, at line L, column C": the place of the key or value read last.
  Status blame(const std::string& what) const;

 private:
  struct Open {
    bool is_object;
    bool empty;  // nothing read from it yet
  };
  Status fail(const std::string& what) const;
  Status expected(const std::string& what) const;
  Status enter(char opening, const char* what);
  Status next(char closing, bool* found);
  Status number(size_t* begin, bool* whole);
  Status literal(std::string_view word);
  Status unicode_escape(std::string* out);
  Status escape(std::string* out);
  std::string place(size_t at) const;
  bool take(char c);
  void skip_space();
  size_t digits();

  std::string_view text_;
  size_t at_ = 0;
  size_t last_ = 0;  // where the key or value read last begins
  std::vector<Open> open_;
};

}  // namespace belle
