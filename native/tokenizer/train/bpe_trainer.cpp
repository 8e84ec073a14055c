#include "native/tokenizer/train/bpe_trainer.h"

#include <set>

#include "native/core/thread_pool.h"
#include "native/core/utf8.h"
#include "native/tokenizer/normalizer.h"
#include "native/tokenizer/train/check_train_request.h"
#include "native/tokenizer/train/learn.h"
#include "native/tokenizer/train/meta_pieces.h"
#include "native/tokenizer/unicode/charsmap_builder.h"

namespace belle::tokenizer {
namespace {

std::string to_utf8(std::u32string_view text) {
  std::string out;
  for (const char32_t c : text) append_utf8(c, &out);
  return out;
}

// Meta pieces at their ids, the learned ones in order between them, then the alphabet; scores 0, -1, -2 ...
Result<std::vector<Piece>> assemble(const MetaPieces& meta, const std::vector<std::u32string>& merges,
                                    const Alphabet& alphabet) {
  std::vector<std::string> learned;
  for (const auto& text : merges) learned.push_back(to_utf8(text));
  for (const auto& [c, count] : alphabet.characters) learned.push_back(to_utf8(std::u32string_view(&c, 1)));
  std::set<std::string> known;
  for (const auto& [id, piece] : meta.by_id()) known.insert(piece.piece);
  std::vector<Piece> pieces;
  size_t next = 0;
  for (auto reserved = meta.by_id().begin(); next < learned.size() || reserved != meta.by_id().end();) {
    if (reserved != meta.by_id().end() && reserved->first == static_cast<int32_t>(pieces.size())) {
      pieces.push_back(reserved++->second);
      continue;
    }
    if (next == learned.size())
      return Status(StatusCode::invalid_argument,
                    "the piece \"" + printable(reserved->second.piece) + "\" has id " +
                        std::to_string(reserved->first) + " but only " + std::to_string(pieces.size()) +
                        " pieces could be learned before it: give it a smaller id");
    if (!known.insert(learned[next]).second)
      return Status(StatusCode::invalid_argument,
                    "the piece \"" + printable(learned[next]) +
                        "\" is both a symbol and a required character: take it out of required_chars");
    pieces.push_back({std::move(learned[next]), -static_cast<float>(next), PieceType::normal});
    ++next;
  }
  return pieces;
}

Result<Learned> learn_fast(const LearnJob& job) {
  BELLE_ASSIGN(auto learned, learn_counted(job));
  if (learned) return std::move(*learned);
  return learn_ordered(job, true);
}

Result<Learned> learn_plainly(const LearnJob& job) { return learn_ordered(job, false); }

Result<SentencePieceModel> train(const BpeTrainRequest& original, Result<Learned> (*learn)(const LearnJob&),
                                 const std::atomic<bool>& stop,
                                 const std::function<void(const BpeTrainProgress&)>& on_progress) {
  BELLE_TRY(check_train_request(original));
  SentencePieceModel model;
  model.trainer_spec = original.trainer_spec;
  model.trainer_spec.model_type = ModelType::bpe;
  model.normalizer_spec = original.normalizer_spec;
  if (model.normalizer_spec.precompiled_charsmap.empty()) {
    if (model.normalizer_spec.name.empty()) model.normalizer_spec.name = NormalizerSpec().name;
    model.normalizer_spec.fields_written |= uint64_t{1} << 1;  // the name, also where it is the default
    BELLE_ASSIGN(model.normalizer_spec.precompiled_charsmap,
                 precompiled_charsmap(model.normalizer_spec.name));
  }
  const TrainerSpec& spec = model.trainer_spec;
  BELLE_ASSIGN(const auto meta, MetaPieces::create(spec));
  const PieceRules rules(spec);
  const std::vector<std::string> meta_texts = meta.texts();
  const std::function<void(BpeTrainProgress)> report = [&](const BpeTrainProgress& progress) {
    if (on_progress) on_progress(progress);
  };
  ThreadPool pool(original.threads);
  const LearnJob job{original, model.normalizer_spec, meta_texts, rules, pool, stop, report};
  BELLE_ASSIGN(Learned learned, learn(job));
  BELLE_ASSIGN(const size_t wanted, wanted_pieces(learned.alphabet, meta_texts.size(), spec));
  if (learned.pieces.size() < wanted && spec.hard_vocab_limit) {
    const std::string largest =
        std::to_string(learned.alphabet.characters.size() + meta_texts.size() + learned.pieces.size());
    return Status(StatusCode::invalid_argument, "vocab_size is " + std::to_string(spec.vocab_size) +
                                                    ", but this corpus gives at most " + largest +
                                                    " pieces: give vocab_size " + largest +
                                                    " or less, more text, or hard_vocab_limit false");
  }
  BELLE_ASSIGN(model.pieces, assemble(meta, learned.pieces, learned.alphabet));
  model.trainer_spec.vocab_size = static_cast<int32_t>(model.pieces.size());
  // Only now: what failed until here can be asked for again, from the same counts.
  const uint32_t shards = learned.work ? learned.work->shards() : 0;
  if (learned.work) learned.work->remove_files();
  learned.work.reset();
  report({BpeTrainProgress::Phase::done, learned.pieces.size(), learned.pieces.size(), learned.ties, shards,
          learned.generations});
  return model;
}

}  // namespace

Result<size_t> wanted_pieces(const Alphabet& alphabet, size_t meta, const TrainerSpec& spec) {
  const size_t fixed = alphabet.characters.size() + meta;
  if (fixed > static_cast<size_t>(spec.vocab_size))
    return Status(StatusCode::invalid_argument,
                  "vocab_size is " + std::to_string(spec.vocab_size) + ", but the alphabet (" +
                      std::to_string(alphabet.characters.size()) + " characters) and the symbols (" +
                      std::to_string(meta) + ") alone take " + std::to_string(fixed) +
                      ": give vocab_size at least " + std::to_string(fixed) +
                      " or a lower character_coverage");
  return static_cast<size_t>(spec.vocab_size) - fixed;
}

Result<SentencePieceModel> train_bpe(const BpeTrainRequest& request, const std::atomic<bool>& stop,
                                     const std::function<void(const BpeTrainProgress&)>& on_progress) {
  return train(request, learn_fast, stop, on_progress);
}

Result<SentencePieceModel> train_bpe_in_order(
    const BpeTrainRequest& request, const std::atomic<bool>& stop,
    const std::function<void(const BpeTrainProgress&)>& on_progress) {
  return train(request, learn_plainly, stop, on_progress);
}

}  // namespace belle::tokenizer
