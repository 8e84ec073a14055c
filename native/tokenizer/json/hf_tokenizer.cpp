#include "native/tokenizer/json/hf_tokenizer.h"

#include <algorithm>

#include "native/core/utf8.h"
#include "native/tokenizer/utf8_stream.h"

namespace belle::tokenizer {
namespace {

PieceType type_of(JsonPieceKind kind) {
  switch (kind) {
    case JsonPieceKind::absent:
      return PieceType::unused;
    case JsonPieceKind::normal:
      return PieceType::normal;
    case JsonPieceKind::unknown:
      return PieceType::unknown;
    case JsonPieceKind::byte:
      return PieceType::byte;
    case JsonPieceKind::special:
      return PieceType::control;
    case JsonPieceKind::added:
      return PieceType::user_defined;
  }
  return PieceType::normal;
}

// Decoders may look at a whole text (bytes that are one character only together, a space that is stripped at
// the start), so the last ids are decoded with those before them, and what is new is the text. Text that ends
// with U+FFFD may be half a character and waits.
class JsonStream final : public StreamDecoder {
 public:
  explicit JsonStream(const JsonTokenizer& tokenizer) : tokenizer_(tokenizer) {}

  void push(int32_t id, std::string* text) override {
    if (!tokenizer_.decodes(id, true)) return;
    ids_.push_back(id);
    const std::string all = tokenizer_.decode(ids_, true);
    const size_t waiting = ids_.size() - context_;
    if (all.size() <= given_) {
      if (waiting >= 2 * kMostIds) drop();
      return;
    }
    if (all.ends_with(kReplacement) && waiting < kMostIds) return;
    give(all, text);
    // The ids just given are the context of the next ones.
    ids_.erase(ids_.begin(), ids_.begin() + static_cast<ptrdiff_t>(context_));
    context_ = ids_.size();
    given_ = tokenizer_.decode(ids_, true).size();
  }
  void finish(std::string* text) override {
    give(tokenizer_.decode(ids_, true), text);
    ids_.clear();
    context_ = given_ = 0;
  }

 private:
  static constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  // A character has four bytes: what waits longer is malformed, or shows nothing.
  static constexpr size_t kMostIds = 64;
  // Characters, at both ends; each is an id at least.
  static constexpr size_t kMostStripped = 2 * TokenizerJson::kMaxStrip;

  void give(std::string_view all, std::string* text) const {
    if (all.size() > given_) text->append(all.substr(given_));
  }

  // Of a long wait without text the ids go that never show any, but for the one a text begins with: decoders
  // treat it apart. Others a Strip holds back; where there are more of them than it can hold, a Replace takes
  // back what they show, and what the last of them would show without the rest is no text.
  void drop() {
    const auto begin = ids_.begin() + static_cast<ptrdiff_t>(std::max<size_t>(context_, 1));
    ids_.erase(std::remove_if(begin, ids_.end(), [&](int32_t id) { return is_silent(id); }), ids_.end());
    if (ids_.size() < context_ + kMostIds) return;
    ids_.erase(begin, ids_.end() - static_cast<ptrdiff_t>(kMostStripped));
    given_ = std::max(given_, tokenizer_.decode(ids_, true).size());
  }

  bool is_silent(int32_t id) const {
    return tokenizer_.decode(std::vector<int32_t>(kMostStripped + 1, id), true).empty();
  }

  const JsonTokenizer& tokenizer_;
  std::vector<int32_t>
      ids_;  // the first `context_` of them are given, as the first `given_` bytes of their text
  size_t context_ = 0, given_ = 0;
};

}  // namespace

HfTokenizer::HfTokenizer(std::unique_ptr<JsonTokenizer> json, std::string content, bool rank_file)
    : json_(std::move(json)), content_(std::move(content)), rank_file_(rank_file) {}

const Piece& HfTokenizer::piece(int32_t id) const {
  std::call_once(pieces_made_, [&] {
    pieces_.resize(static_cast<size_t>(json_->vocab_size()));
    for (int32_t row = 0; row < json_->vocab_size(); ++row) {
      pieces_[static_cast<size_t>(row)].piece = json_->piece(row);
      pieces_[static_cast<size_t>(row)].type = type_of(json_->kind(row));
    }
  });
  return pieces_[static_cast<size_t>(id)];
}

Status HfTokenizer::encode(std::string_view utf8, EncodeScratch* scratch, std::vector<int32_t>* ids) const {
  return json_->encode(utf8, ids, &scratch->words);
}

Status HfTokenizer::encode(std::u16string_view utf16, EncodeScratch* scratch,
                           std::vector<int32_t>* ids) const {
  scratch->utf8.clear();
  append_utf8(utf16, &scratch->utf8);
  return json_->encode(scratch->utf8, ids, &scratch->words);
}

Status HfTokenizer::encode_with_spans(std::string_view utf8, std::vector<int32_t>* ids,
                                      std::vector<ByteRange>* spans) const {
  return json_->encode_with_offsets(utf8, ids, spans);
}

std::unique_ptr<StreamDecoder> HfTokenizer::decode_stream() const {
  return std::make_unique<JsonStream>(*json_);
}

}  // namespace belle::tokenizer
