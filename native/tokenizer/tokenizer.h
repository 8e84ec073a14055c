#pragma once
// Tokenizer: encode and decode with a sentencepiece BPE model, byte-exact with sentencepiece 0.2.2.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "native/core/status.h"
#include "native/tokenizer/sentencepiece_model.h"

namespace belle::tokenizer {

class Tokenizer {
 public:
  static Result<std::unique_ptr<Tokenizer>> load(const std::string& path);  // a .model file
  static Result<std::unique_ptr<Tokenizer>> create(SentencePieceModel model);
  ~Tokenizer();
  const SentencePieceModel& model() const;
  int32_t vocab_size() const;
  // Appends the ids, without BOS and EOS. unsupported for a model that is not BPE; invalid_argument for a
  // text that normalises to 2 GiB or more. Malformed bytes count as U+FFFD.
  Status encode(std::string_view utf8, std::vector<int32_t>* ids) const;
  // The segments of already normalised text, without byte fallback: one unk id per unknown character. For
  // merge reports: does a piece encode to itself? Works for every model type, by the rules of BPE.
  std::vector<int32_t> encode_normalized(std::string_view normalized) const;
  std::string normalize(std::string_view utf8) const;
  std::string decode(std::span<const int32_t> ids) const;  // see decoder.h; ids out of range are skipped
  int32_t piece_id(std::string_view piece) const;          // -1 when absent
  Status save(const std::string& path) const;
  // sha256 over all that decides what text becomes which ids and back (pieces, scores, types, normaliser,
  // byte fallback): the identity stored with data and checkpoints. Training options do not count.
  std::string fingerprint() const;

 private:
  struct State;
  explicit Tokenizer(std::unique_ptr<State>);
  std::unique_ptr<State> state_;
};

}  // namespace belle::tokenizer
