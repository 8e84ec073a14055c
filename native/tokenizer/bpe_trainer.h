#pragma once
// BPE training, identical to sentencepiece 0.2.2 (exact argmax: frequency, then fewer code points, then
// smaller bytes).
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "native/core/status.h"
#include "native/tokenizer/sentencepiece_model.h"

namespace belle::tokenizer {

struct BpeTrainRequest {
  std::vector<std::string> files;      // plain text, one sentence a line; .tsv: text TAB frequency
  std::vector<std::string> sentences;  // or lines in memory
  TrainerSpec trainer_spec;            // model_type is ignored: always BPE
  NormalizerSpec normalizer_spec;      // name picks the charsmap when precompiled_charsmap is empty
  int threads = 0;
};

struct BpeTrainProgress {
  enum class Phase { read, count, merge, done } phase;
  uint64_t done = 0, total = 0;  // bytes while reading, pieces while merging
};

Result<SentencePieceModel> train_bpe(const BpeTrainRequest& request, const std::atomic<bool>& stop,
                                     const std::function<void(const BpeTrainProgress&)>& on_progress);

}  // namespace belle::tokenizer
