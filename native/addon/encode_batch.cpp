#include "native/addon/encode_batch.h"

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <new>
#include <utility>

namespace belle::addon {
namespace {

using tokenizer::EncodeScratch;
using tokenizer::PartPlace;

// UTF-16 units in a piece of work of a quarter to half a millisecond; fewer than two of them are not worth
// starting threads for.
constexpr size_t kChunkUnits = 16 << 10;

// A text, or part of a long one.
struct Part {
  size_t text;
  std::u16string_view units;
  PartPlace where;
};

struct Chunk {
  std::vector<Part> parts;
  std::vector<int32_t> ids;
  std::vector<size_t> counts;  // of ids of each part
  Status status;
};

// Appends the next texts, none when there are no more.
using Read = std::function<void(std::vector<std::u16string_view>* texts)>;

// Texts become chunks, whose place does not change.
class Cutter {
 public:
  Cutter(const tokenizer::Tokenizer& tokenizer, const Read& read) : tokenizer_(tokenizer), read_(read) {}

  // The next whole chunk; nullptr when there are no more.
  Chunk* next() {
    for (;;) {
      if (given_ + 1 < chunks_.size()) return &chunks_[given_++];
      texts_.clear();
      read_(&texts_);
      if (texts_.empty()) return given_ < chunks_.size() ? &chunks_[given_++] : nullptr;
      for (const std::u16string_view text : texts_) add(text);
    }
  }
  std::deque<Chunk>& chunks() { return chunks_; }
  size_t texts() const { return count_; }

 private:
  void add(std::u16string_view text) {
    size_t begin = 0;
    do {
      const size_t from = begin + kChunkUnits;
      const size_t end = from < text.size() ? tokenizer_.cut(text, from) : text.size();
      if (chunks_.empty() || units_ >= kChunkUnits) {
        chunks_.emplace_back();
        units_ = 0;
      }
      chunks_.back().parts.push_back(
          {count_, text.substr(begin, end - begin), {begin == 0, end == text.size()}});
      units_ += end - begin;
      begin = end;
    } while (begin < text.size());
    ++count_;
  }

  const tokenizer::Tokenizer& tokenizer_;
  const Read& read_;
  std::vector<std::u16string_view> texts_;
  std::deque<Chunk> chunks_;  // all but the last are whole
  size_t units_ = 0;          // of the last
  size_t given_ = 0, count_ = 0;
};

// Chunks on their way from the thread that reads to those that encode.
class ChunkQueue {
 public:
  void push(Chunk* chunk) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(chunk);
    }
    changed_.notify_one();
  }
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
  }
  // nullptr once it is closed and empty.
  Chunk* pop() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
    if (waiting_.empty()) return nullptr;
    Chunk* const chunk = waiting_.front();
    waiting_.pop_front();
    return chunk;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Chunk*> waiting_;
  bool closed_ = false;
};

// Runs on pool threads, which no exception may leave: the others would wait for the turns left out.
void encode(const tokenizer::Tokenizer& tokenizer, EncodeScratch* scratch, bool counts_only,
            Chunk* chunk) try {
  chunk->counts.reserve(chunk->parts.size());
  for (const Part& part : chunk->parts) {
    const size_t before = chunk->ids.size();
    const Status status = tokenizer.encode_part(part.units, part.where, scratch, &chunk->ids);
    if (!status.ok()) {
      chunk->status = Status(status.code(), "texts[" + std::to_string(part.text) + "]: " + status.message());
      return;
    }
    chunk->counts.push_back(chunk->ids.size() - before);
    if (counts_only) chunk->ids.clear();
  }
} catch (const std::bad_alloc&) {
  chunk->status =
      Status(StatusCode::out_of_memory, "Memory ran out while encoding; pass fewer texts at once.");
} catch (const std::exception& error) {
  chunk->status = Status(StatusCode::internal, error.what());
}

Result<EncodedBatch> gathered(Cutter* cutter) {
  EncodedBatch batch;
  batch.offsets.resize(cutter->texts() + 1);
  uint64_t total = 0;
  for (Chunk& chunk : cutter->chunks()) {
    BELLE_TRY(chunk.status);
    for (size_t i = 0; i < chunk.parts.size(); ++i) {
      total += chunk.counts[i];
      batch.offsets[chunk.parts[i].text + 1] = static_cast<uint32_t>(total);
    }
    batch.chunks.push_back(std::move(chunk.ids));
  }
  if (total > UINT32_MAX) {
    return Status(StatusCode::invalid_argument, "texts encode to more than 2^32 ids; pass fewer at once.");
  }
  return batch;
}

Result<EncodedBatch> encode_all(const tokenizer::Tokenizer& tokenizer, const Read& read, int threads,
                                bool counts_only, const EncodeMemory& memory) {
  Cutter cutter(tokenizer, read);
  ChunkQueue queue;
  Chunk* const first = cutter.next();
  Chunk* const second = first ? cutter.next() : nullptr;
  for (Chunk* const chunk : {first, second})
    if (chunk) queue.push(chunk);
  ThreadPool* const pool = second && threads != 1 ? &memory.threads->of(threads) : nullptr;

  std::vector<EncodeScratch> scratch(pool ? static_cast<size_t>(pool->threads()) : 1);
  auto& words = *memory.words;
  if (words.size() < scratch.size()) words.resize(scratch.size());
  for (size_t i = 0; i < scratch.size(); ++i) scratch[i].words = std::move(words[i]);
  std::exception_ptr failed;  // while reading; it stays on this thread
  // Each thread takes one turn; the caller is thread 0.
  const auto turn = [&](size_t, int thread) {
    if (thread == 0) {
      try {
        while (Chunk* const chunk = cutter.next()) queue.push(chunk);
      } catch (...) {
        failed = std::current_exception();
      }
      queue.close();
    }
    while (Chunk* const chunk = queue.pop())
      encode(tokenizer, &scratch[static_cast<size_t>(thread)], counts_only, chunk);
  };
  if (pool)
    pool->run(scratch.size(), turn);
  else
    turn(0, 0);
  for (size_t i = 0; i < scratch.size(); ++i) words[i] = std::move(scratch[i].words);
  if (failed) std::rethrow_exception(failed);
  return gathered(&cutter);
}

}  // namespace

Result<EncodedBatch> encode_batch(const tokenizer::Tokenizer& tokenizer, TextReader* texts, int threads,
                                  bool counts_only, const EncodeMemory& memory) {
  const Read read = [texts](std::vector<std::u16string_view>* out) { texts->read(out); };
  return encode_all(tokenizer, read, threads, counts_only, memory);
}

Result<EncodedBatch> encode_text(const tokenizer::Tokenizer& tokenizer, std::u16string_view text,
                                 const EncodeMemory& memory) {
  bool given = false;
  const Read read = [&](std::vector<std::u16string_view>* out) {
    if (!std::exchange(given, true)) out->push_back(text);
  };
  return encode_all(tokenizer, read, 0, false, memory);
}

}  // namespace belle::addon
