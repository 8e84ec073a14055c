#pragma once
// check_export: an ExportChecker over the lines of text files, on many threads.
#include <atomic>

#include "native/core/thread_pool.h"
#include "native/tokenizer/export/export_check.h"
#include "native/tokenizer/text_lines.h"

namespace belle::tokenizer {

// The checker's pieces and these lines, the same for any number of threads; errors as TextLines::visit and
// Tokenizer::encode.
Result<ExportCheck> check_export(const ExportChecker& checker, const TextLines& lines, ThreadPool& pool,
                                 const std::atomic<bool>& stop, const TextLines::Progress& on_progress);

}  // namespace belle::tokenizer
