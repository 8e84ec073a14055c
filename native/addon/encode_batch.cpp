#include "native/addon/encode_batch.h"

#include <new>

#include "native/core/thread_pool.h"

namespace belle::addon {
namespace {

// A piece of work of about a millisecond; fewer than two of them are not worth starting threads for.
constexpr size_t kChunkBytes = 32 << 10;

struct Chunk {
  size_t first = 0, last = 0;  // texts
  std::vector<int32_t> ids;
  std::vector<size_t> ends;  // of each text, in ids
  Status status;
};

std::vector<Chunk> cut(const std::vector<std::string>& texts) {
  std::vector<Chunk> chunks;
  size_t bytes = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    if (chunks.empty() || bytes >= kChunkBytes) {
      chunks.push_back({i, i, {}, {}, {}});
      bytes = 0;
    }
    chunks.back().last = i + 1;
    bytes += texts[i].size();
  }
  return chunks;
}

// Runs on pool threads, which no exception may leave.
void encode(const tokenizer::Tokenizer& tokenizer, const std::vector<std::string>& texts, Chunk& chunk) try {
  for (size_t i = chunk.first; i < chunk.last && chunk.status.ok(); ++i) {
    const Status status = tokenizer.encode(texts[i], &chunk.ids);
    if (!status.ok())
      chunk.status = Status(status.code(), "texts[" + std::to_string(i) + "]: " + status.message());
    chunk.ends.push_back(chunk.ids.size());
  }
} catch (const std::bad_alloc&) {
  chunk.status =
      Status(StatusCode::out_of_memory, "Memory ran out while encoding; pass fewer texts at once.");
}

}  // namespace

Result<EncodedBatch> encode_batch(const tokenizer::Tokenizer& tokenizer,
                                  const std::vector<std::string>& texts) {
  std::vector<Chunk> chunks = cut(texts);
  if (chunks.size() < 2) {
    for (Chunk& chunk : chunks) encode(tokenizer, texts, chunk);
  } else {
    ThreadPool pool;
    pool.run(chunks.size(), [&](size_t chunk, int) { encode(tokenizer, texts, chunks[chunk]); });
  }
  EncodedBatch batch;
  size_t total = 0;
  for (const Chunk& chunk : chunks) {
    BELLE_TRY(chunk.status);
    total += chunk.ids.size();
  }
  if (total > UINT32_MAX) {
    return Status(StatusCode::invalid_argument, "texts encode to more than 2^32 ids; pass fewer at once.");
  }
  batch.ids.reserve(total);
  batch.offsets.reserve(texts.size() + 1);
  batch.offsets.push_back(0);
  for (const Chunk& chunk : chunks) {
    const auto start = static_cast<uint32_t>(batch.ids.size());
    for (const size_t end : chunk.ends) batch.offsets.push_back(start + static_cast<uint32_t>(end));
    batch.ids.insert(batch.ids.end(), chunk.ids.begin(), chunk.ids.end());
  }
  return batch;
}

}  // namespace belle::addon
