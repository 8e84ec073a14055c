#include "native/tokenizer/merge/merge.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <unordered_set>

#include "native/core/utf8.h"
#include "native/tokenizer/byte_piece.h"

namespace belle::tokenizer {
namespace {

constexpr size_t kMaxNames = 100;

bool stands_for_text(PieceType type) { return type == PieceType::normal || type == PieceType::user_defined; }

Status check_pieces(const SentencePieceModel& model, const char* which) {
  for (size_t i = 0; i < model.pieces.size(); ++i)
    if (model.pieces[i].piece.find('\0') != std::string::npos)
      return {StatusCode::invalid_data,
              std::string("piece ") + std::to_string(i) + " of the " + which +
                  " vocabulary holds U+0000, which sentencepiece refuses to load: train it again without"};
  return {};
}

// Scores of their own below all of `base`, in the order the addition ranks its pieces.
void lower_scores(const SentencePieceModel& base, std::vector<Piece>* added) {
  float score = 0;
  for (const Piece& piece : base.pieces) score = std::min(score, piece.score);
  std::vector<size_t> order(added->size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return (*added)[a].score > (*added)[b].score; });
  for (const size_t index : order) {
    // LLaMA has a score of -1e9, where floats are 64 apart.
    score = std::min(score - 1, std::nextafter(score, -std::numeric_limits<float>::infinity()));
    (*added)[index].score = score;
  }
}

// The ids the base would give the text: an unknown character becomes its byte pieces where the base has them.
std::vector<int32_t> base_ids(const SentencePieceTokenizer& base, std::string_view text) {
  const SentencePieceModel& model = base.model();
  const int32_t unk = model.unk_id();
  std::vector<int32_t> ids;
  size_t at = 0;
  for (const int32_t id : base.encode_normalized(text)) {
    if (id != unk || !model.trainer_spec.byte_fallback) {
      ids.push_back(id);
      at += id == unk ? decode_utf8(text.substr(at)).length
                      : model.pieces[static_cast<size_t>(id)].piece.size();
      continue;
    }
    const uint32_t length = decode_utf8(text.substr(at)).length;
    for (uint32_t i = 0; i < length; ++i)
      ids.push_back(base.piece_id(byte_piece(static_cast<uint8_t>(text[at + i]))));
    at += length;
  }
  return ids;
}

void count(const std::string& piece, int64_t* number, std::vector<std::string>* names) {
  ++*number;
  if (names->size() < kMaxNames) names->push_back(piece);
}

bool is_itself(const SentencePieceTokenizer& tokenizer, const std::string& piece, size_t id) {
  return tokenizer.encode_normalized(piece) == std::vector<int32_t>{static_cast<int32_t>(id)};
}

int64_t padded(int64_t rows, int64_t multiple) { return (rows + multiple - 1) / multiple * multiple; }

}  // namespace

Result<MergeResult> merge_vocabulary(const SentencePieceModel& base, const SentencePieceModel& addition,
                                     MergeMode mode) {
  if (base.trainer_spec.model_type != ModelType::bpe)
    return Status(StatusCode::unsupported,
                  "the base vocabulary is not BPE: merging extends BPE models such as LLaMA's (the addition "
                  "may be UNIGRAM)");
  BELLE_TRY(check_pieces(base, "base"));
  BELLE_TRY(check_pieces(addition, "added"));

  MergeResult result;
  MergeReport& report = result.report;
  report.base_rows = static_cast<int64_t>(base.pieces.size());
  report.addition_rows = static_cast<int64_t>(addition.pieces.size());
  std::unordered_set<std::string_view> known;
  for (const Piece& piece : base.pieces) known.insert(piece.piece);
  std::vector<Piece> added;
  for (const Piece& piece : addition.pieces) {
    if (!known.insert(piece.piece).second) {
      count(piece.piece, &report.shared, &report.shared_pieces);
      continue;
    }
    const bool wanted = mode == MergeMode::safe
                            ? stands_for_text(piece.type) && holds_han(piece.piece)
                            : stands_for_text(piece.type) || piece.type == PieceType::unused;
    if (!wanted) {
      count(piece.piece, &report.left_out, &report.left_out_pieces);
      continue;
    }
    count(piece.piece, &report.added, &report.added_pieces);
    added.push_back(piece);
    if (mode != MergeMode::belle) added.back().type = PieceType::normal;
    if (mode == MergeMode::chinese_llama) added.back().score = 0;
  }
  if (mode == MergeMode::safe) lower_scores(base, &added);
  report.rows = report.base_rows + report.added;
  if (base.pieces.size() + added.size() > kMaxPieces)
    return Status(StatusCode::invalid_argument, "the merged vocabulary would have " +
                                                    std::to_string(report.rows) +
                                                    " pieces, the limit is 1000000: merge a smaller one");
  report.padded_rows_8 = padded(report.rows, 8);
  report.padded_rows_64 = padded(report.rows, 64);
  report.padded_rows_128 = padded(report.rows, 128);

  SentencePieceModel& model = result.model;
  model = base;
  model.pieces.insert(model.pieces.end(), added.begin(), added.end());
  model.trainer_spec.vocab_size = static_cast<int32_t>(report.rows);

  report.guarantee = check_guarantee(model, base.pieces.size());
  if (mode == MergeMode::safe && !report.guarantee.holds())
    return Status(
        StatusCode::invalid_data,
        "the base vocabulary's lowest score leaves no room for " + std::to_string(report.added) +
            " distinct ones below it: give its pieces scores above -1e30, or merge with mode belle");

  BELLE_ASSIGN(result.before, SentencePieceTokenizer::create(base));
  BELLE_ASSIGN(result.after, SentencePieceTokenizer::create(model));
  const auto &before = *result.before, &after = *result.after;
  for (size_t id = 0; id < base.pieces.size(); ++id) {
    const Piece& piece = base.pieces[id];
    if (!stands_for_text(piece.type) || is_itself(after, piece.piece, id) ||
        !is_itself(before, piece.piece, id))
      continue;
    count(piece.piece, &report.dead_old, &report.dead_old_pieces);
  }
  report.sub_tokens.reserve(added.size());
  for (size_t i = 0; i < added.size(); ++i) {
    if (!is_itself(after, added[i].piece, base.pieces.size() + i))
      count(added[i].piece, &report.dead_new, &report.dead_new_pieces);
    report.sub_tokens.push_back(base_ids(before, added[i].piece));
  }
  return result;
}

}  // namespace belle::tokenizer
