#pragma once
// encodeBatch: many texts in one call, a long one in parts, on all cores when it pays. The result does not
// depend on the number of threads.
#include <optional>
#include <string_view>
#include <vector>

#include "native/addon/text_reader.h"
#include "native/core/status.h"
#include "native/core/thread_pool.h"
#include "native/tokenizer/tokenizer.h"

namespace belle::addon {

// The ids of all texts in the order of the texts, in the chunks that threads made of them.
struct EncodedBatch {
  std::vector<std::vector<int32_t>> chunks;
  std::vector<uint32_t> offsets;  // texts + 1: of each text's first id among all
};

// Threads that wait for the next call: to start one takes as long as to encode a page.
class EncodeThreads {
 public:
  // threads: 0 = the cores this process may use.
  ThreadPool& of(int threads) {
    if (!pool_ || asked_ != threads) pool_.emplace(threads);
    asked_ = threads;
    return *pool_;
  }

 private:
  std::optional<ThreadPool> pool_;
  int asked_ = 0;
};

// What encoding keeps between calls: threads, and the words each of them knows of this tokenizer.
struct EncodeMemory {
  EncodeThreads* threads;
  std::vector<tokenizer::WordCache>* words;
};

// On the JavaScript thread, which reads the texts while others encode those read before, then helps them.
// threads: 0 = the cores this process may use. counts_only: the chunks are dropped as they come. The error
// names the text: "texts[3]: ...". Throws what the reader throws.
Result<EncodedBatch> encode_batch(const tokenizer::Tokenizer& tokenizer, TextReader* texts, int threads,
                                  bool counts_only, const EncodeMemory& memory);
// The ids of one text, a long one on all cores.
Result<EncodedBatch> encode_text(const tokenizer::Tokenizer& tokenizer, std::u16string_view text,
                                 const EncodeMemory& memory);

}  // namespace belle::addon
