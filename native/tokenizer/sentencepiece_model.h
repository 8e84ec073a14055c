#pragma once
// SentencePieceModel: the content of a sentencepiece .model (ModelProto, google/sentencepiece
// src/sentencepiece_model.proto): a bounded reader and a writer that keeps the fields we do not use.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "native/core/status.h"

namespace belle::tokenizer {

enum class PieceType : int32_t {
  normal = 1,
  unknown = 2,
  control = 3,
  user_defined = 4,
  unused = 5,
  byte = 6
};
enum class ModelType : int32_t { unigram = 1, bpe = 2, word = 3, character = 4 };

struct Piece {
  std::string piece;  // UTF-8
  float score = 0;
  PieceType type = PieceType::normal;
  // For a byte-exact round trip: was a zero score written out, was type NORMAL, and the raw fields we do not
  // know.
  bool score_written = true, type_written = false;
  std::string unknown_fields{};
};

// The TrainerSpec fields that describe a model or its training; option names are sentencepiece's.
struct TrainerSpec {
  ModelType model_type = ModelType::unigram;
  int32_t vocab_size = 8000;
  float character_coverage = 0.9995f;
  uint64_t input_sentence_size = 0;
  bool shuffle_input_sentence = true;
  int32_t max_sentence_length = 4192;     // bytes
  int32_t max_sentencepiece_length = 16;  // code points
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
  std::string unk_piece = "<unk>", bos_piece = "<s>", eos_piece = "</s>", pad_piece = "<pad>",
              unk_surface = " \xE2\x81\x87 ";
  uint64_t fields_written =
      0;  // bit n: field n stands in the file, so it is written even where it is the default
};

struct NormalizerSpec {
  std::string name = "nmt_nfkc";
  std::string precompiled_charsmap;  // see normalizer.h; empty = identity
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
  uint64_t fields_written = 0;  // as in TrainerSpec
};

struct SentencePieceModel {
  std::vector<Piece> pieces;
  TrainerSpec trainer_spec;
  NormalizerSpec normalizer_spec;
  // Bytes of fields we neither interpret nor drop, re-emitted by serialize: per message, raw key + value.
  std::string unknown_model_fields, unknown_trainer_fields, unknown_normalizer_fields;

  int32_t unk_id() const;  // the piece of type unknown; -1 when there is none
};

constexpr size_t kMaxModelBytes = 64u << 20;
constexpr size_t kMaxPieces = 1'000'000;
constexpr size_t kMaxPieceBytes = 7'999;  // sentencepiece's own cap

// Rejects (invalid_data): what is no protobuf, models over the limits above, and all that check_model
// rejects. self_test_data is dropped: sentencepiece runs it at load, and it describes the model as it was
// trained.
Result<SentencePieceModel> parse_model(std::span<const uint8_t> bytes);

// The rules a model must keep to be usable: pieces neither empty, duplicate, over-long nor invalid UTF-8;
// finite scores; known types; exactly one piece of type unknown; all 256 pieces <0x00>..<0xFF> of type byte
// with byte_fallback, none without. The message names the piece's index.
Status check_model(const SentencePieceModel& model);

// Fields in ascending number, as protobuf writes them: a model that protobuf wrote comes back byte for byte.
std::string serialize_model(const SentencePieceModel& model);

// The denormalizer_spec (field 5) kept in unknown_model_fields, or nullopt.
Result<std::optional<NormalizerSpec>> parse_denormalizer(const SentencePieceModel& model);

}  // namespace belle::tokenizer
