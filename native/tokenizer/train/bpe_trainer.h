#pragma once
// BPE training: pieces, scores and types identical to sentencepiece 0.2.2 (exact argmax: frequency, then
// fewer code points, then smaller bytes), whatever the number of threads. One exception: with
// input_sentence_size and shuffling, 0.2.2 draws another sample in every process; ours is always the same
// one.
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "native/core/status.h"
#include "native/tokenizer/sentencepiece_model.h"

namespace belle::tokenizer {

constexpr int kMaxTrainThreads = 1024;

struct BpeTrainRequest {
  std::vector<std::string> files;      // plain text, one sentence a line; .tsv: text TAB frequency
  std::vector<std::string> sentences;  // or lines in memory
  TrainerSpec trainer_spec;            // model_type is ignored: always BPE
  NormalizerSpec normalizer_spec;      // name picks the charsmap when precompiled_charsmap is empty
  int threads = 0;                     // 0: the cores this process may use; at most kMaxTrainThreads
  // Bytes of memory training may use, 0: no limit. Counts that need more than half of it go to shards in the
  // work folder (see shard_folder.h; at most about three times the text in disk), and learning works on a
  // file there. Buffers of fixed size make a limit below 64 MiB a rough one. Without a limit, or with one of
  // 16 bytes and more for each byte of text, the pieces are exactly sentencepiece's. Under a smaller limit
  // two rules differ: of two splits of the same text with the same count the one with the shorter first half
  // is joined (progress tells how often: hardly ever in real text), and pieces of count 0 are not made up.
  uint64_t memory_limit = 0;
  // Kept when training fails, is stopped or killed, so that a request for the same counts (vocab_size and
  // whatever else only learning asks for may differ) goes on behind the last shard; emptied when training
  // ends well. "": a temporary folder (.bpe-work-*) beside the first file or in $TMPDIR, removed at the
  // end; one of a killed process stays.
  std::string work_folder;
};

struct BpeTrainProgress {
  enum class Phase { read, count, merge, done } phase;
  uint64_t done = 0, total = 0;  // bytes while reading, texts while counting, pieces while merging
  // With phase done: how the pieces were found (learn.h).
  uint64_t ties = 0;
  uint32_t shards = 0, generations = 0;
};

// on_progress is called from the calling thread only. Errors: invalid_argument for an option out of range or
// a vocab_size the corpus cannot give (the message says which it can), not_found or io for a file,
// invalid_data for its content, aborted when stop was set.
Result<SentencePieceModel> train_bpe(const BpeTrainRequest& request, const std::atomic<bool>& stop,
                                     const std::function<void(const BpeTrainProgress&)>& on_progress);

}  // namespace belle::tokenizer
