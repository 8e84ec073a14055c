// Speed of encoding a text file line by line, without Node, as one JSON line. The lines are UTF-16, as
// JavaScript has them.
//   bench_encode model=tokenizer.model file=text.txt [threads=1] [rounds=3] [megabytes=8]
#include <algorithm>
#include <chrono>

#include "bench/native/arguments.h"
#include "native/core/code_points.h"
#include "native/core/mapped_file.h"
#include "native/core/thread_pool.h"
#include "native/tokenizer/load_tokenizer.h"

namespace belle::bench {
namespace {

constexpr size_t kChunkLines = 256;

std::u16string utf16(std::string_view text) {
  std::u16string units;
  for_each_code_point(text, [&](char32_t c) {
    if (c > 0xFFFF) {
      units += static_cast<char16_t>(0xD7C0 + (c >> 10));
      units += static_cast<char16_t>(0xDC00 | (c & 0x3FF));
    } else {
      units += static_cast<char16_t>(c);
    }
  });
  return units;
}

int run(int argc, char** argv) {
  Arguments given(argc, argv, 1);
  const std::string model = given.text("model", ""), file = given.text("file", "");
  const auto threads = static_cast<int>(given.number("threads", 1));
  const int64_t rounds = given.number("rounds", 3), megabytes = given.number("megabytes", 8);
  given.refuse_others();
  auto tokenizer = tokenizer::load_tokenizer(model);
  if (!tokenizer.ok()) refuse(tokenizer.status().message());
  auto mapped = MappedFile::open(file);
  if (!mapped.ok()) refuse(mapped.status().message());
  const auto bytes = mapped.value().bytes();
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  text = text.substr(0, static_cast<size_t>(megabytes) * 1'000'000);
  std::vector<std::u16string> lines;
  size_t all = 0;
  for (size_t end; (end = text.find('\n')) != std::string_view::npos; text.remove_prefix(end + 1)) {
    lines.push_back(utf16(text.substr(0, end)));
    all += end + 1;
  }

  ThreadPool pool(threads);
  std::vector<tokenizer::EncodeScratch> scratch(static_cast<size_t>(pool.threads()));
  const size_t chunks = (lines.size() + kChunkLines - 1) / kChunkLines;
  std::vector<std::vector<int32_t>> ids(chunks);
  std::vector<Status> failures(chunks);
  double best = 1e9;
  for (int64_t round = 0; round < rounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    pool.run(chunks, [&](size_t chunk, int thread) {
      ids[chunk].clear();
      for (size_t i = chunk * kChunkLines; i < std::min(lines.size(), (chunk + 1) * kChunkLines); ++i)
        if (failures[chunk].ok())
          failures[chunk] =
              tokenizer.value()->encode(lines[i], &scratch[static_cast<size_t>(thread)], &ids[chunk]);
    });
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  for (const Status& failure : failures)
    if (!failure.ok()) refuse(failure.message());
  size_t tokens = 0;
  for (const auto& chunk : ids) tokens += chunk.size();
  std::printf("{\"megabytes_per_s\":%.2f,\"threads\":%d,\"tokens\":%zu,\"bytes\":%zu}\n",
              static_cast<double>(all) / 1e6 / best, pool.threads(), tokens, all);
  return 0;
}

}  // namespace
}  // namespace belle::bench

int main(int argc, char** argv) { return belle::bench::run(argc, argv); }
