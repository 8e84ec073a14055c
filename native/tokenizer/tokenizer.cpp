#include "native/tokenizer/tokenizer.h"

#include <array>
#include <bit>
#include <optional>
#include <utility>

#include "native/core/committed_file.h"
#include "native/core/mapped_file.h"
#include "native/core/sha256.h"
#include "native/tokenizer/byte_piece.h"
#include "native/tokenizer/decoder.h"
#include "native/tokenizer/encoder.h"
#include "native/tokenizer/normalizer.h"

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

// Feeds values to the hash in one fixed layout: strings as u64 length + bytes, numbers as u64, little-endian.
class FingerprintWriter {
 public:
  void text(std::string_view value) {
    number(value.size());
    hash_.update(value.data(), value.size());
  }
  void number(uint64_t value) {
    std::array<uint8_t, 8> bytes;
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(value >> (8 * i));
    hash_.update(bytes.data(), bytes.size());
  }
  std::string hex() { return hash_.hex(); }

 private:
  Sha256 hash_;
};

void add_normalizer(const NormalizerSpec& spec, FingerprintWriter* out) {
  out->text(spec.precompiled_charsmap);
  out->number(spec.add_dummy_prefix);
  out->number(spec.remove_extra_whitespaces);
  out->number(spec.escape_whitespaces);
}

}  // namespace

struct Tokenizer::State {
  SentencePieceModel model;
  Normalizer normalizer;
  std::optional<NormalizerSpec> denormalizer_spec;
  std::optional<Normalizer> denormalizer;
  Encoder encoder;
  int32_t unk_id;
  std::array<int32_t, 256> byte_ids{};
};

Tokenizer::Tokenizer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Tokenizer::~Tokenizer() = default;

Result<std::unique_ptr<Tokenizer>> Tokenizer::load(const std::string& path) {
  BELLE_ASSIGN(const MappedFile file, MappedFile::open(path));
  auto model = parse_model(file.bytes());
  if (!model.ok()) return Status(model.status().code(), path + ": " + model.status().message());
  auto tokenizer = create(model.take());
  if (!tokenizer.ok()) return Status(tokenizer.status().code(), path + ": " + tokenizer.status().message());
  return tokenizer;
}

Result<std::unique_ptr<Tokenizer>> Tokenizer::create(SentencePieceModel model) {
  BELLE_TRY(check_model(model));
  BELLE_ASSIGN(Normalizer normalizer,
               Normalizer::create(model.normalizer_spec, model.trainer_spec.treat_whitespace_as_suffix));
  BELLE_ASSIGN(std::optional<NormalizerSpec> denormalizer_spec, parse_denormalizer(model));
  std::optional<Normalizer> denormalizer;
  // sentencepiece ignores a denormaliser without a charsmap.
  if (denormalizer_spec && !denormalizer_spec->precompiled_charsmap.empty()) {
    BELLE_ASSIGN(denormalizer, Normalizer::create(*denormalizer_spec));
  }
  Encoder encoder(model.pieces);
  const int32_t unk_id = model.unk_id();
  auto state =
      std::unique_ptr<State>(new State{std::move(model), std::move(normalizer), std::move(denormalizer_spec),
                                       std::move(denormalizer), std::move(encoder), unk_id});
  for (size_t byte = 0; byte < state->byte_ids.size(); ++byte)
    state->byte_ids[byte] = state->encoder.vocabulary().find(byte_piece(static_cast<uint8_t>(byte)));
  return std::unique_ptr<Tokenizer>(new Tokenizer(std::move(state)));
}

const SentencePieceModel& Tokenizer::model() const { return state_->model; }
int32_t Tokenizer::vocab_size() const { return static_cast<int32_t>(state_->model.pieces.size()); }
int32_t Tokenizer::piece_id(std::string_view piece) const { return state_->encoder.vocabulary().find(piece); }
Status Tokenizer::save(const std::string& path) const {
  return write_committed_file(path, serialize_model(state_->model));
}

std::string Tokenizer::normalize(std::string_view utf8) const {
  return state_->normalizer.normalize(utf8, state_->encoder.user_defined());
}

Status Tokenizer::encode(std::string_view utf8, std::vector<int32_t>* ids) const {
  const State& state = *state_;
  const TrainerSpec& spec = state.model.trainer_spec;
  if (spec.model_type != ModelType::bpe)
    return {StatusCode::unsupported,
            "this tokenizer is a " + std::string(model_type_name(spec.model_type)) +
                " model and only BPE models can encode; merge its pieces into a BPE model, "
                "or train one with `belle-train tokenizer train`"};
  const std::string normalized = normalize(utf8);
  if (normalized.size() > Encoder::kMaxBytes)
    return {StatusCode::invalid_argument, "a text of " + std::to_string(utf8.size()) +
                                              " bytes is too long to encode at once; cut it below 2 GiB"};
  std::vector<Segment> segments;
  state.encoder.segment(normalized, &segments);
  ids->reserve(ids->size() + segments.size());
  bool after_unknown = false;
  for (const Segment& segment : segments) {
    const bool unknown = segment.id < 0 || segment.id == state.unk_id;
    if (!unknown) {
      ids->push_back(segment.id);
    } else if (spec.byte_fallback) {
      for (const char byte : segment.text) ids->push_back(state.byte_ids[static_cast<uint8_t>(byte)]);
    } else if (!after_unknown) {  // a run of unknown characters is one <unk>
      ids->push_back(state.unk_id);
    }
    after_unknown = unknown;
  }
  return {};
}

std::vector<int32_t> Tokenizer::encode_normalized(std::string_view normalized) const {
  std::vector<Segment> segments;
  state_->encoder.segment(normalized.substr(0, Encoder::kMaxBytes), &segments);
  std::vector<int32_t> ids;
  ids.reserve(segments.size());
  for (const Segment& segment : segments) ids.push_back(segment.id < 0 ? state_->unk_id : segment.id);
  return ids;
}

std::string Tokenizer::decode(std::span<const int32_t> ids) const {
  std::string text = decode_ids(state_->model, ids);
  return state_->denormalizer ? state_->denormalizer->normalize(text) : text;
}

std::string Tokenizer::fingerprint() const {
  const State& state = *state_;
  FingerprintWriter out;
  out.text("belle-train tokenizer 1");
  out.number(state.model.pieces.size());
  for (const Piece& piece : state.model.pieces) {
    out.text(piece.piece);
    out.number(std::bit_cast<uint32_t>(piece.score));
    out.number(static_cast<uint64_t>(piece.type));
  }
  const TrainerSpec& trainer = state.model.trainer_spec;
  out.number(static_cast<uint64_t>(trainer.model_type));
  out.number(trainer.byte_fallback);
  out.number(trainer.treat_whitespace_as_suffix);
  out.text(trainer.unk_surface);
  add_normalizer(state.model.normalizer_spec, &out);
  out.number(state.denormalizer.has_value());
  if (state.denormalizer) add_normalizer(*state.denormalizer_spec, &out);
  return out.hex();
}

}  // namespace belle::tokenizer
