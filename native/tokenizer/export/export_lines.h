#pragma once
// check_export: an ExportChecker over the lines of text files, on many threads.
#include <atomic>
#include <functional>

#include "native/core/thread_pool.h"
#include "native/tokenizer/export/export_check.h"
#include "native/tokenizer/text_lines.h"

namespace belle::tokenizer {

// The checker's pieces and these lines; lines added to it before do not count. The same for any number of
// threads. on_progress, in bytes, is called on the calling thread. aborted when stop was set,
// invalid_argument with file and line for a line the tokenizer refuses.
Result<ExportCheck> check_export(const ExportChecker& checker, const TextLines& lines, ThreadPool& pool,
                                 const std::atomic<bool>& stop,
                                 const std::function<void(uint64_t done, uint64_t total)>& on_progress);

}  // namespace belle::tokenizer
