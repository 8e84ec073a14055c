#pragma once
// JsonTokenizer: encode and decode with a tokenizer.json as Hugging Face tokenizers 0.23.2 does, or with a
// tiktoken rank file as tiktoken 0.14 does.
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "native/core/status.h"
#include "native/tokenizer/byte_range.h"
#include "native/tokenizer/json/tokenizer_json.h"
#include "native/tokenizer/word_cache.h"

namespace belle::tokenizer {

// What an id is: special and added are the added tokens of the file, byte the <0x00> .. <0xFF> of byte
// fallback.
enum class JsonPieceKind : uint8_t { absent, normal, unknown, byte, special, added };

class JsonTokenizer {
 public:
  static constexpr size_t kMaxBytes = (1ull << 31) - 1;  // of a text, normalised

  static Result<std::unique_ptr<JsonTokenizer>> parse(std::string_view json);
  static Result<std::unique_ptr<JsonTokenizer>> create(TokenizerJson json);
  // splitter: a name of split_rules.h; special: tokens and their ids.
  static Result<std::unique_ptr<JsonTokenizer>> from_tiktoken(std::string_view ranks_file,
                                                              const std::string& splitter,
                                                              const std::map<std::string, int32_t>& special);
  ~JsonTokenizer();

  // Appends the ids, without BOS and EOS; added tokens in the text become their ids. Malformed bytes count as
  // U+FFFD. invalid_argument for a text that normalises to 2 GiB or more, or of which the file's steps make
  // more than 64 times its size and 1 MiB; invalid_data for an unknown character where the file's unk_token
  // is no piece.
  // words: known from texts before, and more from this one.
  Status encode(std::string_view utf8, std::vector<int32_t>* ids, WordCache* words = nullptr) const;
  // ranges[i]: the characters ids[i] comes from. As Hugging Face's offsets before post-processing, in bytes;
  // behind a character that is dropped (no unk_token) Hugging Face's slip, these do not.
  Status encode_with_offsets(std::string_view utf8, std::vector<int32_t>* ids,
                             std::vector<ByteRange>* ranges) const;
  // Ids that nothing stands for are skipped.
  std::string decode(std::span<const int32_t> ids, bool skip_special) const;
  // False for the ids that decode passes over, wherever they stand.
  bool decodes(int32_t id, bool skip_special) const;

  int32_t vocab_size() const;                // greatest id + 1
  std::string_view piece(int32_t id) const;  // as written in the file; "" when absent
  JsonPieceKind kind(int32_t id) const;
  int32_t piece_id(std::string_view piece) const;  // -1 when absent
  // By the template of the post-processor, else by the usual names among the special tokens; -1 when not
  // known.
  int32_t bos_id() const;
  int32_t eos_id() const;
  int32_t unk_id() const;
  int32_t pad_id() const;
  const TokenizerJson& json() const;
  // SHA-256 over all that decides which text becomes which ids and back.
  std::string fingerprint() const;

 private:
  struct State;
  struct Encoding;
  Status encode_text(std::string_view utf8, std::vector<int32_t>* ids, std::vector<ByteRange>* ranges,
                     WordCache* words) const;
  explicit JsonTokenizer(std::unique_ptr<State>);
  std::unique_ptr<State> state_;
};

}  // namespace belle::tokenizer
