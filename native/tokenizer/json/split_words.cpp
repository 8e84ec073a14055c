// The state machines behind split_rules.h. Each tries the alternatives of its regular expression in order;
// where one backtracks, the comment says to what.
#include "native/core/utf8.h"
#include "native/tokenizer/json/split_rules.h"
#include "native/tokenizer/unicode/character_class.h"

namespace belle::tokenizer {
namespace {

using Class = CharacterClass;

constexpr uint32_t bit(Class c) { return 1u << static_cast<int>(c); }
constexpr uint32_t kLetters =
    bit(Class::upper) | bit(Class::lower) | bit(Class::title) | bit(Class::modifier) | bit(Class::letter);
constexpr uint32_t kNumbers = bit(Class::number);
constexpr uint32_t kSpaces = bit(Class::space);
constexpr uint32_t kOthers = bit(Class::other) | bit(Class::mark);  // [^\s\p{L}\p{N}]
constexpr uint32_t kCaseless = bit(Class::modifier) | bit(Class::letter) | bit(Class::mark);
constexpr uint32_t kUppers = bit(Class::upper) | bit(Class::title) | kCaseless;
constexpr uint32_t kLowers = bit(Class::lower) | kCaseless;

class Words {
 public:
  explicit Words(std::string_view text) : text_(text), classes_(CharacterClasses::get()) {}

  size_t gpt2(size_t at) const {
    if (const size_t end = contraction(at, false); end > at) return end;
    const size_t start = at + (byte(at) == ' ' ? 1 : 0);
    for (const uint32_t set : {kLetters, kNumbers, kOthers})
      if (const size_t end = run(start, set); end > start) return end;
    return spaces(at);
  }

  // The class is that of Oniguruma: outside are white space, ( ) | and the punctuation named.
  size_t bloom(size_t at) const {
    const size_t start = at + (byte(at) == ' ' ? 1 : 0);
    size_t end = start;
    while (end < text_.size()) {
      const Utf8Char c = decode_utf8(text_.substr(end));
      if (is_bloom_stop(c.code_point)) break;
      end += c.length;
    }
    return end > start ? end : at;
  }

  size_t gpt4(size_t at, uint32_t digits, bool one_word_at_end) const {
    if (const size_t end = contraction(at, true); end > at) return end;
    const size_t prefix = prefix_end(at);
    if (const size_t end = run(prefix, kLetters); end > prefix) return end;
    if (const size_t end = run(at, kNumbers, digits); end > at) return end;
    if (const size_t end = others(at, false); end > at) return end;
    if (one_word_at_end) {
      const size_t end = run(at, kSpaces);
      if (end == text_.size()) return end;
    }
    if (const size_t end = lines(at); end > at) return end;
    return spaces(at);
  }

  size_t o200k(size_t at) const {
    const size_t prefix = prefix_end(at);
    // [upper]*[lower]+ with the optional character before it, then without.
    for (size_t start = prefix;; start = at) {
      if (const size_t end = lower_word(start); end > start) return contraction(end, true);
      if (start == at) break;
    }
    for (size_t start = prefix;; start = at) {
      if (const size_t end = run(start, kUppers); end > start) return contraction(run(end, kLowers), true);
      if (start == at) break;
    }
    if (const size_t end = run(at, kNumbers, 3); end > at) return end;
    if (const size_t end = others(at, true); end > at) return end;
    if (const size_t end = lines(at); end > at) return end;
    return spaces(at);
  }

 private:
  int byte(size_t at) const { return at < text_.size() ? static_cast<uint8_t>(text_[at]) : -1; }

  bool is_bloom_stop(uint32_t c) const {
    switch (c) {
      case '(':
      case ')':
      case '|':
      case '.':
      case ',':
      case '!':
      case '?':
      case 0x2026:  // …
      case 0x3002:  // 。
      case 0xFF0C:  // ，
      case 0x3001:  // 、
      case 0x964:   // ।
      case 0x6D4:   // ۔
      case 0x60C:   // ،
        return true;
      default:
        return classes_.of(c) == Class::space;
    }
  }

