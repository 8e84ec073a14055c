#include "native/tokenizer/export/export_lines.h"

#include <utility>
#include <vector>

namespace belle::tokenizer {

namespace {

struct ChunkCheck {
  ExportCheck check;
  Status status;
};

}  // namespace

Result<ExportCheck> check_export(const ExportChecker& checker, const TextLines& lines, ThreadPool& pool,
                                 const std::atomic<bool>& stop,
                                 const std::function<void(uint64_t done, uint64_t total)>& on_progress) {
  std::vector<ChunkCheck> chunks(lines.chunks());
  std::vector<EncodeScratch> scratch(static_cast<size_t>(pool.threads()));
  std::atomic<uint64_t> done{0};
  pool.run(chunks.size(), [&](size_t index, int thread) {
    ChunkCheck& chunk = chunks[index];
    lines.read(index, [&](const TextLines::Line& line) {
      if (stop.load(std::memory_order_relaxed)) return false;
      const Status status = checker.compare(line.text, &scratch[static_cast<size_t>(thread)], &chunk.check);
      if (!status.ok())
        chunk.status = {status.code(),
                        line.file + " line " + std::to_string(line.number) + ": " + status.message()};
      return status.ok();
    });
    done += lines.chunk_bytes(index);
    if (thread == 0) on_progress(done, lines.bytes());
  });
  if (stop.load()) return Status(StatusCode::aborted, "the check of the export was stopped");
  ExportCheck all;
  all.lost = checker.check().lost;
  all.lost_pieces = checker.check().lost_pieces;
  for (ChunkCheck& chunk : chunks) {
    BELLE_TRY(chunk.status);
    all.lines += chunk.check.lines;
    all.differing += chunk.check.differing;
    for (ExportDifference& example : chunk.check.examples)
      if (all.examples.size() < ExportCheck::kExamples) all.examples.push_back(std::move(example));
  }
  return all;
}

}  // namespace belle::tokenizer
