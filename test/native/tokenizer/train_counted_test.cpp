// The fast way of training against the plain one, over random corpora and options.
#include "native/tokenizer/sentencepiece_model.h"
#include "native/tokenizer/train/learn.h"
#include "test/native/check.h"
#include "test/native/tokenizer/train_case.h"
#include "test/native/tokenizer/train_text.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

struct Trained {
  std::string bytes;  // of the model, or the error
  BpeTrainProgress last{};
};

Trained trained(const BpeTrainRequest& request, decltype(&train_bpe) way) {
  Trained out;
  const std::atomic<bool> stop{false};
  const auto model = way(request, stop, [&](const BpeTrainProgress& now) { out.last = now; });
  out.bytes = model.ok() ? serialize_model(model.value()) : "error: " + model.status().message();
  return out;
}

BpeTrainRequest random_request(uint64_t seed) {
  BpeTrainRequest request;
  const uint64_t letters[] = {2, 3, 26, 400, 3000};
  const size_t lines[] = {20, 200, 2000};
  request.files = {write_file("corpus.txt", random_text(seed, lines[seed % 3], letters[seed / 3 % 5]))};
  request.trainer_spec.hard_vocab_limit = false;
  request.trainer_spec.vocab_size = static_cast<int32_t>(300 + 400 * (seed % 7));
  request.trainer_spec.byte_fallback = false;
  request.trainer_spec.character_coverage = seed % 2 ? 1.0f : 0.98f;
  if (letters[seed / 3 % 5] >= 400) request.trainer_spec.vocab_size += 4000;
  request.trainer_spec.split_by_whitespace = seed % 5 != 0;
  request.trainer_spec.split_by_unicode_script = seed % 11 != 0;
  request.trainer_spec.allow_whitespace_only_pieces = seed % 4 == 0;
  request.trainer_spec.treat_whitespace_as_suffix = seed % 13 == 0;
  if (seed % 6 == 0) request.trainer_spec.max_sentencepiece_length = 5;
  request.normalizer_spec.name = "identity";
  request.normalizer_spec.remove_extra_whitespaces = seed % 3 == 0;
  request.threads = 1 + static_cast<int>(seed % 3);
  return request;
}

}  // namespace

TEST("train counted: the pieces of the plain way, over random corpora and options") {
  size_t by_generations = 0, several = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const BpeTrainRequest request = random_request(seed);
    const Trained fast = trained(request, train_bpe);
    const Trained plain = trained(request, train_bpe_in_order);
    if (fast.bytes != plain.bytes || plain.bytes.starts_with("error"))
      test::fail(__FILE__, __LINE__, "seed " + std::to_string(seed) + ": " + plain.bytes.substr(0, 200));
    by_generations += fast.last.generations > 0;
    several += fast.last.generations > 1;
  }
  // The rest met a tie between two splits, or ran out of pairs, and was learned the plain way.
  CHECK(by_generations >= 10);
  CHECK(several >= 5);
  std::cout << "    " << by_generations << " by generations, " << several << " by several\n";
}
