// Trains a BPE vocabulary with the flags of bench/bpe_train.ts and prints seconds by phase and the peak
// memory as a JSON line; for machines without Node.
//   bench_bpe_train file=text.txt [vocab=50000] [threads=0] [pieces=out.tsv] [memory_limit=0]
//   [work_folder=]
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <fstream>

#include "bench/native/arguments.h"
#include "native/tokenizer/train/bpe_trainer.h"

namespace belle::bench {
namespace {

using tokenizer::BpeTrainProgress;

int run(int argc, char** argv) {
  Arguments given(argc, argv, 1);
  tokenizer::BpeTrainRequest request;
  request.files = {given.text("file", "")};
  if (request.files[0].empty()) refuse("file=... must name a text file, one sentence a line");
  request.threads = static_cast<int>(given.number("threads", 0));
  auto& spec = request.trainer_spec;
  spec.vocab_size = static_cast<int32_t>(given.number("vocab", 50000));
  spec.byte_fallback = spec.split_digits = spec.allow_whitespace_only_pieces = true;
  request.normalizer_spec.name = "identity";
  request.normalizer_spec.remove_extra_whitespaces = false;
  request.memory_limit = static_cast<uint64_t>(given.number("memory_limit", 0));
  request.work_folder = given.text("work_folder", "");
  const std::string pieces = given.text("pieces", "");
  given.refuse_others();

  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  auto last = start;
  double seconds[4] = {};
  auto phase = BpeTrainProgress::Phase::read;
  const std::atomic<bool> stop{false};
  BpeTrainProgress end{};
  const auto model = tokenizer::train_bpe(request, stop, [&](const BpeTrainProgress& progress) {
    end = progress;
    if (progress.phase == phase) return;
    const auto now = Clock::now();
    seconds[static_cast<int>(phase)] += std::chrono::duration<double>(now - last).count();
    phase = progress.phase;
    last = now;
  });
  if (!model.ok()) refuse(model.status().message());
  const double total = std::chrono::duration<double>(Clock::now() - start).count();
  if (!pieces.empty()) {
    std::ofstream out(pieces, std::ios::binary);
    for (const auto& piece : model.value().pieces) out << piece.piece << '\t' << piece.score << '\n';
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf(
      "{\"pieces\": %zu, \"seconds\": %.3f, \"read\": %.3f, \"count\": %.3f, \"merge\": %.3f, "
      "\"peak_mb\": %.1f, \"shards\": %u, \"generations\": %u, \"ties\": %llu}\n",
      model.value().pieces.size(), total, seconds[0], seconds[1], seconds[2],
      static_cast<double>(usage.ru_maxrss) / 1024, end.shards, end.generations,
      static_cast<unsigned long long>(end.ties));
  return 0;
}

}  // namespace
}  // namespace belle::bench

int main(int argc, char** argv) { return belle::bench::run(argc, argv); }