  uint32_t class_bit(size_t at, uint32_t* length) const {
    const Utf8Char c = decode_utf8(text_.substr(at));
    *length = c.length;
    return bit(classes_.of(c.code_point));
  }

  size_t run(size_t at, uint32_t set, uint32_t most = ~0u) const {
    uint32_t length = 0;
    while (most-- > 0 && at < text_.size() && (class_bit(at, &length) & set)) at += length;
    return at;
  }

  // 's 't 're 've 'm 'll 'd at `at`: its end, else `at`. Without case, s is also U+017F.
  size_t contraction(size_t at, bool any_case) const {
    if (byte(at) != '\'') return at;
    const auto letter = [&](size_t place) {
      const int c = byte(place);
      return any_case && c >= 'A' && c <= 'Z' ? c + 32 : c;
    };
    const int first = letter(at + 1), second = letter(at + 2);
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return at + 2;
    if ((first == 'r' || first == 'v') && second == 'e') return at + 3;
    if (first == 'l' && second == 'l') return at + 3;
    if (any_case && first == 0xC5 && byte(at + 2) == 0xBF) return at + 3;
    return at;
  }

  // [^\r\n\p{L}\p{N}]?
  size_t prefix_end(size_t at) const {
    if (byte(at) == '\r' || byte(at) == '\n') return at;
    uint32_t length = 0;
    return class_bit(at, &length) & (kLetters | kNumbers) ? at : at + length;
  }

  // ` ?[^\s\p{L}\p{N}]+[\r\n]*`, with slashes `[\r\n/]*`.
  size_t others(size_t at, bool slashes) const {
    const size_t start = at + (byte(at) == ' ' ? 1 : 0);
    size_t end = run(start, kOthers);
    if (end == start) return at;
    while (byte(end) == '\r' || byte(end) == '\n' || (slashes && byte(end) == '/')) ++end;
    return end;
  }

  // `\s*[\r\n]+`: white space through its last line break.
  size_t lines(size_t at) const {
    size_t last = at;
    uint32_t length = 0;
    for (size_t place = at; place < text_.size() && (class_bit(place, &length) & kSpaces); place += length)
      if (text_[place] == '\r' || text_[place] == '\n') last = place + 1;
    return last;
  }

  // `\s+(?!\S)|\s+`: a run before something else leaves its last character to what follows.
  size_t spaces(size_t at) const {
    size_t last = at, end = at;
    uint32_t length = 0;
    while (end < text_.size() && (class_bit(end, &length) & kSpaces)) {
      last = end;
      end += length;
    }
    return end == text_.size() || last == at ? end : last;
  }

  // [upper]*[lower]+ from `start`, else `start`. When no lower follows the run of uppers, it gives back up to
  // its last caseless character, which then is the [lower]+.
  size_t lower_word(size_t start) const {
    size_t at = start, caseless_end = start;
    uint32_t length = 0;
    while (at < text_.size()) {
      const uint32_t c = class_bit(at, &length);
      if (!(c & kUppers)) break;
      at += length;
      if (c & kCaseless) caseless_end = at;
    }
    const size_t end = run(at, kLowers);
    return end > at ? end : caseless_end;
  }

  std::string_view text_;
  const CharacterClasses& classes_;
};

}  // namespace

size_t split_word_end(SplitRules rules, std::string_view text, size_t at) {
  const Words words(text);
  switch (rules) {
    case SplitRules::gpt2:
      return words.gpt2(at);
    case SplitRules::bloom:
      return words.bloom(at);
    case SplitRules::cl100k_base:
      return words.gpt4(at, 3, true);
    case SplitRules::llama3:
      return words.gpt4(at, 3, false);
    case SplitRules::qwen2:
      return words.gpt4(at, 1, false);
    case SplitRules::o200k_base:
      return words.o200k(at);
  }
  return at;
}

}  // namespace belle::tokenizer
