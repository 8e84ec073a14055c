#pragma once
// encodeBatch: many texts in one call, a long one in parts, on all cores when it pays. The result does not
// depend on the number of threads.
#include <vector>

#include "native/addon/text_batch.h"
#include "native/core/status.h"
#include "native/tokenizer/tokenizer.h"

namespace belle::addon {

// The ids of all texts in the order of the texts, in the chunks that threads made of them.
struct EncodedBatch {
  std::vector<std::vector<int32_t>> chunks;
  std::vector<uint32_t> offsets;  // texts + 1: of each text's first id among all
};

// threads: 0 = the cores this process may use. counts_only: the chunks are dropped as they come. The error
// names the text: "texts[3]: ...". words: what each thread knows from earlier calls, and will from this one.
Result<EncodedBatch> encode_batch(const tokenizer::Tokenizer& tokenizer, const TextBatch& texts, int threads,
                                  bool counts_only, std::vector<tokenizer::WordCache>* words);

}  // namespace belle::addon
