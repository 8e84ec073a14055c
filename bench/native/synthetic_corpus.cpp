// Writes a large text that looks like a small one: an order-3 Markov chain over its characters, newlines
// included.
//   bench_synthetic_corpus text=small.txt out=large.txt bytes=5000000000 [seed=1] [order=3]
#include <algorithm>
#include <fstream>
#include <numeric>
#include <vector>

#include "bench/native/arguments.h"
#include "native/core/mapped_file.h"
#include "native/core/utf8.h"

namespace belle::bench {
namespace {

// SplitMix64
struct Random {
  uint64_t state;
  uint64_t next() {
    uint64_t z = state += 0x9E3779B97F4A7C15ull;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    return z ^ z >> 31;
  }
  uint32_t below(uint32_t n) { return static_cast<uint32_t>((next() >> 32) * n >> 32); }
};

int run(int argc, char** argv) {
  Arguments given(argc, argv, 1);
  const std::string text_path = given.text("text", ""), out_path = given.text("out", "");
  const auto bytes = static_cast<uint64_t>(given.number("bytes", 0));
  const auto order = static_cast<size_t>(given.number("order", 3));
  Random random{static_cast<uint64_t>(given.number("seed", 1))};
  given.refuse_others();
  auto text = MappedFile::open(text_path);
  if (!text.ok()) refuse(text.status().message());
  std::vector<uint32_t> characters;
  std::string_view rest(reinterpret_cast<const char*>(text.value().bytes().data()),
                        text.value().bytes().size());
  while (!rest.empty()) {
    const Utf8Char c = decode_utf8(rest);
    characters.push_back(c.code_point);
    rest.remove_prefix(c.length);
  }
  const auto size = static_cast<uint32_t>(characters.size());
  if (size <= order || order == 0)
    refuse("text=... must name a text longer than order=..., which is 1 or more");

  // Places sorted by the characters before them; from a place the chain goes on at any with the same ones.
  const auto at = [&](uint32_t place, size_t back) { return characters[(place + size - back) % size]; };
  std::vector<uint32_t> sorted(size), begin(size), count(size);
  std::iota(sorted.begin(), sorted.end(), 0u);
  const auto compare = [&](uint32_t a, uint32_t b) {
    for (size_t back = 1; back <= order; ++back)
      if (at(a, back) != at(b, back)) return at(a, back) < at(b, back) ? -1 : 1;
    return 0;
  };
  std::sort(sorted.begin(), sorted.end(), [&](uint32_t a, uint32_t b) { return compare(a, b) < 0; });
  for (uint32_t i = 0; i < size;) {
    uint32_t end = i + 1;
    while (end < size && compare(sorted[i], sorted[end]) == 0) ++end;
    for (uint32_t j = i; j < end; ++j) begin[sorted[j]] = i, count[sorted[j]] = end - i;
    i = end;
  }

  std::ofstream out(out_path, std::ios::binary);
  std::string block;
  uint64_t written = 0;
  for (uint32_t place = 0; written < bytes && out;) {
    const uint32_t same = sorted[begin[place] + random.below(count[place])];
    append_utf8(characters[same], &block);
    place = (same + 1) % size;
    if (block.size() < (1 << 20) && written + block.size() < bytes) continue;
    out.write(block.data(), static_cast<std::streamsize>(block.size()));
    written += block.size();
    block.clear();
  }
  out.close();
  if (!out) refuse("cannot write " + out_path);
  return 0;
}

}  // namespace
}  // namespace belle::bench

int main(int argc, char** argv) { return belle::bench::run(argc, argv); }
