#pragma once
// SentencePieceModel: the content of a sentencepiece .model (ModelProto, google/sentencepiece
// src/sentencepiece_model.proto): a bounded reader and a writer that keeps the fields we do not use.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "native/core/status.h"

namespace belle::tokenizer {

enum class PieceType : int32_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };
enum class ModelType : int32_t { unigram = 1, bpe = 2, word = 3, character = 4 };

struct Piece {
  std::string piece;  // UTF-8
  float score = 0;
  PieceType type = PieceType::normal;
};

// The TrainerSpec fields that describe a model or its training; option names are sentencepiece's.
struct TrainerSpec {
  ModelType model_type = ModelType::unigram;
  int32_t vocab_size = 8000;
  float character_coverage = 0.9995f;
  uint64_t input_sentence_size = 0;
  bool shuffle_input_sentence = true;
  int32_t max_sentence_length = 4192;      // bytes
  int32_t max_sentencepiece_length = 16;   // code points
  bool split_by_unicode_script = true;
  bool split_by_number = true;
  bool split_by_whitespace = true;
  bool treat_whitespace_as_suffix = false;
  bool allow_whitespace_only_pieces = false;
  bool split_digits = false;
  bool byte_fallback = false;
  bool hard_vocab_limit = true;
  std::vector<std::string> control_symbols, user_defined_symbols;
  std::string required_chars;
  int32_t unk_id = 0, bos_id = 1, eos_id = 2, pad_id = -1;
  std::string unk_piece = "<unk>", bos_piece = "<s>", eos_piece = "</s>", pad_piece = "<pad>", unk_surface = " \xE2\x81\x87 ";
};

struct NormalizerSpec {
  std::string name = "nmt_nfkc";
  std::string precompiled_charsmap;  // see normalizer.h; empty = identity
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
};

struct SentencePieceModel {
  std::vector<Piece> pieces;
  TrainerSpec trainer_spec;
  NormalizerSpec normalizer_spec;
  // Bytes of fields we neither interpret nor drop, re-emitted by serialize: per message, raw key + value.
  std::string unknown_model_fields, unknown_trainer_fields, unknown_normalizer_fields;

  int32_t unk_id() const;
};

// Limits: 64 MB, 1 M pieces, 8,000 bytes a piece (sentencepiece's own cap is 7,999). Rejects: bad varints and lengths,
// empty or duplicate pieces, invalid UTF-8, non-finite scores, unknown types, not exactly one <unk>,
// byte_fallback without all 256 <0x00>..<0xFF> pieces. Messages name the byte offset or the piece index.
// self_test_data is dropped.
Result<SentencePieceModel> parse_model(std::span<const uint8_t> bytes);
std::string serialize_model(const SentencePieceModel& model);

}  // namespace belle::tokenizer
