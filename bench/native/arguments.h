#pragma once
// "name=value" arguments of the native bench programs.
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

namespace belle::bench {

// Ends the program with a sentence: there is nobody to return to.
[[noreturn]] inline void refuse(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(2);
}

inline std::string quoted(std::string_view text) {
  std::string all = "\"";
  all += text;
  all += '"';
  return all;
}

class Arguments {
 public:
  // argv[first, argc)
  Arguments(int argc, char** argv, int first) {
    for (int i = first; i < argc; ++i) {
      const std::string_view word = argv[i];
      const size_t equals = word.find('=');
      if (equals == std::string_view::npos) refuse(quoted(word) + " is not name=value");
      values_.emplace(word.substr(0, equals), word.substr(equals + 1));
    }
  }

  std::string text(const std::string& name, const std::string& otherwise) {
    const auto found = values_.find(name);
    if (found == values_.end()) return otherwise;
    std::string value = found->second;
    values_.erase(found);
    return value;
  }
  int64_t number(const std::string& name, int64_t otherwise) {
    const std::string value = text(name, std::to_string(otherwise));
    int64_t number = 0;
    const auto read = std::from_chars(value.data(), value.data() + value.size(), number);
    if (read.ec != std::errc() || read.ptr != value.data() + value.size() || number < 0)
      refuse(name + "=" + value + " is no whole number");
    return number;
  }
  // After all known names were asked for.
  void refuse_others() const {
    if (!values_.empty()) refuse(quoted(values_.begin()->first) + " is no argument of this program or op");
  }

 private:
  std::map<std::string, std::string> values_;
};

}  // namespace belle::bench
