#include "native/tokenizer/train/corpus_counts.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <mutex>

#include "native/core/committed_file.h"
#include "native/core/sha256.h"
#include "native/tokenizer/train/free_memory.h"

namespace belle::tokenizer {
namespace {

namespace fs = std::filesystem;

// A work folder for one run, beside the first file or where temporary files go.
Result<std::string> temporary_folder(const BpeTrainRequest& request) {
  std::vector<std::string> parents;
  if (!request.files.empty()) parents.push_back(parent_folder(request.files[0]));
  const char* const set = std::getenv("TMPDIR");
  parents.push_back(set && *set ? set : "/tmp");
  Status failure;
  for (const std::string& parent : parents) {
    std::string path = parent + "/.bpe-work-XXXXXX";
    if (::mkdtemp(path.data())) return path;
    failure = system_failure("create a work folder in", parent, errno);
  }
  return failure;
}

// Everything the counts depend on.
Result<Json> describe_job(const BpeTrainRequest& request, const std::string& job) {
  Json::Array files;
  for (const std::string& path : request.files) {
    std::error_code error;
    const auto bytes = fs::file_size(path, error);
    if (error) return system_failure("read", path, error.value());
    const auto changed = fs::last_write_time(path, error).time_since_epoch().count();
    if (error) return system_failure("read", path, error.value());
    files.push_back(Json::Object{
        {"path", path}, {"bytes", static_cast<int64_t>(bytes)}, {"changed", static_cast<int64_t>(changed)}});
  }
  Sha256 sentences;
  for (const std::string& text : request.sentences) {
    sentences.update(text.data(), text.size());
    sentences.update("\n", 1);
  }
  return Json(Json::Object{{"options_sha256", sha256_hex(job.data(), job.size())},
                           {"chunk_bytes", static_cast<int64_t>(CorpusLines::kChunkBytes)},
                           {"files", files},
                           {"sentences_sha256", sentences.hex()}});
}

}  // namespace

Status CorpusCounts::open_folder(const BpeTrainRequest& request, const std::string& job) {
  BELLE_ASSIGN(const Json described, describe_job(request, job));
  std::string path = request.work_folder;
  std::error_code ignored;
  for (const std::string& file : request.files)
    if (!path.empty() && fs::equivalent(fs::absolute(file, ignored).parent_path(), path, ignored))
      return {StatusCode::invalid_argument, "the work folder " + path + " holds \"" + file +
                                                "\", which is to be counted: give it a folder of its own"};
  if (path.empty()) {
    BELLE_ASSIGN(path, temporary_folder(request));
  }
  BELLE_ASSIGN(auto folder, ShardFolder::open(path, described, request.work_folder.empty()));
  folder_.emplace(std::move(folder));
  return {};
}

Status CorpusCounts::count(const CorpusSentences& sentences, const BpeTrainRequest& request,
                           const std::string& job, const Progress& on_progress) {
  const uint64_t limit = request.memory_limit;
  size_t portion = std::max<size_t>(1, sentences.chunks());
  if (limit > 0) {
    table_bytes_ = limit / 2;
    portion = std::clamp<size_t>(limit / 64 / CorpusLines::kChunkBytes, 1, 256);
    if (!request.work_folder.empty()) {
      std::error_code error;
      const bool there = fs::exists(request.work_folder, error);
      if (error) return system_failure("look for the work folder", request.work_folder, error.value());
      if (there) BELLE_TRY(open_folder(request, job));
    }
  }
  const auto write_shard = [&](size_t next_chunk) -> Status {
    if (!folder_) BELLE_TRY(open_folder(request, job));
    BELLE_TRY(folder_->add(counter_, next_chunk));
    counter_.clear();
    return_free_memory();
    return {};
  };
  size_t next = folder_ ? std::min(folder_->next_chunk(), sentences.chunks()) : 0;
  while (next < sentences.chunks()) {
    const size_t end = std::min(next + portion, sentences.chunks());
    BELLE_TRY(sentences.for_each_chunk(next, end, pool_, stop_, on_progress, [&](size_t chunk, int thread) {
      return sentences.read(chunk, [&](uint64_t, std::string_view text, uint64_t frequency) {
        counter_.add(text, frequency, thread);
      });
    }));
    next = end;
    counter_.settle();
    if (limit > 0 && counter_.bytes() > table_bytes_) BELLE_TRY(write_shard(next));
  }
  // A folder once begun holds the whole: learning can be started again from it.
  const bool spilled = folder_ && folder_->shards() > 0;
  if (spilled && folder_->next_chunk() < sentences.chunks()) BELLE_TRY(write_shard(sentences.chunks()));
  if (folder_ && !spilled) folder_.reset();
  characters_ = folder_ ? folder_->characters() : counter_.characters();
  sentences_ = folder_ ? folder_->sentences() : counter_.sentences();
  return {};
}

Status CorpusCounts::visit_part(size_t part, int thread, const Visit& visit) {
  TextCounter all;
  const auto hand_on = [&]() -> Status {
    for (const auto& entry : all.entries()) BELLE_TRY(visit(entry.text(), entry.count, thread));
    all = TextCounter();
    return {};
  };
  const uint64_t most = table_bytes_ / static_cast<uint64_t>(pool_.threads());
  std::string buffer;
  for (size_t shard = 0; shard < folder_->shards(); ++shard) {
    if (stop_.load(std::memory_order_relaxed)) return {};
    BELLE_TRY(folder_->read(shard, part, &buffer, [&](std::string_view text, uint64_t weight) {
      all.add(text, weight);
      return Status();
    }));
    // Equal segments of later shards are handed on apart: a larger stream, the same counts.
    if (all.bytes() > most) BELLE_TRY(hand_on());
  }
  return hand_on();
}

Status CorpusCounts::for_each_segment(const Progress& on_progress, const Visit& visit) {
  std::mutex mutex;
  Status failure;
  std::atomic<uint64_t> done{0};
  pool_.run(SegmentCounter::kShards, [&](size_t part, int thread) {
    if (stop_.load(std::memory_order_relaxed)) return;
    Status status;
    if (folder_) {
      status = visit_part(part, thread, visit);
    } else {
      for (const auto& entry : counter_.shard(part).entries())
        if (status.ok()) status = visit(entry.text(), entry.count, thread);
      counter_.release(part);
    }
    if (!status.ok()) {
      const std::lock_guard lock(mutex);
      if (failure.ok()) failure = std::move(status);
    }
    ++done;
    if (thread == 0) on_progress(done, SegmentCounter::kShards);
  });
  if (stop_.load()) return {StatusCode::aborted, "training was stopped while counting segments"};
  return_free_memory();
  return failure;
}

}  // namespace belle::tokenizer
