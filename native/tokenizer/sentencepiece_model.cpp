#include "native/tokenizer/sentencepiece_model.h"

#include <bit>
#include <variant>

#include "native/core/utf8.h"
#include "native/tokenizer/protobuf_reader.h"
#include "native/tokenizer/protobuf_writer.h"

namespace belle::tokenizer {

namespace {

constexpr size_t kMaxSymbols = 1'000'000;  // entries of a repeated trainer field

template <class Spec>
struct SpecField {
  uint32_t number;
  std::variant<bool Spec::*, int32_t Spec::*, uint64_t Spec::*, float Spec::*, std::string Spec::*,
               ModelType Spec::*, std::vector<std::string> Spec::*>
      member;
};

// Numbers from sentencepiece_model.proto; all are below 64, the width of fields_written.
constexpr SpecField<TrainerSpec> kTrainerFields[] = {
    {3, &TrainerSpec::model_type},
    {4, &TrainerSpec::vocab_size},
    {10, &TrainerSpec::character_coverage},
    {11, &TrainerSpec::input_sentence_size},
    {18, &TrainerSpec::max_sentence_length},
    {19, &TrainerSpec::shuffle_input_sentence},
    {20, &TrainerSpec::max_sentencepiece_length},
    {21, &TrainerSpec::split_by_unicode_script},
    {22, &TrainerSpec::split_by_whitespace},
    {23, &TrainerSpec::split_by_number},
    {24, &TrainerSpec::treat_whitespace_as_suffix},
    {25, &TrainerSpec::split_digits},
    {26, &TrainerSpec::allow_whitespace_only_pieces},
    {30, &TrainerSpec::control_symbols},
    {31, &TrainerSpec::user_defined_symbols},
    {33, &TrainerSpec::hard_vocab_limit},
    {35, &TrainerSpec::byte_fallback},
    {36, &TrainerSpec::required_chars},
    {40, &TrainerSpec::unk_id},
    {41, &TrainerSpec::bos_id},
    {42, &TrainerSpec::eos_id},
    {43, &TrainerSpec::pad_id},
    {44, &TrainerSpec::unk_surface},
    {45, &TrainerSpec::unk_piece},
    {46, &TrainerSpec::bos_piece},
    {47, &TrainerSpec::eos_piece},
    {48, &TrainerSpec::pad_piece},
};
constexpr SpecField<NormalizerSpec> kNormalizerFields[] = {
    {1, &NormalizerSpec::name},
    {2, &NormalizerSpec::precompiled_charsmap},
    {3, &NormalizerSpec::add_dummy_prefix},
    {4, &NormalizerSpec::remove_extra_whitespaces},
    {5, &NormalizerSpec::escape_whitespaces},
};

Status bad_field(const ProtobufField& field, const std::string& of, const std::string& what) {
  return {StatusCode::invalid_data, of + " field " + std::to_string(field.number) + " at byte " +
                                        std::to_string(field.offset) + " " + what + "; fetch the file again"};
}

Status want_wire(const ProtobufField& field, WireType wire, const std::string& of) {
  if (field.wire == wire) return {};
  return bad_field(field, of,
                   "has wire type " + std::to_string(static_cast<int>(field.wire)) +
                       " where sentencepiece has " + std::to_string(static_cast<int>(wire)));
}

// One overload per member type: reads the field's value.
Status read_value(const ProtobufField& field, const std::string& of, bool* out) {
  BELLE_TRY(want_wire(field, WireType::varint, of));
  *out = field.value != 0;
  return {};
}
Status read_value(const ProtobufField& field, const std::string& of, int32_t* out) {
  BELLE_TRY(want_wire(field, WireType::varint, of));
  *out = static_cast<int32_t>(field.value);
  return {};
}
Status read_value(const ProtobufField& field, const std::string& of, uint64_t* out) {
  BELLE_TRY(want_wire(field, WireType::varint, of));
  *out = field.value;
  return {};
}
Status read_value(const ProtobufField& field, const std::string& of, float* out) {
  BELLE_TRY(want_wire(field, WireType::fixed32, of));
  *out = std::bit_cast<float>(static_cast<uint32_t>(field.value));
  return {};
}
Status read_value(const ProtobufField& field, const std::string& of, std::string* out) {
  BELLE_TRY(want_wire(field, WireType::bytes, of));
  out->assign(field.text());
  return {};
}
Status read_value(const ProtobufField& field, const std::string& of, std::vector<std::string>* out) {
  BELLE_TRY(want_wire(field, WireType::bytes, of));
  if (out->size() == kMaxSymbols) return bad_field(field, of, "is repeated more than a million times");
  out->emplace_back(field.text());
  return {};
}
Status read_value(const ProtobufField& field, const std::string& of, ModelType* out) {
  BELLE_TRY(want_wire(field, WireType::varint, of));
  if (field.value < 1 || field.value > 4)
    return bad_field(field, of, "names model type " + std::to_string(field.value) + " (known: 1 to 4)");
  *out = static_cast<ModelType>(field.value);
  return {};
}

void append_raw(const ProtobufField& field, std::string* to) {
  to->append(reinterpret_cast<const char*>(field.raw.data()), field.raw.size());
}

template <class Spec, size_t N>
Status read_spec(std::span<const uint8_t> bytes, uint64_t offset, const SpecField<Spec> (&table)[N],
                 const std::string& of, Spec* spec, std::string* unknown) {
  ProtobufReader reader(bytes, offset);
  while (!reader.at_end()) {
    ProtobufField field;
    BELLE_TRY(reader.next(&field));
    const SpecField<Spec>* known = nullptr;
    for (const auto& entry : table)
      if (entry.number == field.number) known = &entry;
    if (!known) {
      append_raw(field, unknown);
      continue;
    }
    BELLE_TRY(
        std::visit([&](auto member) { return read_value(field, of, &(spec->*member)); }, known->member));
    spec->fields_written |= uint64_t{1} << field.number;
  }
  return {};
}

struct ValueWriter {
  ProtobufWriter* out;
  uint32_t number;
  void operator()(bool value) const { out->varint(number, value); }
  void operator()(int32_t value) const { out->int32(number, value); }
  void operator()(uint64_t value) const { out->varint(number, value); }
  void operator()(float value) const { out->float32(number, value); }
  void operator()(const std::string& value) const { out->bytes(number, value); }
  void operator()(ModelType value) const { out->int32(number, static_cast<int32_t>(value)); }
  void operator()(const std::vector<std::string>& values) const {
    for (const std::string& value : values) out->bytes(number, value);
  }
};

template <class Spec, size_t N>
std::string write_spec(const Spec& spec, const SpecField<Spec> (&table)[N], std::string_view unknown) {
  const Spec defaults;
  ProtobufWriter out;
  for (const auto& entry : table) {
    const bool written = spec.fields_written >> entry.number & 1;
    std::visit(
        [&](auto member) {
          if (written || spec.*member != defaults.*member) ValueWriter{&out, entry.number}(spec.*member);
        },
        entry.member);
  }
  out.raw(unknown);
  return out.finish();
}

std::string name_of(size_t index) { return "piece " + std::to_string(index); }

Status read_piece(const ProtobufField& message, size_t index, Piece* piece) {
  piece->score_written = false;
  ProtobufReader reader(message.bytes, message.payload_offset());
  while (!reader.at_end()) {
    ProtobufField field;
    BELLE_TRY(reader.next(&field));
    switch (field.number) {
      case 1:
        BELLE_TRY(want_wire(field, WireType::bytes, name_of(index)));
        if (field.bytes.size() > kMaxPieceBytes)
          return bad_field(field, name_of(index),
                           "holds " + std::to_string(field.bytes.size()) +
                               " bytes of text (sentencepiece reads at most " +
                               std::to_string(kMaxPieceBytes) + ")");
        piece->piece.assign(field.text());
        break;
      case 2:
        BELLE_TRY(read_value(field, name_of(index), &piece->score));
        piece->score_written = true;
        break;
      case 3:
        BELLE_TRY(want_wire(field, WireType::varint, name_of(index)));
        if (field.value < 1 || field.value > 6)
          return bad_field(field, name_of(index),
                           "names piece type " + std::to_string(field.value) + " (known: 1 to 6)");
        piece->type = static_cast<PieceType>(field.value);
        piece->type_written = true;
        break;
      default:
        append_raw(field, &piece->unknown_fields);
    }
  }
  return {};
}

std::string write_piece(const Piece& piece) {
  ProtobufWriter out;
  out.bytes(1, piece.piece);
  if (piece.score_written || std::bit_cast<uint32_t>(piece.score) != 0) out.float32(2, piece.score);
  if (piece.type_written || piece.type != PieceType::normal) out.int32(3, static_cast<int32_t>(piece.type));
  out.raw(piece.unknown_fields);
  return out.finish();
}

constexpr uint32_t kSelfTestField = 4, kDenormalizerField = 5;

}  // namespace

int32_t SentencePieceModel::unk_id() const {
  for (size_t i = 0; i < pieces.size(); ++i)
    if (pieces[i].type == PieceType::unknown) return static_cast<int32_t>(i);
  return -1;
}

Result<SentencePieceModel> parse_model(std::span<const uint8_t> bytes) {
  if (bytes.size() > kMaxModelBytes)
    return Status(StatusCode::invalid_data, "a sentencepiece model of " + std::to_string(bytes.size()) +
                                                " bytes is over the limit of 64 MiB; is it the right file?");
  SentencePieceModel model;
  ProtobufReader reader(bytes);
  while (!reader.at_end()) {
    ProtobufField field;
    BELLE_TRY(reader.next(&field));
    if (field.number >= 1 && field.number <= 4) BELLE_TRY(want_wire(field, WireType::bytes, "model"));
    switch (field.number) {
      case 1:
        if (model.pieces.size() == kMaxPieces)
          return bad_field(field, "model", "is one piece more than the limit of a million");
        model.pieces.emplace_back();
        BELLE_TRY(read_piece(field, model.pieces.size() - 1, &model.pieces.back()));
        break;
      case 2:
        BELLE_TRY(read_spec(field.bytes, field.payload_offset(), kTrainerFields, "trainer_spec",
                            &model.trainer_spec, &model.unknown_trainer_fields));
        break;
      case 3:
        BELLE_TRY(read_spec(field.bytes, field.payload_offset(), kNormalizerFields, "normalizer_spec",
                            &model.normalizer_spec, &model.unknown_normalizer_fields));
        break;
      case kSelfTestField:
        break;
      default:
        append_raw(field, &model.unknown_model_fields);
    }
  }
  BELLE_TRY(check_model(model));
  return model;
}

std::string serialize_model(const SentencePieceModel& model) {
  ProtobufWriter out;
  for (const Piece& piece : model.pieces) out.bytes(1, write_piece(piece));
  out.bytes(2, write_spec(model.trainer_spec, kTrainerFields, model.unknown_trainer_fields));
  out.bytes(3, write_spec(model.normalizer_spec, kNormalizerFields, model.unknown_normalizer_fields));
  out.raw(model.unknown_model_fields);
  return out.finish();
}

Result<std::optional<NormalizerSpec>> parse_denormalizer(const SentencePieceModel& model) {
  const std::string& kept = model.unknown_model_fields;
  ProtobufReader reader({reinterpret_cast<const uint8_t*>(kept.data()), kept.size()});
  std::optional<NormalizerSpec> spec;
  std::string unknown;
  while (!reader.at_end()) {
    ProtobufField field;
    BELLE_TRY(reader.next(&field));
    if (field.number != kDenormalizerField) continue;
    BELLE_TRY(want_wire(field, WireType::bytes, "model"));
    if (!spec) spec.emplace();
    BELLE_TRY(read_spec(field.bytes, 0, kNormalizerFields, "denormalizer_spec", &*spec, &unknown));
  }
  return spec;
}

}  // namespace belle::tokenizer
