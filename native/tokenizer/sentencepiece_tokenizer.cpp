#include "native/tokenizer/sentencepiece_tokenizer.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "native/core/sha256.h"
#include "native/core/utf8.h"
#include "native/tokenizer/byte_piece.h"
#include "native/tokenizer/decoder.h"

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

std::vector<std::string> user_defined_of(const std::vector<Piece>& pieces) {
  std::vector<std::string> texts;
  for (const Piece& piece : pieces)
    if (piece.type == PieceType::user_defined) texts.push_back(piece.piece);
  return texts;
}

size_t utf8_length(char32_t c) { return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4; }

Status too_long(size_t bytes) {
  return {StatusCode::invalid_argument,
          "a text of " + std::to_string(bytes) + " bytes is too long to encode at once; cut it below 2 GiB"};
}

}  // namespace

SentencePieceTokenizer::SentencePieceTokenizer(SentencePieceModel model, Normalizer normalizer,
                                               std::optional<NormalizerSpec> denormalizer_spec,
                                               std::optional<Normalizer> denormalizer)
    : model_(std::move(model)),
      normalizer_(std::move(normalizer)),
      denormalizer_spec_(std::move(denormalizer_spec)),
      denormalizer_(std::move(denormalizer)),
      table_(model_.pieces),
      user_defined_(user_defined_of(model_.pieces)),
      linear_(PieceEncoder::create(model_.pieces, table_)),
      heap_(table_, user_defined_),
      unk_id_(model_.unk_id()) {
  for (size_t byte = 0; byte < byte_ids_.size(); ++byte)
    byte_ids_[byte] = table_.find(byte_piece(static_cast<uint8_t>(byte)));
}

Result<std::unique_ptr<SentencePieceTokenizer>> SentencePieceTokenizer::create(SentencePieceModel model) {
  BELLE_TRY(check_model(model));
  BELLE_ASSIGN(Normalizer normalizer,
               Normalizer::create(model.normalizer_spec, model.trainer_spec.treat_whitespace_as_suffix));
  BELLE_ASSIGN(std::optional<NormalizerSpec> denormalizer_spec, parse_denormalizer(model));
  std::optional<Normalizer> denormalizer;
  // sentencepiece ignores a denormaliser without a charsmap.
  if (denormalizer_spec && !denormalizer_spec->precompiled_charsmap.empty()) {
    BELLE_ASSIGN(denormalizer, Normalizer::create(*denormalizer_spec));
  }
  return std::unique_ptr<SentencePieceTokenizer>(new SentencePieceTokenizer(
      std::move(model), std::move(normalizer), std::move(denormalizer_spec), std::move(denormalizer)));
}

int32_t SentencePieceTokenizer::control_id(std::string_view piece) const {
  const int32_t id = table_.find(piece);
  return id >= 0 && this->piece(id).type == PieceType::control ? id : -1;
}

Status SentencePieceTokenizer::check_encodes() const {
  if (model_.trainer_spec.model_type == ModelType::bpe) return {};
  return {StatusCode::unsupported,
          "this tokenizer is a " + std::string(model_type_name(model_.trainer_spec.model_type)) +
              " model and only BPE models can encode; merge its pieces into a BPE model, "
              "or train one with `belle-train tokenizer train`"};
}

// scratch->code_points, which hold no user-defined piece, to ids and lengths; -1: no piece.
void SentencePieceTokenizer::segment_code_points(EncodeScratch* scratch) const {
  linear_->encode(scratch->code_points, &scratch->pieces, &scratch->ids, &scratch->lengths);
}

// scratch->normalized to ids, lengths and code points.
void SentencePieceTokenizer::segment_normalized(EncodeScratch* scratch) const {
  const std::string_view text = scratch->normalized;
  scratch->ids.clear();
  scratch->lengths.clear();
  scratch->code_points.clear();
  if (!linear_) {
    std::vector<Segment> segments;
    heap_.segment(text, &segments);
    for (const Segment& segment : segments) {
      const size_t before = scratch->code_points.size();
      for (size_t at = 0; at < segment.text.size();) {
        const Utf8Char c = decode_utf8(segment.text.substr(at));
        scratch->code_points.push_back(c.code_point);
        at += c.length;
      }
      scratch->ids.push_back(segment.id);
      scratch->lengths.push_back(static_cast<uint32_t>(scratch->code_points.size() - before));
    }
    return;
  }
  size_t encoded = 0;  // code points that have their ids
  const auto encode_run = [&] {
    const std::span<const char32_t> all = scratch->code_points;
    linear_->encode(all.subspan(encoded), &scratch->pieces, &scratch->ids, &scratch->lengths);
    encoded = all.size();
  };
  for (size_t at = 0; at < text.size();) {
    const size_t defined = user_defined_.match(text.substr(at));
    if (defined) encode_run();
    const size_t end = at + defined;
    do {
      const Utf8Char c = decode_utf8(text.substr(at));
      scratch->code_points.push_back(c.code_point);
      at += c.length;
    } while (at < end);
    if (!defined) continue;
    scratch->ids.push_back(table_.find(text.substr(end - defined, defined)));
    scratch->lengths.push_back(static_cast<uint32_t>(scratch->code_points.size() - encoded));
    encoded = scratch->code_points.size();
  }
  encode_run();
}

