#include <algorithm>
#include <utility>

#include "native/core/utf8.h"
#include "native/tokenizer/json/byte_level.h"
#include "native/tokenizer/json/json_text.h"
#include "native/tokenizer/json/json_tokenizer_state.h"

namespace belle::tokenizer {
namespace {

// Malformed bytes as U+FFFD; places[i]: where byte i of the result stands in `text` (one more for the end).
std::string repaired(std::string_view text, std::vector<size_t>* places) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text.substr(at));
    const size_t before = out.size();
    append_utf8(c.code_point, &out);
    if (places)
      for (size_t i = before; i < out.size(); ++i) places->push_back(at);
    at += c.length;
  }
  if (places) places->push_back(text.size());
  return out;
}

}  // namespace

// One call of encode.
struct JsonTokenizer::Encoding {
  const State& state;
  std::vector<int32_t>* ids;
  std::vector<ByteRange>* ranges;  // null: not wanted
  WordCache* known;                // null: not to be used
  TextStage stage;
  std::vector<uint32_t> atoms, merged, counts;
  RankedEncoder::Scratch scratch;
  std::vector<std::pair<size_t, size_t>> atom_bytes;  // of the word, with ranges only
  int32_t unk = -1;                                   // an unknown character not yet emitted
  std::pair<size_t, size_t> unk_bytes;
  std::string mapped;

  Encoding(const State& s, size_t bytes, std::vector<int32_t>* to, std::vector<ByteRange>* at,
           WordCache* words)
      : state(s),
        ids(to),
        ranges(at),
        known(!at && words && words->ready(s.words_owner, bytes) ? words : nullptr),
        stage(at != nullptr || s.needs_origins, TextStage::most_bytes(bytes)) {}

  Status text(std::string_view text) {
    std::vector<AddedTokens::Part> parts;
    const TextPart whole{text};
    state.raw_added.split(text, &parts);
    for (const AddedTokens::Part& part : parts) {
      if (part.token >= 0) {
        added(whole, part);
      } else {
        BELLE_TRY(segment(whole.slice(part.begin, part.end)));
      }
    }
    return {};
  }

  void added(const TextPart& text, const AddedTokens::Part& part) {
    ids->push_back(state.json.added[static_cast<size_t>(part.token)].id);
    if (ranges) ranges->push_back(text.range(part.begin, part.end));
  }

  // Text between the added tokens that are sought before normalisation.
  Status segment(TextPart segment) {
    TextPart normal;
    BELLE_ASSIGN(normal, stage.normalize(state.json.normalizer, segment));
    if (state.normalized_added.empty()) return words(normal);
    std::vector<AddedTokens::Part> parts;
    state.normalized_added.split(normal.text, &parts);
    for (const AddedTokens::Part& part : parts) {
      if (part.token >= 0) {
        added(normal, part);
      } else {
        BELLE_TRY(words(normal.slice(part.begin, part.end)));
      }
    }
    return {};
  }

  Status words(TextPart part) {
    if (state.split && !ranges) {
      Status status;
      for_each_word(*state.split, part.text, [&](size_t begin, size_t end) {
        if (status.ok()) status = word(part.slice(begin, end));
      });
      return status;
    }
    std::vector<TextPart> list;
    BELLE_TRY(stage.pre_tokenize(state.json.pre_tokenizer, part, &list));
    for (const TextPart& word : list)
      if (!word.text.empty()) BELLE_TRY(this->word(word));
    return {};
  }

  Status word(const TextPart& word) {
    const WordCache::Word key = known ? WordCache::word_of(word.text) : WordCache::Word{};
    if (key.length == 0) return new_word(word);
    if (const WordCache::Entry* const entry = known->find(key)) {
      ids->insert(ids->end(), entry->ids.begin(), entry->ids.begin() + entry->count);
      return {};
    }
    const size_t before = ids->size();
    BELLE_TRY(new_word(word));
    known->note(key, std::span(*ids).subspan(before));
    return {};
  }

  Status new_word(const TextPart& word) {
    const TokenizerJson& json = state.json;
    if (json.ignore_merges) {
      std::string_view piece = word.text;
      if (json.byte_level()) {
        mapped.clear();
        append_byte_level(word.text, &mapped);
        piece = mapped;
      }
      if (const int32_t id = json.vocabulary.find(piece); id >= 0) {
        ids->push_back(id);
        if (ranges) ranges->push_back(word.range(0, word.text.size()));
        return {};
      }
    }
    atoms.clear();
    atom_bytes.clear();
    if (json.byte_level()) {
      BELLE_TRY(byte_atoms(word.text));
    } else {
      BELLE_TRY(character_atoms(word.text));
    }
    flush_unknown();
    merged.clear();
    counts.clear();
    state.encoder.encode(atoms, &scratch, &merged, ranges ? &counts : nullptr);
    for (const uint32_t id : merged) ids->push_back(static_cast<int32_t>(id));
    size_t at = 0;
    for (const uint32_t count : counts) {
      const size_t end = std::max(atom_bytes[at].first + 1, atom_bytes[at + count - 1].second);
      ranges->push_back(word.range(atom_bytes[at].first, end));
      at += count;
    }
    return {};
  }

