#pragma once
// Tokenizer: text to ids and back, whatever file it was read from.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "native/core/status.h"
#include "native/tokenizer/byte_range.h"
#include "native/tokenizer/piece_encoder.h"
#include "native/tokenizer/sentencepiece_model.h"
#include "native/tokenizer/word_cache.h"

namespace belle::tokenizer {

struct TokenizerJson;

// Space to work in, kept from text to text; one a thread.
struct EncodeScratch {
  std::string utf8;
  std::u32string code_points;
  std::vector<uint32_t> symbols;
  PieceEncoder::Scratch pieces;
  WordCache words;
  WorkArray<char> ascii;
};

// Where a part stands in its text; a whole text is its first part and its last.
struct PartPlace {
  bool first = true, last = true;
};

class StreamDecoder {
 public:
  virtual ~StreamDecoder() = default;
  virtual void push(int32_t id, std::string* text) = 0;
  virtual void finish(std::string* text) = 0;
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // Rows: one more than the largest id.
  virtual int32_t vocab_size() const = 0;
  // id in [0, vocab_size).
  virtual const Piece& piece(int32_t id) const = 0;
  virtual int32_t piece_id(std::string_view piece) const = 0;  // -1 when absent
  virtual int32_t unk_id() const = 0;                          // -1 when there is none; so are the others
  virtual int32_t bos_id() const = 0;
  virtual int32_t eos_id() const = 0;
  virtual int32_t pad_id() const = 0;

  // Appends the ids, without BOS and EOS. unsupported for a model that does not encode; invalid_argument for
  // a text that normalises to 2 GiB or more. Malformed bytes count as U+FFFD.
  virtual Status encode(std::string_view utf8, EncodeScratch* scratch, std::vector<int32_t>* ids) const = 0;
  // UTF-16, as JavaScript has it; a lone surrogate counts as U+FFFD.
  virtual Status encode(std::u16string_view utf16, EncodeScratch* scratch,
                        std::vector<int32_t>* ids) const = 0;
  // spans: for each id appended, the bytes of `utf8` that it stands for.
  // sentencepiece: ascending; white space that the normaliser removes belongs to the id before it, and of the
  // byte pieces of a character only the last has text.
  // tokenizer.json: as Hugging Face's offsets: each of a character's byte pieces has the whole character, and
  // spans need not ascend (an added token that takes the white space behind it overlaps one that begins
  // there; bytes come before an unknown character that still waits for its end).
  virtual Status encode_with_spans(std::string_view utf8, std::vector<int32_t>* ids,
                                   std::vector<ByteRange>* spans) const = 0;
  // The first place from `from` on where a text can be cut so that its parts, encoded on their own as the
  // first, a middle or the last part, give the ids of the whole; the text's size when there is none.
  virtual size_t cut(std::u16string_view text, size_t from) const;
  virtual Status encode_part(std::u16string_view part, PartPlace which, EncodeScratch* scratch,
                             std::vector<int32_t>* ids) const;
  virtual std::string decode(std::span<const int32_t> ids) const = 0;  // ids out of range are skipped

  // Text as ids come, never in the middle of a character. The tokenizer must outlive it.
  virtual std::unique_ptr<StreamDecoder> decode_stream() const = 0;

  // SHA-256 over all that decides what text becomes which ids and back (pieces, scores, types, normaliser,
  // byte fallback): the identity stored with data and checkpoints. Training options do not count.
  virtual std::string fingerprint() const = 0;
  // The file's content as it would be saved.
  virtual std::string serialize() const = 0;
  // What that file is called in a model's folder.
  virtual const char* file_name() const = 0;
  // Where it is one; else nullptr. So is tokenizer_json.
  virtual const SentencePieceModel* sentencepiece() const { return nullptr; }
  virtual const TokenizerJson* tokenizer_json() const { return nullptr; }

  Status encode(std::string_view utf8, std::vector<int32_t>* ids) const {
    EncodeScratch scratch;
    return encode(utf8, &scratch, ids);
  }
  Status save(const std::string& path) const;
};

}  // namespace belle::tokenizer