// lengths: for each id appended the code points it takes in; of the byte pieces of a character the last takes
// it.
void SentencePieceTokenizer::append_ids(const EncodeScratch& scratch, std::vector<int32_t>* ids,
                                        std::vector<uint32_t>* lengths) const {
  const bool byte_fallback = model_.trainer_spec.byte_fallback;
  const auto append = [&](int32_t id, uint32_t length) {
    ids->push_back(id);
    if (lengths) lengths->push_back(length);
  };
  ids->reserve(ids->size() + scratch.ids.size());
  bool after_unknown = false;
  size_t at = 0;
  for (size_t i = 0; i < scratch.ids.size(); ++i) {
    const int32_t id = scratch.ids[i];
    const uint32_t length = scratch.lengths[i];
    const bool unknown = id < 0 || id == unk_id_;
    if (!unknown) {
      append(id, length);
    } else if (byte_fallback) {
      std::string bytes;
      for (uint32_t c = 0; c < length; ++c) append_utf8(scratch.code_points[at + c], &bytes);
      for (const char& byte : bytes)
        append(byte_ids_[static_cast<uint8_t>(byte)], &byte == &bytes.back() ? length : 0);
    } else if (!after_unknown) {  // a run of unknown characters is one <unk>
      append(unk_id_, length);
    } else if (lengths) {
      lengths->back() += length;
    }
    after_unknown = unknown;
    at += length;
  }
}

Status SentencePieceTokenizer::encode(std::string_view utf8, EncodeScratch* scratch,
                                      std::vector<int32_t>* ids) const {
  BELLE_TRY(check_encodes());
  if (utf8.size() > HeapEncoder::kMaxBytes) return too_long(utf8.size());
  if (plain()) {
    normalizer_.normalize_plain(utf8, &scratch->code_points);
    scratch->ids.clear();
    scratch->lengths.clear();
    segment_code_points(scratch);
  } else {
    scratch->normalized = normalize(utf8);
    if (scratch->normalized.size() > HeapEncoder::kMaxBytes) return too_long(utf8.size());
    segment_normalized(scratch);
  }
  append_ids(*scratch, ids);
  return {};
}

Status SentencePieceTokenizer::encode(std::u16string_view utf16, EncodeScratch* scratch,
                                      std::vector<int32_t>* ids) const {
  if (!plain() || model_.trainer_spec.model_type != ModelType::bpe) {
    std::string utf8;
    append_utf8(utf16, &utf8);
    return encode(utf8, scratch, ids);
  }
  if (utf16.size() > HeapEncoder::kMaxBytes / 3) return too_long(3 * utf16.size());
  normalizer_.normalize_plain(utf16, &scratch->code_points);
  scratch->ids.clear();
  scratch->lengths.clear();
  segment_code_points(scratch);
  append_ids(*scratch, ids);
  return {};
}

Status SentencePieceTokenizer::encode_with_offsets(std::string_view utf8, std::vector<int32_t>* ids,
                                                   std::vector<size_t>* begins) const {
  BELLE_TRY(check_encodes());
  EncodeScratch scratch;
  scratch.normalized = normalizer_.normalize(utf8, user_defined_, &scratch.origins);
  if (scratch.normalized.size() > HeapEncoder::kMaxBytes) return too_long(utf8.size());
  segment_normalized(&scratch);
  std::vector<uint32_t> lengths;
  append_ids(scratch, ids, &lengths);
  size_t byte = 0, code_point = 0;
  for (const uint32_t length : lengths) {
    // A charsmap can be crafted to make malformed text, which then counts as more bytes than it has.
    begins->push_back(scratch.origins[std::min(byte, scratch.origins.size() - 1)]);
    for (const size_t end = code_point + length; code_point < end; ++code_point)
      byte += utf8_length(scratch.code_points[code_point]);
  }
  begins->push_back(utf8.size());
  return {};
}

std::vector<int32_t> SentencePieceTokenizer::encode_normalized(std::string_view normalized) const {
  EncodeScratch scratch;
  scratch.normalized = normalized.substr(0, HeapEncoder::kMaxBytes);
  segment_normalized(&scratch);
  for (int32_t& id : scratch.ids)
    if (id < 0) id = unk_id_;
  return std::move(scratch.ids);
}

std::vector<int32_t> SentencePieceTokenizer::encode_by_heap(std::string_view normalized) const {
  std::vector<Segment> segments;
  heap_.segment(normalized.substr(0, HeapEncoder::kMaxBytes), &segments);
  std::vector<int32_t> ids;
  for (const Segment& segment : segments) ids.push_back(segment.id < 0 ? unk_id_ : segment.id);
  return ids;
}

std::string SentencePieceTokenizer::decode(std::span<const int32_t> ids) const {
  std::string text = decode_ids(model_, ids);
  return denormalizer_ ? denormalizer_->normalize(text) : text;
}

std::string SentencePieceTokenizer::fingerprint() const {
  FingerprintWriter out;
  out.text("belle-train tokenizer 1");
  out.number(model_.pieces.size());
  for (const Piece& piece : model_.pieces) {
    out.text(piece.piece);
    out.number(std::bit_cast<uint32_t>(piece.score));
    out.number(static_cast<uint64_t>(piece.type));
  }
  const TrainerSpec& trainer = model_.trainer_spec;
  out.number(static_cast<uint64_t>(trainer.model_type));
  out.number(trainer.byte_fallback);
  out.number(trainer.treat_whitespace_as_suffix);
  out.text(trainer.unk_surface);
  add_normalizer(model_.normalizer_spec, &out);
  out.number(denormalizer_.has_value());
  if (denormalizer_) add_normalizer(*denormalizer_spec_, &out);
  return out.hex();
}

}  // namespace belle::tokenizer
