#pragma once
// CorpusSentences: the sentences that take part in training, normalised, by the steps of sentencepiece's
// trainer (src/trainer_interface.cc: LoadSentences), in chunks that can be read in any order. What comes out
// does not depend on the threads.
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "native/core/status.h"
#include "native/core/thread_pool.h"
#include "native/tokenizer/normalizer.h"
#include "native/tokenizer/prefix_matcher.h"
#include "native/tokenizer/train/bpe_trainer.h"
#include "native/tokenizer/train/corpus_lines.h"

namespace belle::tokenizer {

class CorpusSentences {
 public:
  using Visit = std::function<void(uint64_t rank, std::string_view text, uint64_t frequency)>;
  using Progress = std::function<void(uint64_t done, uint64_t total)>;

  // normalizer: the request's with its charsmap filled in. meta: pieces whose occurrences become U+0009.
  // ranked: read() will tell ranks; it takes a pass over the text. `request` must outlive this.
  static Result<CorpusSentences> open(const BpeTrainRequest& request, const NormalizerSpec& normalizer,
                                      std::vector<std::string> meta, bool ranked, ThreadPool& pool,
                                      const std::atomic<bool>& stop);

  size_t chunks() const { return lines_.chunks(); }
  uint64_t bytes() const { return lines_.bytes(); }
  // Calls body for the chunks [begin, end) on the pool; on_progress from the calling thread with bytes of
  // all chunks done so far. The failure of the first bad chunk wins, whatever thread met it.
  Status for_each_chunk(size_t begin, size_t end, ThreadPool& pool, const std::atomic<bool>& stop,
                        const Progress& on_progress,
                        const std::function<Status(size_t chunk, int thread)>& body) const;
  // The chunk's sentences that take part, in order; texts may be empty after normalisation. rank: place
  // among them all when ranked, else unspecified.
  Status read(size_t chunk, const Visit& visit) const;

  // With ranks only: how many sentences there are, and their ranks in training order.
  uint64_t size() const { return sampled_ ? chosen_.size() : first_line_.back(); }
  std::vector<uint64_t> training_order() const;
  Status nothing_left() const;  // the failure when no sentence has text

 private:
  CorpusSentences(CorpusLines lines, Normalizer normalizer, std::vector<std::string> meta,
                  const TrainerSpec& spec);
  Status count_lines(ThreadPool& pool, const std::atomic<bool>& stop);
  void replace_meta_pieces(std::string* text) const;

  CorpusLines lines_;
  Normalizer normalizer_;
  PrefixMatcher meta_;
  std::array<bool, 256> meta_starts_{};
  size_t max_sentence_length_;
  bool sampled_ = false;
  std::vector<uint64_t> first_line_;      // of each chunk, and the total; only where needed
  std::vector<uint64_t> order_, chosen_;  // sampled lines: in training order, sorted
};

}  // namespace belle::tokenizer
