#pragma once
// The two ways from a corpus to its pieces. Both give the same pieces, wherever both can: see learn_counted.
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "native/core/status.h"
#include "native/core/thread_pool.h"
#include "native/tokenizer/train/alphabet.h"
#include "native/tokenizer/train/bpe_trainer.h"
#include "native/tokenizer/train/piece_rules.h"
#include "native/tokenizer/train/shard_folder.h"

namespace belle::tokenizer {

struct LearnJob {
  const BpeTrainRequest& request;
  const NormalizerSpec& normalizer;  // with its charsmap
  const std::vector<std::string>& meta;
  const PieceRules& rules;
  ThreadPool& pool;
  const std::atomic<bool>& stop;
  const std::function<void(BpeTrainProgress)>& report;
};

struct Learned {
  Alphabet alphabet;
  std::vector<std::u32string> pieces;
  uint64_t ties = 0;  // between two splits of one text, by the rule of floor_learner.h
  uint32_t generations = 0;
  std::optional<ShardFolder> work;  // with the counts, where they went to disk
};

// How many pieces to learn besides the alphabet and the meta pieces; invalid_argument when they alone are
// too many.
Result<size_t> wanted_pieces(const Alphabet& alphabet, size_t meta, const TrainerSpec& spec);

// Texts in training order, every pair and every tie as sentencepiece has it. Takes about 12 bytes of memory
// a byte of corpus. silent: reports no phase before merging.
Result<Learned> learn_ordered(const LearnJob& job, bool silent);

// train_bpe by learn_ordered alone: slower, larger, the same pieces; what the fast way is compared with.
Result<SentencePieceModel> train_bpe_in_order(
    const BpeTrainRequest& request, const std::atomic<bool>& stop,
    const std::function<void(const BpeTrainProgress&)>& on_progress);

// Counted segments in any order, in generations (generations.h): faster and smaller. Nothing when
// only learn_ordered can tell, and may be used: at a tie between two splits of one text, or when pairs of
// count 0 are wanted.
Result<std::optional<Learned>> learn_counted(const LearnJob& job);

}  // namespace belle::tokenizer
