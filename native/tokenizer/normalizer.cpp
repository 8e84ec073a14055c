#include "native/tokenizer/normalizer.h"

#include <cstring>
#include <optional>
#include <utility>

#include "native/core/span_reader.h"
#include "native/core/utf8.h"
#include "native/tokenizer/double_array.h"
#include "native/tokenizer/space_symbol.h"

namespace belle::tokenizer {

namespace {

constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";
constexpr size_t kMaxReplacementBytes = 1024;  // bounds what one input byte can grow to; NFKC needs 33

const PrefixMatcher kNoMatcher;

Status bad_charsmap(const std::string& what) {
  return {StatusCode::invalid_data,
          "precompiled_charsmap: " + what + "; the model is damaged: fetch it again"};
}

// The replacement texts are cut by NUL; the last must be too.
Status check_replacements(std::string_view texts) {
  if (texts.empty() || texts.back() != '\0') return bad_charsmap("its replacement texts do not end with NUL");
  for (size_t begin = 0; begin < texts.size();) {
    const size_t end = texts.find('\0', begin);
    if (end - begin > kMaxReplacementBytes)
      return bad_charsmap("the replacement at offset " + std::to_string(begin) + " is longer than " +
                          std::to_string(kMaxReplacementBytes) + " bytes");
    begin = end + 1;
  }
  return {};
}

}  // namespace

struct Normalizer::State {
  bool add_dummy_prefix, remove_extra_whitespaces, whitespace_as_suffix;
  std::string_view space;            // what a space becomes
  std::optional<DoubleArray> rules;  // key -> offset of its replacement
  std::string replacements;

  std::pair<std::string_view, size_t> prefix(std::string_view text, const PrefixMatcher& user_defined) const {
    if (const size_t length = user_defined.match(text)) return {text.substr(0, length), length};
    if (rules) {
      const DoubleArray::Match match = rules->longest_prefix(text);
      if (match.length > 0) return {std::string_view(replacements.data() + match.value), match.length};
    }
    const Utf8Char c = decode_utf8(text);
    return {c.valid ? text.substr(0, c.length) : kReplacementCharacter, c.length};
  }
};

Normalizer::Normalizer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Normalizer::Normalizer(Normalizer&&) noexcept = default;
Normalizer& Normalizer::operator=(Normalizer&&) noexcept = default;
Normalizer::~Normalizer() = default;

Result<Normalizer> Normalizer::create(const NormalizerSpec& spec, bool whitespace_as_suffix) {
  auto state = std::make_unique<State>();
  state->add_dummy_prefix = spec.add_dummy_prefix;
  state->remove_extra_whitespaces = spec.remove_extra_whitespaces;
  state->whitespace_as_suffix = whitespace_as_suffix;
  state->space = spec.escape_whitespaces ? kSpaceSymbol : " ";
  const std::string& blob = spec.precompiled_charsmap;
  if (!blob.empty()) {
    // u32 trie size, trie, replacement texts
    SpanReader reader({reinterpret_cast<const uint8_t*>(blob.data()), blob.size()});
    uint32_t trie_size;
    std::span<const uint8_t> trie;
    if (!reader.read(&trie_size))
      return bad_charsmap("it has " + std::to_string(blob.size()) + " bytes, not even a size");
    if (!reader.take(trie_size, &trie))
      return bad_charsmap("it claims a trie of " + std::to_string(trie_size) + " bytes where " +
                          std::to_string(reader.remaining()) + " remain");
    state->replacements.assign(blob, reader.offset());
    BELLE_TRY(check_replacements(state->replacements));
    BELLE_ASSIGN(state->rules, DoubleArray::create(trie, state->replacements.size()));
  }
  return Normalizer(std::move(state));
}

std::string Normalizer::normalize(std::string_view text, const std::vector<std::string>* user_defined) const {
  return user_defined ? normalize(text, PrefixMatcher(*user_defined)) : normalize(text, kNoMatcher);
}

std::string Normalizer::normalize(std::string_view text, const PrefixMatcher& user_defined,
                                  std::vector<size_t>* origins) const {
  const State& state = *state_;
  const size_t whole = text.size();
  size_t end = whole;  // of what was not removed
  std::string out;
  if (origins) origins->clear();
  const auto append = [&](std::string_view bytes, size_t origin) {
    out += bytes;
    if (origins) origins->insert(origins->end(), bytes.size(), origin);
  };
  if (state.remove_extra_whitespaces) {
    while (!text.empty()) {
      const auto [piece, consumed] = state.prefix(text, user_defined);
      if (piece != " ") break;
      text.remove_prefix(consumed);
    }
  }
  if (!text.empty()) {
    out.reserve(text.size() + text.size() / 2 + kSpaceSymbol.size());
    if (state.add_dummy_prefix && !state.whitespace_as_suffix) append(state.space, whole - text.size());
    bool after_space = state.remove_extra_whitespaces;
    while (!text.empty()) {
      const size_t origin = whole - text.size();
      auto [piece, consumed] = state.prefix(text, user_defined);
      text.remove_prefix(consumed);
      while (after_space && piece.starts_with(' ')) piece.remove_prefix(1);
      if (piece.empty()) continue;
      for (const char& c : piece) append(c == ' ' ? state.space : std::string_view(&c, 1), origin);
      after_space = state.remove_extra_whitespaces && piece.ends_with(' ');
    }
    if (state.remove_extra_whitespaces)
      while (std::string_view(out).ends_with(state.space)) out.resize(out.size() - state.space.size());
    if (origins && out.size() < origins->size()) {
      end = (*origins)[out.size()];
      origins->resize(out.size());
    }
    if (state.add_dummy_prefix && state.whitespace_as_suffix) append(state.space, end);
  }
  if (origins) origins->push_back(end);
  return out;
}

bool Normalizer::plain() const { return !state_->rules && !state_->remove_extra_whitespaces; }

Normalizer::Plain Normalizer::plain_rules() const {
  return {state_->space == " " ? U' ' : kSpaceCharacter,
          state_->add_dummy_prefix && !state_->whitespace_as_suffix,
          state_->add_dummy_prefix && state_->whitespace_as_suffix};
}

}  // namespace belle::tokenizer
