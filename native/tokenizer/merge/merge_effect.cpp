#include "native/tokenizer/merge/merge_effect.h"

#include <algorithm>

#include "native/core/code_points.h"
#include "native/tokenizer/merge/merge_guarantee.h"

namespace belle::tokenizer {
namespace {

constexpr size_t kMaxExamples = 5;

struct Scratch {
  EncodeScratch encode_before, encode_after;  // each remembers words of its own tokenizer
  std::vector<int32_t> before, after;
};

class Comparison {
 public:
  Comparison(const SentencePieceTokenizer& before, const SentencePieceTokenizer& after)
      : before_(before),
        after_(after),
        normalizes_(!before.model().normalizer_spec.precompiled_charsmap.empty()) {}

  Status compare(const TextLines::Line& line, Scratch* scratch, MergeEffect* effect) const {
    scratch->before.clear();
    scratch->after.clear();
    BELLE_TRY(before_.encode(line.text, &scratch->encode_before, &scratch->before));
    BELLE_TRY(after_.encode(line.text, &scratch->encode_after, &scratch->after));
    const bool han = holds_han(normalizes_ ? before_.normalize(line.text) : line.text);
    ++effect->lines;
    effect->with_han += han;
    effect->bytes += line.text.size();
    for_each_code_point(line.text, [&](char32_t) { ++effect->characters; });
    effect->tokens_before += scratch->before.size();
    effect->tokens_after += scratch->after.size();
    if (scratch->before == scratch->after) return {};
    ++effect->changed;
    effect->changed_without_han += !han;
    if (effect->examples.size() < kMaxExamples)
      add_example({first_difference(line.text, {before_, scratch->before}, {after_, scratch->after}),
                   line.file, line.number},
                  effect);
    return {};
  }

  // Another example of a loss that is already shown tells nothing new.
  static void add_example(ChangedLine added, MergeEffect* effect) {
    const auto lost = [](const ChangedLine& line) {
      const size_t at = std::min<uint64_t>(line.token, EncodingDifference::kShownBefore);
      return at < line.before.size() ? line.before[at] : std::string();
    };
    for (const ChangedLine& shown : effect->examples)
      if (lost(shown) == lost(added)) return;
    if (effect->examples.size() < kMaxExamples) effect->examples.push_back(std::move(added));
  }

 private:
  const SentencePieceTokenizer& before_;
  const SentencePieceTokenizer& after_;
  const bool normalizes_;
};

void add(MergeEffect&& part, MergeEffect* all) {
  all->lines += part.lines;
  all->characters += part.characters;
  all->bytes += part.bytes;
  all->with_han += part.with_han;
  all->changed += part.changed;
  all->changed_without_han += part.changed_without_han;
  all->tokens_before += part.tokens_before;
  all->tokens_after += part.tokens_after;
  for (ChangedLine& line : part.examples) Comparison::add_example(std::move(line), all);
}

}  // namespace

Result<MergeEffect> measure_effect(const SentencePieceTokenizer& before, const SentencePieceTokenizer& after,
                                   const TextLines& lines, ThreadPool& pool, const std::atomic<bool>& stop,
                                   const TextLines::Progress& on_progress) {
  const Comparison comparison(before, after);
  std::vector<MergeEffect> parts(lines.chunks());
  std::vector<Scratch> scratch(static_cast<size_t>(pool.threads()));
  BELLE_TRY(lines.visit(pool, stop, "the comparison of the encodings", on_progress,
                        [&](const TextLines::Line& line, size_t chunk, int thread) {
                          return comparison.compare(line, &scratch[static_cast<size_t>(thread)],
                                                    &parts[chunk]);
                        }));
  MergeEffect all;
  for (MergeEffect& part : parts) add(std::move(part), &all);
  return all;
}

}  // namespace belle::tokenizer
