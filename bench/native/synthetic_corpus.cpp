// Writes a large text that looks like a small one: a Markov chain over its characters, newlines included. It
// jumps to another place after the same `order` characters, once every `stride` characters.
//   bench_synthetic_corpus text=small.txt out=large.txt bytes=5000000000 [seed=1] [order=3] [stride=1]
#include <algorithm>
#include <fstream>
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
  const auto stride = static_cast<uint64_t>(given.number("stride", 1));
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
  if (size <= 3 || order < 1 || order > 3 || stride == 0)
    refuse("give a text of more than 3 characters, an order from 1 to 3 and a stride of at least 1");

  // Places sorted by the characters before them; the chain jumps among those that are equal.
  struct Key {
    uint64_t before;
    uint32_t place;
    bool operator<(const Key& other) const { return before < other.before; }
  };
  std::vector<Key> keys(size);
  for (uint32_t place = 0; place < size; ++place) {
    uint64_t before = 0;
    for (uint32_t back = 1; back <= order; ++back)
      before = before << 21 | characters[(place + size - back) % size];
    keys[place] = {before, place};
  }
  std::sort(keys.begin(), keys.end());
  struct Place {
    uint32_t character, begin, count;  // the equal ones in `sorted`
  };
  std::vector<Place> places(size);
  std::vector<uint32_t> sorted(size);
  for (uint32_t i = 0; i < size;) {
    uint32_t end = i + 1;
    while (end < size && keys[end].before == keys[i].before) ++end;
    for (uint32_t j = i; j < end; ++j) {
      sorted[j] = keys[j].place;
      places[sorted[j]] = {characters[sorted[j]], i, end - i};
    }
    i = end;
  }
  keys = {};

  std::ofstream out(out_path, std::ios::binary);
  std::string block;
  uint64_t written = 0, step = 0;
  for (uint32_t place = 0; written < bytes && out; ++step) {
    if (step % stride == 0) place = sorted[places[place].begin + random.below(places[place].count)];
    append_utf8(places[place].character, &block);
    place = place + 1 == size ? 0 : place + 1;
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
