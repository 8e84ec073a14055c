#include "native/tokenizer/train/corpus_reader.h"
#include "native/tokenizer/train/learn.h"
#include "native/tokenizer/train/learn_merges.h"
#include "native/tokenizer/train/segments.h"

namespace belle::tokenizer {

Result<Learned> learn_ordered(const LearnJob& job, bool silent) {
  using Phase = BpeTrainProgress::Phase;
  const TrainerSpec& spec = job.request.trainer_spec;
  const auto reporter = [&](Phase phase) {
    return [&job, silent, phase](uint64_t done, uint64_t total) {
      if (silent)
        job.report({Phase::merge, 0, total});
      else
        job.report({phase, done, total});
    };
  };
  BELLE_ASSIGN(const auto sentences, CorpusSentences::open(job.request, job.normalizer, job.meta,
                                                           !spec.split_by_whitespace, job.pool, job.stop));
  BELLE_ASSIGN(auto corpus, read_corpus(sentences, spec, job.pool, job.stop, reporter(Phase::read)));
  Learned learned;
  BELLE_ASSIGN(learned.alphabet, choose_alphabet(count_characters(corpus), spec));
  BELLE_ASSIGN(const size_t wanted, wanted_pieces(learned.alphabet, job.meta.size(), spec));
  BELLE_ASSIGN(auto segments, cut_into_segments(std::move(corpus), learned.alphabet, spec, job.rules,
                                                job.pool, job.stop, reporter(Phase::count)));
  BELLE_ASSIGN(learned.pieces, learn_merges(learned.alphabet, std::move(segments), job.rules, wanted,
                                            job.stop, [&](uint64_t pieces) {
                                              job.report({Phase::merge, pieces, wanted});
                                            }));
  return learned;
}

}  // namespace belle::tokenizer
