// The encoding half of SentencePieceTokenizer: ids, pieces and spans of texts; loading and decoding are in
// sentencepiece_tokenizer.cpp.
#include <algorithm>
#include <type_traits>

#include "native/core/code_points.h"
#include "native/tokenizer/sentencepiece_tokenizer.h"

namespace belle::tokenizer {
namespace {

std::string_view model_type_name(ModelType type) {
  switch (type) {
    case ModelType::unigram:
      return "UNIGRAM";
    case ModelType::bpe:
      return "BPE";
    case ModelType::word:
      return "WORD";
    case ModelType::character:
      return "CHAR";
  }
  return "?";
}

Status too_long(size_t bytes) {
  return {StatusCode::invalid_argument,
          "a text of " + std::to_string(bytes) + " bytes is too long to encode at once; cut it below 2 GiB"};
}

// False, and not all copied, where a unit is not ASCII.
template <class Text>
bool copy_ascii(Text text, char* to) {
  constexpr size_t kBlock = 16;
  const auto copy = [&](size_t begin, size_t size) {
    uint32_t any = 0;
    for (size_t i = begin; i < begin + size; ++i) {
      any |= static_cast<std::make_unsigned_t<typename Text::value_type>>(text[i]);
      to[i] = static_cast<char>(text[i]);
    }
    return any < 0x80;
  };
  size_t at = 0;
  for (; at + kBlock <= text.size(); at += kBlock)
    if (!copy(at, kBlock)) return false;
  return copy(at, text.size() - at);
}

}  // namespace

Status SentencePieceTokenizer::check_encodes() const {
  if (model_.trainer_spec.model_type == ModelType::bpe) return {};
  return {StatusCode::unsupported,
          "this tokenizer is a " + std::string(model_type_name(model_.trainer_spec.model_type)) +
              " model and only BPE models can encode; merge its pieces into a BPE model, "
              "or train one with `belle-train tokenizer train`"};
}

// Symbols of normalised text, as PieceEncoder gives them.
std::span<const uint32_t> SentencePieceTokenizer::symbols_of(std::string_view text,
                                                             EncodeScratch* scratch) const {
  std::vector<uint32_t>& symbols = scratch->symbols;
  symbols.clear();
  if (!linear_) {
    std::vector<Segment> segments;
    heap_.segment(text, &segments);
    for (const Segment& segment : segments) {
      if (segment.id >= 0)
        symbols.push_back(static_cast<uint32_t>(segment.id));
      else
        for_each_code_point(segment.text,
                            [&](char32_t c) { symbols.push_back(PieceEncoder::kCharacter + c); });
    }
    return symbols;
  }
  scratch->code_points.clear();
  const auto encode_run = [&] {
    const auto run = linear_->encode(scratch->code_points, &scratch->pieces);
    symbols.insert(symbols.end(), run.begin(), run.end());
    scratch->code_points.clear();
  };
  for (size_t at = 0; at < text.size();) {
    if (const size_t defined = user_defined_.match(text.substr(at))) {
      encode_run();
      symbols.push_back(static_cast<uint32_t>(table_.find(text.substr(at, defined))));
      at += defined;
      continue;
    }
    const Utf8Char c = decode_utf8(text.substr(at));
    scratch->code_points.push_back(c.code_point);
    at += c.length;
  }
  encode_run();
  return symbols;
}

void SentencePieceTokenizer::append_ids(std::span<const uint32_t> symbols, std::vector<int32_t>* ids) const {
  const auto unk = static_cast<uint32_t>(unk_id_);
  const size_t before = ids->size();
  ids->resize(before + symbols.size());
  int32_t* to = ids->data() + before;
  size_t i = 0;
  for (; i < symbols.size() && symbols[i] < PieceEncoder::kCharacter && symbols[i] != unk; ++i)
    *to++ = static_cast<int32_t>(symbols[i]);
  if (i == symbols.size()) return;
  ids->resize(before + i);
  const bool byte_fallback = model_.trainer_spec.byte_fallback;
  ids->reserve(before + symbols.size() + (byte_fallback ? 2 * (symbols.size() - i) : 0));
  bool after_unknown = false;
  for (; i < symbols.size(); ++i) {
    const uint32_t symbol = symbols[i];
    const bool unknown = symbol >= PieceEncoder::kCharacter || symbol == unk;
    if (!unknown) {
      ids->push_back(static_cast<int32_t>(symbol));
    } else if (byte_fallback) {
      append_bytes(symbol, ids);
    } else if (!after_unknown) {  // a run of unknown characters is one <unk>
      ids->push_back(unk_id_);
    }
    after_unknown = unknown;
  }
}

// The byte pieces of a symbol that has none of its own.
void SentencePieceTokenizer::append_bytes(uint32_t symbol, std::vector<int32_t>* ids) const {
  for (const char byte : text_of(symbol)) ids->push_back(byte_ids_[static_cast<uint8_t>(byte)]);
}

std::string SentencePieceTokenizer::text_of(uint32_t symbol) const {
  if (symbol < PieceEncoder::kCharacter) return piece(static_cast<int32_t>(symbol)).piece;
  std::string text;
  append_utf8(symbol - PieceEncoder::kCharacter, &text);
  return text;
}

template <class Text>
void SentencePieceTokenizer::encode_plain(Text text, PartPlace which, EncodeScratch* scratch,
                                          std::vector<int32_t>* ids) const {
  Normalizer::Plain rules = normalizer_.plain_rules();
  rules.prefix = rules.prefix && which.first;
  rules.suffix = rules.suffix && which.last;
  append_ids(linear_->encode_plain(text, rules, &scratch->pieces), ids);
}

template <class Text>
void SentencePieceTokenizer::encode_cached(Text text, PartPlace which, EncodeScratch* scratch,
                                           std::vector<int32_t>* ids) const {
  if (!words_owner_ || text.empty() || !scratch->words.ready(words_owner_, text.size()))
    return encode_plain(text, which, scratch, ids);
  // A copy with the prefix before it and enough behind it to be read.
  char* const bytes = scratch->ascii.room(1 + text.size() + WordCache::kReads);
  char* end = bytes;
  if (which.first && normalizer_.plain_rules().prefix) *end++ = ' ';
  if (!copy_ascii(text, end)) return encode_plain(text, which, scratch, ids);
  end += text.size();
  std::fill_n(end, WordCache::kReads, ' ');
  encode_words({bytes, end}, scratch, ids);
}

// Behind `ascii` kReads spaces can be read.
void SentencePieceTokenizer::encode_words(std::string_view ascii, EncodeScratch* scratch,
                                          std::vector<int32_t>* ids) const {
  constexpr PartPlace kWithin{false, false};
  std::array<int32_t, 256> known;  // ids of known words not appended yet
  size_t count = 0;
  const auto append_known = [&] {
    ids->insert(ids->end(), known.begin(), known.begin() + static_cast<std::ptrdiff_t>(count));
    count = 0;
  };
  for (size_t at = 0; at < ascii.size();) {
    const WordCache::Word word = WordCache::word_at(ascii.data() + at);
    if (word.length == 0) {
      size_t next = std::min(at + WordCache::kMostBytes, ascii.size());
      while (next < ascii.size() && (ascii[next] != ' ' || ascii[next - 1] == ' ')) ++next;
      append_known();
      encode_plain(ascii.substr(at, next - at), kWithin, scratch, ids);
      at = next;
      continue;
    }
    if (const WordCache::Entry* const entry = scratch->words.find(word)) {
      std::copy(entry->ids.begin(), entry->ids.end(), known.begin() + static_cast<std::ptrdiff_t>(count));
      count += entry->count;
      if (count > known.size() - WordCache::kMostIds) append_known();
    } else {
      append_known();
      const size_t before = ids->size();
      encode_plain(ascii.substr(at, word.length), kWithin, scratch, ids);
      scratch->words.note(word, std::span(*ids).subspan(before));
    }
    at += word.length;
  }
  append_known();
}

Status SentencePieceTokenizer::encode(std::string_view utf8, EncodeScratch* scratch,
                                      std::vector<int32_t>* ids) const {
  BELLE_TRY(check_encodes());
  if (utf8.size() > HeapEncoder::kMaxBytes) return too_long(utf8.size());
  if (plain()) {
    encode_cached(utf8, {}, scratch, ids);
    return {};
  }
  const std::string normalized = normalize(utf8);
  if (normalized.size() > HeapEncoder::kMaxBytes) return too_long(utf8.size());
  append_ids(symbols_of(normalized, scratch), ids);
  return {};
}

Status SentencePieceTokenizer::encode(std::u16string_view utf16, EncodeScratch* scratch,
                                      std::vector<int32_t>* ids) const {
  if (plain() && utf16.size() <= HeapEncoder::kMaxBytes / 3) {
    BELLE_TRY(check_encodes());
    encode_cached(utf16, {}, scratch, ids);
    return {};
  }
  scratch->utf8.clear();
  append_utf8(utf16, &scratch->utf8);
  return encode(scratch->utf8, scratch, ids);
}

size_t SentencePieceTokenizer::cut(std::u16string_view text, size_t from) const {
  if (!plain()) return text.size();
  const char32_t space = normalizer_.plain_rules().space;
  // Not between the halves of a character, and never at the very start: the prefix stands there.
  size_t at = std::max<size_t>(from, 1);
  if (at < text.size() && (text[at] & 0xFC00) == 0xDC00) ++at;
  const auto normalized = [&](char16_t unit) { return unit == u' ' ? space : static_cast<char32_t>(unit); };
  for (; at < text.size(); ++at) {
    // Beyond the basic plane nothing is cut: rare, and not worth the care.
    if ((text[at - 1] & 0xF800) == 0xD800 || (text[at] & 0xF800) == 0xD800) continue;
    if (linear_->separates(normalized(text[at - 1]), normalized(text[at]))) return at;
  }
  return text.size();
}

Status SentencePieceTokenizer::encode_part(std::u16string_view part, PartPlace which, EncodeScratch* scratch,
                                           std::vector<int32_t>* ids) const {
  if (which.first && which.last) return encode(part, scratch, ids);
  BELLE_TRY(check_encodes());
  encode_cached(part, which, scratch, ids);
  return {};
}

Status SentencePieceTokenizer::encode_with_spans(std::string_view utf8, std::vector<int32_t>* ids,
                                                 std::vector<ByteRange>* spans) const {
  BELLE_TRY(check_encodes());
  EncodeScratch scratch;
  std::vector<size_t> origins;
  const std::string normalized = normalizer_.normalize(utf8, user_defined_, &origins);
  if (normalized.size() > HeapEncoder::kMaxBytes) return too_long(utf8.size());
  size_t byte = 0;
  bool after_unknown = false;
  // A charsmap can be crafted to make malformed text, which then counts as more bytes than it has.
  const auto origin = [&] { return origins[std::min(byte, origins.size() - 1)]; };
  for (const uint32_t symbol : symbols_of(normalized, &scratch)) {
    const size_t begin = origin(), before = ids->size();
    byte += text_of(symbol).size();
    const bool unknown = symbol >= PieceEncoder::kCharacter || symbol == static_cast<uint32_t>(unk_id_);
    if (unknown && after_unknown && !model_.trainer_spec.byte_fallback) {
      spans->back().end = origin();  // one <unk> for the run
      continue;
    }
    append_ids({&symbol, 1}, ids);
    spans->resize(spans->size() + (ids->size() - before), {begin, begin});
    spans->back().end = origin();
    after_unknown = unknown;
  }
  return {};
}

std::vector<int32_t> SentencePieceTokenizer::encode_normalized(std::string_view normalized) const {
  EncodeScratch scratch;
  std::vector<int32_t> ids;
  for (const uint32_t symbol : symbols_of(normalized.substr(0, HeapEncoder::kMaxBytes), &scratch))
    ids.push_back(symbol >= PieceEncoder::kCharacter ? unk_id_ : static_cast<int32_t>(symbol));
  return ids;
}

std::vector<int32_t> SentencePieceTokenizer::encode_by_heap(std::string_view normalized) const {
  std::vector<Segment> segments;
  heap_.segment(normalized.substr(0, HeapEncoder::kMaxBytes), &segments);
  std::vector<int32_t> ids;
  for (const Segment& segment : segments) ids.push_back(segment.id < 0 ? unk_id_ : segment.id);
  return ids;
}

}  // namespace belle::tokenizer