  void push(int32_t id, size_t begin, size_t end) {
    atoms.push_back(static_cast<uint32_t>(id));
    if (ranges) atom_bytes.emplace_back(begin, end);
  }

  void flush_unknown() {
    if (unk >= 0) push(std::exchange(unk, -1), unk_bytes.first, unk_bytes.second);
  }

  Status byte_atoms(std::string_view text) {
    for (size_t at = 0; at < text.size(); ++at) {
      const auto byte = static_cast<uint8_t>(text[at]);
      const int32_t id = state.byte_level_atoms[byte];
      if (id >= 0) {
        flush_unknown();
        push(id, at, at + 1);
        continue;
      }
      mapped.clear();
      append_utf8(byte_level_character(byte), &mapped);
      BELLE_TRY(unknown(mapped, at, at + 1));
    }
    return {};
  }

  Status character_atoms(std::string_view text) {
    for (size_t at = 0; at < text.size();) {
      const Utf8Char c = decode_utf8(text.substr(at));
      const std::string_view character = text.substr(at, c.length);
      const int32_t id =
          c.code_point < 0x10000 ? state.plane_atoms[c.code_point] : state.json.vocabulary.find(character);
      if (id >= 0) {
        flush_unknown();
        push(id, at, at + c.length);
      } else {
        BELLE_TRY(unknown(character, at, at + c.length));
      }
      at += c.length;
    }
    return {};
  }

  // As Hugging Face: all bytes of the character if all are there (before an unk still pending), else unk,
  // else nothing.
  Status unknown(std::string_view character, size_t begin, size_t end) {
    const TokenizerJson& json = state.json;
    bool all = json.byte_fallback;
    for (const char byte : character) all = all && state.byte_pieces[static_cast<uint8_t>(byte)] >= 0;
    if (all) {
      for (size_t i = 0; i < character.size(); ++i) {
        // The bytes of a byte-level character all stand for the one byte it maps.
        const size_t at = json.byte_level() ? begin : begin + i;
        push(state.byte_pieces[static_cast<uint8_t>(character[i])], at, at + 1);
      }
      return {};
    }
    if (!json.has_unk) return {};
    if (json.unk_id < 0)
      return Status(StatusCode::invalid_data, "the text holds \"" + printable(character) +
                                                  "\", which is no piece, and the unk_token \"" +
                                                  printable(json.unk_token) +
                                                  "\" is none either; add it to the vocab");
    if (unk >= 0 && json.fuse_unk) {
      unk_bytes.second = end;
      return {};
    }
    flush_unknown();
    unk = json.unk_id;
    unk_bytes = {begin, end};
    return {};
  }
};

Status JsonTokenizer::encode(std::string_view utf8, std::vector<int32_t>* ids, WordCache* words) const {
  return encode_text(utf8, ids, nullptr, words);
}

Status JsonTokenizer::encode_with_offsets(std::string_view utf8, std::vector<int32_t>* ids,
                                          std::vector<ByteRange>* ranges) const {
  return encode_text(utf8, ids, ranges, nullptr);
}

Status JsonTokenizer::encode_text(std::string_view utf8, std::vector<int32_t>* ids,
                                  std::vector<ByteRange>* ranges, WordCache* words) const {
  if (utf8.size() > kMaxBytes / 3)  // each malformed byte becomes three
    return Status(StatusCode::invalid_argument, "a text of more than 715 MB; encode it in parts");
  const size_t first = ranges ? ranges->size() : 0;
  std::string repair;
  std::vector<size_t> places;
  const bool broken = valid_utf8_prefix(utf8) != utf8.size();
  if (broken) repair = repaired(utf8, ranges ? &places : nullptr);
  const std::string_view text = broken ? std::string_view(repair) : utf8;
  Encoding encoding(*state_, text.size(), ids, ranges, words);
  BELLE_TRY(encoding.text(text));
  if (broken && ranges)
    for (size_t i = first; i < ranges->size(); ++i)
      (*ranges)[i] = {places[(*ranges)[i].begin], places[(*ranges)[i].end]};
  return {};
}

}  // namespace belle::tokenizer
