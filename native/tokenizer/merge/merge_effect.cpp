#include "native/tokenizer/merge/merge_effect.h"

#include <algorithm>

#include "native/core/code_points.h"
#include "native/tokenizer/merge/merge_guarantee.h"

namespace belle::tokenizer {
namespace {

constexpr size_t kMaxExamples = 5;
constexpr size_t kShownCharacters = 200;
// Pieces shown of an example: some before the first difference, and so many in all.
constexpr size_t kShownBefore = 2, kShownPieces = 12;

struct ChunkEffect {
  MergeEffect effect;
  Status status;
};

struct Scratch {
  EncodeScratch encode;
  std::vector<int32_t> before, after;
};

std::string head(std::string_view text) {
  size_t at = 0;
  for (size_t i = 0; i < kShownCharacters && at < text.size(); ++i) at += decode_utf8(text.substr(at)).length;
  return std::string(text.substr(0, at)) + (at < text.size() ? "…" : "");
}

std::vector<std::string> pieces_from(const SentencePieceTokenizer& tokenizer, const std::vector<int32_t>& ids,
                                     size_t from) {
  std::vector<std::string> pieces;
  for (size_t i = from; i < std::min(ids.size(), from + kShownPieces); ++i)
    pieces.push_back(tokenizer.piece(ids[i]).piece);
  return pieces;
}

class Comparison {
 public:
  Comparison(const SentencePieceTokenizer& before, const SentencePieceTokenizer& after)
      : before_(before),
        after_(after),
        normalizes_(!before.model().normalizer_spec.precompiled_charsmap.empty()) {}

  Status compare(const TextLines::Line& line, Scratch* scratch, MergeEffect* effect) const {
    scratch->before.clear();
    scratch->after.clear();
    BELLE_TRY(encode(before_, line, &scratch->encode, &scratch->before));
    BELLE_TRY(encode(after_, line, &scratch->encode, &scratch->after));
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
    if (effect->examples.size() < kMaxExamples) add_example(example(line, *scratch), effect);
    return {};
  }

  // Another example of a loss that is already shown tells nothing new.
  static void add_example(ChangedLine added, MergeEffect* effect) {
    const auto lost = [](const ChangedLine& line) {
      const size_t at = std::min<uint64_t>(line.token, kShownBefore);
      return at < line.before.size() ? line.before[at] : std::string();
    };
    for (const ChangedLine& shown : effect->examples)
      if (lost(shown) == lost(added)) return;
    if (effect->examples.size() < kMaxExamples) effect->examples.push_back(std::move(added));
  }

 private:
  static Status encode(const SentencePieceTokenizer& tokenizer, const TextLines::Line& line,
                       EncodeScratch* scratch, std::vector<int32_t>* ids) {
    const Status status = tokenizer.encode(line.text, scratch, ids);
    if (status.ok()) return status;
    return {status.code(), line.file + " line " + std::to_string(line.number) + ": " + status.message()};
  }

  ChangedLine example(const TextLines::Line& line, const Scratch& scratch) const {
    const auto first = std::mismatch(scratch.before.begin(), scratch.before.end(), scratch.after.begin(),
                                     scratch.after.end());
    const auto same = static_cast<size_t>(first.first - scratch.before.begin());
    const size_t from = same - std::min(same, kShownBefore);
    return {line.file,
            line.number,
            head(line.text),
            same,
            pieces_from(before_, scratch.before, from),
            pieces_from(after_, scratch.after, from)};
  }

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
                                   const std::function<void(uint64_t done, uint64_t total)>& on_progress) {
  const Comparison comparison(before, after);
  std::vector<ChunkEffect> chunks(lines.chunks());
  std::vector<Scratch> scratch(static_cast<size_t>(pool.threads()));
  std::atomic<uint64_t> done{0};
  pool.run(chunks.size(), [&](size_t index, int thread) {
    ChunkEffect& chunk = chunks[index];
    lines.read(index, [&](const TextLines::Line& line) {
      if (stop.load(std::memory_order_relaxed)) return false;
      chunk.status = comparison.compare(line, &scratch[static_cast<size_t>(thread)], &chunk.effect);
      return chunk.status.ok();
    });
    done += lines.chunk_bytes(index);
    if (thread == 0) on_progress(done, lines.bytes());
  });
  if (stop.load()) return Status(StatusCode::aborted, "the comparison of the encodings was stopped");
  MergeEffect all;
  for (ChunkEffect& chunk : chunks) {
    BELLE_TRY(chunk.status);
    add(std::move(chunk.effect), &all);
  }
  return all;
}

}  // namespace belle::tokenizer
