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
  // unsupported for a model that is not BPE.
  Status encode(std::string_view utf8, std::vector<int32_t>* ids) const;  // appends
  // Segments of the already normalised text, without byte fallback; for merge reports: does a piece encode to itself?
  std::vector<int32_t> encode_normalized(std::string_view normalized) const;
  std::string decode(std::span<const int32_t> ids) const;  // ids out of range are skipped by the caller's check
  int32_t piece_id(std::string_view piece) const;  // -1 when absent
  Status save(const std::string& path) const;
  // sha256 over pieces, scores, types and normaliser: the identity stored with data and checkpoints.
  std::string fingerprint() const;

 private:
  struct State;
  explicit Tokenizer(std::unique_ptr<State>);
  std::unique_ptr<State> state_;
};

}  // namespace belle::tokenizer
