#include "native/addon/encode_batch.h"

#include <algorithm>
#include <new>

#include "native/core/thread_pool.h"

namespace belle::addon {
namespace {

using tokenizer::EncodeScratch;
using tokenizer::PartPlace;

// UTF-16 units in a piece of work of half a millisecond to a millisecond; fewer than two of them are not
// worth starting threads for.
constexpr size_t kChunkUnits = 32 << 10;

// A text, or part of a long one.
struct Part {
  size_t text;
  std::u16string_view units;
  PartPlace where;
};

struct Chunk {
  size_t first = 0, last = 0;  // parts
  std::vector<int32_t> ids;
  std::vector<size_t> counts;  // of ids of each part
  Status status;
};

std::vector<Part> cut(const tokenizer::Tokenizer& tokenizer, const TextBatch& texts) {
  std::vector<Part> parts;
  parts.reserve(texts.size());
  for (size_t text = 0; text < texts.size(); ++text) {
    const std::u16string_view all = texts[text];
    size_t begin = 0;
    do {
      const size_t from = begin + kChunkUnits;
      const size_t end = from < all.size() ? tokenizer.cut(all, from) : all.size();
      parts.push_back({text, all.substr(begin, end - begin), {begin == 0, end == all.size()}});
      begin = end;
    } while (begin < all.size());
  }
  return parts;
}

std::vector<Chunk> gather(const std::vector<Part>& parts) {
  std::vector<Chunk> chunks;
  size_t units = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (chunks.empty() || units >= kChunkUnits) {
      chunks.push_back({i, i, {}, {}, {}});
      units = 0;
    }
    chunks.back().last = i + 1;
    units += parts[i].units.size();
  }
  return chunks;
}

// Runs on pool threads, which no exception may leave.
void encode(const tokenizer::Tokenizer& tokenizer, const std::vector<Part>& parts, EncodeScratch* scratch,
            bool counts_only, Chunk& chunk) try {
  chunk.counts.reserve(chunk.last - chunk.first);
  for (size_t i = chunk.first; i < chunk.last; ++i) {
    const size_t before = chunk.ids.size();
    const Status status = tokenizer.encode_part(parts[i].units, parts[i].where, scratch, &chunk.ids);
    if (!status.ok()) {
      chunk.status =
          Status(status.code(), "texts[" + std::to_string(parts[i].text) + "]: " + status.message());
      return;
    }
    chunk.counts.push_back(chunk.ids.size() - before);
    if (counts_only) chunk.ids.clear();
  }
} catch (const std::bad_alloc&) {
  chunk.status =
      Status(StatusCode::out_of_memory, "Memory ran out while encoding; pass fewer texts at once.");
}

}  // namespace

Result<EncodedBatch> encode_batch(const tokenizer::Tokenizer& tokenizer, const TextBatch& texts, int threads,
                                  bool counts_only, std::vector<tokenizer::WordCache>* words) {
  const std::vector<Part> parts = cut(tokenizer, texts);
  std::vector<Chunk> chunks = gather(parts);
  ThreadPool pool(chunks.size() < 2 ? 1 : threads);
  std::vector<EncodeScratch> scratch(static_cast<size_t>(pool.threads()));
  if (words->size() < scratch.size()) words->resize(scratch.size());
  for (size_t i = 0; i < scratch.size(); ++i) scratch[i].words = std::move((*words)[i]);
  pool.run(chunks.size(), [&](size_t chunk, int thread) {
    encode(tokenizer, parts, &scratch[static_cast<size_t>(thread)], counts_only, chunks[chunk]);
  });
  for (size_t i = 0; i < scratch.size(); ++i) (*words)[i] = std::move(scratch[i].words);
  EncodedBatch batch;
  batch.offsets.resize(texts.size() + 1);
  uint64_t total = 0;
  for (Chunk& chunk : chunks) {
    BELLE_TRY(chunk.status);
    for (size_t i = chunk.first; i < chunk.last; ++i) {
      total += chunk.counts[i - chunk.first];
      batch.offsets[parts[i].text + 1] = static_cast<uint32_t>(total);
    }
    batch.chunks.push_back(std::move(chunk.ids));
  }
  if (total > UINT32_MAX) {
    return Status(StatusCode::invalid_argument, "texts encode to more than 2^32 ids; pass fewer at once.");
  }
  return batch;
}

}  // namespace belle::addon
