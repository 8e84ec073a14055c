#include "native/tokenizer/export/export_lines.h"

#include <utility>
#include <vector>

namespace belle::tokenizer {

Result<ExportCheck> check_export(const ExportChecker& checker, const TextLines& lines, ThreadPool& pool,
                                 const std::atomic<bool>& stop, const TextLines::Progress& on_progress) {
  std::vector<ExportCheck> parts(lines.chunks());
  std::vector<EncodeScratch> scratch(static_cast<size_t>(pool.threads()));
  BELLE_TRY(lines.visit(pool, stop, "the check of the export", on_progress,
                        [&](const TextLines::Line& line, size_t chunk, int thread) {
                          return checker.compare(line.text, &scratch[static_cast<size_t>(thread)],
                                                 &parts[chunk]);
                        }));
  ExportCheck all = checker.pieces();
  for (ExportCheck& part : parts) {
    all.lines += part.lines;
    all.differing += part.differing;
    for (EncodingDifference& example : part.examples)
      if (all.examples.size() < ExportCheck::kExamples) all.examples.push_back(std::move(example));
  }
  return all;
}

}  // namespace belle::tokenizer
