#include "native/tokenizer/export/sentencepiece_of.h"

#include <algorithm>
#include <array>

#include "native/core/utf8.h"
#include "native/tokenizer/byte_piece.h"
#include "native/tokenizer/export/piece_merges.h"
#include "native/tokenizer/space_symbol.h"

namespace belle::tokenizer {
namespace {

Status refused(const std::string& what) {
  return {StatusCode::unsupported,
          "this tokenizer.json cannot be a sentencepiece model: " + what + "; use it as it is"};
}

// What it does to text, where that is spaces to U+2581 and perhaps one before the text.
Status read_steps(const TokenizerJson& json, NormalizerSpec* spec) {
  const auto space_step = [](const NormalizerStep& step) {
    return step.kind == NormalizerStep::Kind::replace && step.pattern == " " && step.content == kSpaceSymbol;
  };
  const auto& steps = json.normalizer;
  if (json.pre_tokenizer.empty() && !steps.empty() && steps.size() <= 2 && space_step(steps.back())) {
    spec->add_dummy_prefix = steps.size() == 2;
    if (steps.size() == 1) return {};
    if (steps[0].kind == NormalizerStep::Kind::prepend && steps[0].content == kSpaceSymbol) return {};
  }
  if (steps.empty() && json.pre_tokenizer.size() == 1) {
    const PreTokenizerStep& step = json.pre_tokenizer[0];
    if (step.kind == PreTokenizerStep::Kind::metaspace && step.replacement == kSpaceSymbol && !step.split &&
        step.prepend_scheme != PrependScheme::first) {
      spec->add_dummy_prefix = step.prepend_scheme == PrependScheme::always;
      return {};
    }
  }
  return refused("its normalizer and pre_tokenizer do more than write spaces as U+2581 and put one first");
}

// merges by (place of the result in the list, left, right): the same for both lists when they say the same.
using Place = std::array<uint32_t, 3>;

}  // namespace

Result<SentencePieceModel> sentencepiece_of(const TokenizerJson& json) {
  if (json.byte_level() || !json.ranks.empty()) return refused("its pieces are bytes, not characters");
  if (json.ignore_merges) return refused("ignore_merges is set");
  if (!json.has_unk || json.unk_id < 0) return refused("it has no unk_token among its pieces");
  if (!json.fuse_unk && !json.byte_fallback) return refused("fuse_unk is false");
  SentencePieceModel model;
  model.trainer_spec.model_type = ModelType::bpe;
  model.normalizer_spec.name = "identity";
  model.normalizer_spec.remove_extra_whitespaces = false;
  BELLE_TRY(read_steps(json, &model.normalizer_spec));

  int32_t rows = json.vocabulary.size();
  for (const AddedToken& token : json.added) rows = std::max(rows, token.id + 1);
  if (static_cast<size_t>(rows) > kMaxPieces) return refused("it has more than a million pieces");
  model.pieces.resize(static_cast<size_t>(rows));
  std::vector<bool> named(model.pieces.size());
  for (int32_t id = 0; id < json.vocabulary.size(); ++id) {
    if (!json.vocabulary.has(id)) continue;
    Piece& piece = model.pieces[static_cast<size_t>(id)];
    piece.piece = json.vocabulary.text(id);
    if (json.byte_fallback && byte_of_piece(piece.piece) >= 0) piece.type = PieceType::byte;
    named[static_cast<size_t>(id)] = true;
  }
  for (const AddedToken& token : json.added) {
    if (!token.special && (token.lstrip || token.rstrip || token.single_word))
      return refused("the added token \"" + printable(token.content) + "\" takes white space or whole words");
    // After such a token Hugging Face's text begins anew, with a space of its own; sentencepiece's does not.
    if (!token.special && model.normalizer_spec.add_dummy_prefix)
      return refused("a space is put before the text behind the added token \"" + printable(token.content) +
                     "\" too");
    // sentencepiece takes U+2581 and a space for one another, Hugging Face does not.
    if (!token.special && (token.content.find(' ') != token.content.npos ||
                           token.content.find(kSpaceSymbol) != token.content.npos))
      return refused("the added token \"" + printable(token.content) + "\" holds a space or U+2581");
    Piece& piece = model.pieces[static_cast<size_t>(token.id)];
    piece.piece = token.content;
    piece.type = token.special ? PieceType::control : PieceType::user_defined;
    named[static_cast<size_t>(token.id)] = true;
  }
  const auto hole = std::find(named.begin(), named.end(), false);
  if (hole != named.end()) return refused("nothing stands at id " + std::to_string(hole - named.begin()));
  Piece& unknown = model.pieces[static_cast<size_t>(json.unk_id)];
  unknown.type = PieceType::unknown;

  // A piece's place is where its merges stand in the list. Pieces whose merges are mixed had one score
  // (LLaMA's runs of spaces) and share a place. What no merge gives comes behind, in order of ids.
  std::vector<size_t> last(model.pieces.size());
  for (size_t i = 0; i < json.merges.size(); ++i) last[json.merges[i].result] = i;
  std::vector<uint32_t> place(model.pieces.size(), ~0u);
  uint32_t next = 0;
  size_t reach = 0;
  for (size_t i = 0; i < json.merges.size(); ++i) {
    const uint32_t result = json.merges[i].result;
    if (i > reach) ++next;
    reach = std::max(reach, last[result]);
    place[result] = next;
  }
  ++next;
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    Piece& piece = model.pieces[id];
    piece.type_written = piece.type != PieceType::normal;
    if (piece.type != PieceType::normal && piece.type != PieceType::user_defined) continue;
    piece.score = -static_cast<float>(place[id] == ~0u ? next++ : place[id]);
  }

  TrainerSpec& spec = model.trainer_spec;
  spec.vocab_size = rows;
  spec.byte_fallback = json.byte_fallback;
  spec.unk_id = json.unk_id;
  spec.unk_piece = unknown.piece;
  const auto control = [&](const std::vector<int32_t>& ids, const char* usual, int32_t* id,
                           std::string* text) {
    *id = -1;
    for (const AddedToken& token : json.added)
      if (token.special && (ids.empty() ? token.content == usual : token.id == ids.front())) *id = token.id;
    if (*id >= 0) *text = model.pieces[static_cast<size_t>(*id)].piece;
  };
  control(json.template_prefix, "<s>", &spec.bos_id, &spec.bos_piece);
  control(json.template_suffix, "</s>", &spec.eos_id, &spec.eos_piece);
  BELLE_TRY(check_model(model));

  std::vector<Place> theirs, ours;
  for (const RankedPair& pair : json.merges) theirs.push_back({place[pair.result], pair.left, pair.right});
  BELLE_ASSIGN(const auto merges, piece_merges(model.pieces, PieceTable(model.pieces)));
  for (const RankedPair& merge : merges) ours.push_back({place[merge.result], merge.left, merge.right});
  std::sort(theirs.begin(), theirs.end());
  std::sort(ours.begin(), ours.end());
  if (theirs != ours) return refused("its merge list is not every way to put its pieces together");
  return model;
}

Result<SentencePieceModel> sentencepiece_of(const Tokenizer& tokenizer) {
  if (const SentencePieceModel* model = tokenizer.sentencepiece()) return *model;
  if (const TokenizerJson* json = tokenizer.tokenizer_json()) return sentencepiece_of(*json);
  return Status(StatusCode::unsupported,
                "this tokenizer is neither a sentencepiece model nor a tokenizer.json");
}

}  // namespace belle::tokenizer
