// What learning in generations stands on: streams of symbols, bounds of pairs, runs.
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "native/core/philox.h"
#include "native/tokenizer/train/pair_sketch.h"
#include "native/tokenizer/train/run_table.h"
#include "native/tokenizer/train/symbol_stream.h"
#include "native/tokenizer/train/work_numbers.h"
#include "test/native/check.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

using Segment = std::pair<uint64_t, std::vector<uint32_t>>;

std::vector<Segment> some_segments() {
  std::vector<Segment> all;
  const Philox random(3, RngStream::test);
  uint64_t index = 0;
  const auto below = [&](double n) { return static_cast<uint64_t>(random.uniform(index++) * n); };
  for (int i = 0; i < 60000; ++i) {
    Segment segment{1 + below(i % 100 == 0 ? 1e12 : 200), {}};
    for (uint64_t size = 2 + below(9); size > 0; --size)
      segment.second.push_back(static_cast<uint32_t>(below(70000)));
    all.push_back(std::move(segment));
  }
  return all;
}

Result<std::vector<Segment>> read_all(const SymbolStream& stream, size_t known) {
  std::vector<Segment> all;
  std::string buffer;
  for (size_t i = 0; i < stream.blocks(); ++i) {
    BELLE_ASSIGN(std::string_view block, stream.block(i, &buffer));
    for (Segment segment;;) {
      BELLE_ASSIGN(const bool more, SymbolStream::next(&block, known, &segment.first, &segment.second));
      if (!more) break;
      all.push_back(segment);
    }
  }
  return all;
}

}  // namespace

TEST("train stream: what was written comes back, from memory and from a file that goes with it") {
  const auto segments = some_segments();
  const std::string path = test::temporary_folder() + "/stream";
  for (const bool file : {false, true}) {
    std::unique_ptr<SymbolStream> stream = SymbolStream::in_memory();
    if (file) {
      auto made = SymbolStream::in_file(path);
      CHECK_OK(made.status());
      if (!made.ok()) return;
      stream = made.take();
    }
    SymbolStream::Writer writer(stream.get());
    for (const auto& [weight, symbols] : segments) CHECK_OK(writer.add(weight, symbols));
    CHECK_OK(writer.finish());
    CHECK(stream->blocks() > 1);
    const auto back = read_all(*stream, 70000);
    CHECK(back.ok() && back.value() == segments);
    // A symbol nobody knows would be an index out of bounds.
    const auto refused = read_all(*stream, 60000);
    CHECK_EQ(static_cast<int>(refused.status().code()), static_cast<int>(StatusCode::invalid_data));
    if (!file) continue;
    const uint64_t written = std::filesystem::file_size(path);
    CHECK(written > 0);
    std::filesystem::resize_file(path, written / 2);
    CHECK_EQ(static_cast<int>(read_all(*stream, 70000).status().code()), static_cast<int>(StatusCode::io));
    stream.reset();
    CHECK(!std::filesystem::exists(path));
  }
}

TEST("train stream: a file past the limit on sizes is a failure, not the end of the process") {
  auto stream = SymbolStream::in_file(test::temporary_folder() + "/stream");
  CHECK_OK(stream.status());
  if (!stream.ok()) return;
  SymbolStream::Writer writer(stream.value().get());
  for (const auto& [weight, symbols] : some_segments()) CHECK_OK(writer.add(weight, symbols));
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit tight = before;
  tight.rlim_cur = 1;
  setrlimit(RLIMIT_FSIZE, &tight);
  const Status refused = writer.finish();
  setrlimit(RLIMIT_FSIZE, &before);
  CHECK_EQ(static_cast<int>(refused.code()), static_cast<int>(StatusCode::disk_full));
  CHECK(refused.message().find("ulimit -f") != std::string::npos);
}

TEST("train stream: damaged bytes are refused, never read past") {
  for (const std::string& bytes : {std::string("\x01"), std::string("\x01\x03\x01\x01"), std::string("\x80"),
                                   std::string("\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x01")}) {
    std::string_view block = bytes;
    uint64_t weight = 0;
    std::vector<uint32_t> symbols;
    const auto next = SymbolStream::next(&block, 10, &weight, &symbols);
    CHECK_EQ(static_cast<int>(next.status().code()), static_cast<int>(StatusCode::invalid_data));
  }
  std::string numbers;
  const uint64_t values[] = {0, 127, 128, 16384, uint64_t{1} << 40, ~uint64_t{0}};
  for (const uint64_t value : values) put_number(value, &numbers);
  const char* at = numbers.data();
  for (const uint64_t value : values) {
    uint64_t back = 0;
    CHECK(take_number(&at, numbers.data() + numbers.size(), &back));
    CHECK_EQ(back, value);
  }
}

TEST("train stream: a sketch is never below a pair's count, whatever shares its counters") {
  const auto segments = some_segments();
  PairSketch sketch(1 << 12);
  std::map<std::pair<uint32_t, uint32_t>, uint64_t> exact;
  for (const auto& [weight, symbols] : segments)
    for (size_t i = 1; i < symbols.size(); ++i) {
      sketch.add(symbols[i - 1] % 500, symbols[i] % 500, weight);
      exact[{symbols[i - 1] % 500, symbols[i] % 500}] += weight;
    }
  size_t below = 0;
  for (const auto& [pair, count] : exact)
    below += !sketch.reaches(pair.first, pair.second, std::min<uint64_t>(count, PairSketch::kFull));
  CHECK_EQ(below, size_t{0});
  PairSketch roomy(1 << 16);
  for (uint32_t i = 0; i < 1000; ++i) roomy.add(i, i + 1, i < 100 ? 5000 : 3);
  CHECK(roomy.count_at(100) > 4800 && roomy.count_at(100) <= 5000);
  CHECK_EQ(roomy.count_at(200), uint64_t{3});
  CHECK_EQ(PairSketch(16).count_at(5), uint64_t{0});
}

TEST("train stream: equal runs are one, found again by their symbols") {
  RunTable table;
  std::vector<RunTable::Writer> writers(2, RunTable::Writer(&table));
  std::map<std::vector<uint32_t>, uint64_t> exact;
  size_t turn = 0;
  for (auto [weight, symbols] : some_segments()) {
    for (uint32_t& symbol : symbols) symbol %= 7;
    exact[symbols] += weight;
    writers[turn++ % 2].add(symbols, weight);
  }
  for (auto& writer : writers) writer.flush();
  CHECK_EQ(table.runs(), exact.size());
  uint64_t wrong = 0;
  for (const auto& [run, weight] : exact) {
    RunTable::Place place;
    if (!table.find(run, &place)) {
      ++wrong;
      continue;
    }
    const SpanTable::Spans& shard = table.shard(place.shard);
    const auto index = static_cast<size_t>(
        std::lower_bound(shard.begins.begin(), shard.begins.end(), place.begin) - shard.begins.begin());
    wrong += shard.weights[index] != weight;
  }
  CHECK_EQ(wrong, uint64_t{0});
  RunTable::Place place;
  CHECK(!table.find(std::vector<uint32_t>{8, 9}, &place));
}
