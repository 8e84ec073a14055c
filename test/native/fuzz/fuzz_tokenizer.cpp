// Mutated tokenizer files, as many as asked for, or the large ones made by hand: each is refused with a
// sentence or encodes and decodes, within a second and in at most twice its size and 64 MiB (large: 10
// seconds).
//   fuzz_tokenizer kind=model|json|ranks|large [inputs=100000] [first=0] [seed_file=FILE]
// Prints a JSON line; exits with 1 for the first input that breaks a rule, whose number and size it tells.
#include <algorithm>
#include <ctime>

#include "bench/native/arguments.h"
#include "native/core/mapped_file.h"
#include "native/tokenizer/load_tokenizer.h"
#include "test/native/fuzz/measured_memory.h"
#include "test/native/tokenizer/json_mutations.h"
#include "test/native/tokenizer/large_files.h"
#include "test/native/tokenizer/mutations.h"

namespace belle::fuzz {
namespace {

using bench::Arguments;
using bench::quoted;
using bench::refuse;

constexpr double kMostSeconds = 1, kMostSecondsLarge = 10;
constexpr size_t kSlackBytes = 64 << 20;
constexpr std::string_view kText =
    "<t>abxAab \xE4\xBD\xA0\xFF"
    "A<s>\xF0\x9F\x98\x80  12";

// Of this process: another program's load must not fail an input.
double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Empty when the rules are kept.
std::string broken_rule(const std::string& bytes, bool* accepted) {
  auto tokenizer = tokenizer::parse_tokenizer({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()},
                                              {.splitter = "gpt2", .special = {{"<s>", 300}}});
  *accepted = tokenizer.ok();
  if (!tokenizer.ok())
    return tokenizer.status().message().size() > 20
               ? ""
               : "refused without a sentence: " + tokenizer.status().message();
  std::vector<int32_t> ids, same;
  std::vector<tokenizer::ByteRange> spans;
  const Status status = tokenizer.value()->encode(kText, &ids);
  if (tokenizer.value()->encode_with_spans(kText, &same, &spans).ok() != status.ok())
    return "encodes only with spans, or only without";
  if (!status.ok()) return status.message().size() > 20 ? "" : "not encoded, without a sentence";
  if (same != ids || spans.size() != ids.size()) return "other ids with spans";
  for (const auto& span : spans)
    if (span.begin > span.end || span.end > kText.size()) return "a span outside the text";
  for (const int32_t id : ids)
    if (id < 0 || id >= tokenizer.value()->vocab_size()) return "id " + std::to_string(id) + " is no row";
  const int32_t rows = std::min(tokenizer.value()->vocab_size(), 600);
  for (int32_t id = -1; id <= rows; ++id) ids.push_back(id);
  const std::string text = tokenizer.value()->decode(ids);
  std::string streamed;
  const auto stream = tokenizer.value()->decode_stream();
  for (const int32_t id : ids) stream->push(id, &streamed);
  stream->finish(&streamed);
  // A decoder of a tokenizer.json may take back what it showed: there the two may differ.
  if (tokenizer.value()->sentencepiece() && streamed != text) return "another text id by id";
  return "";
}

int run(int argc, char** argv) {
  Arguments given(argc, argv, 1);
  const std::string kind = given.text("kind", "model"), file = given.text("seed_file", "");
  int64_t inputs = given.number("inputs", 100'000);
  const int64_t first = given.number("first", 0);
  given.refuse_others();
  std::vector<std::string> seeds;
  if (!file.empty()) {
    const auto mapped = MappedFile::open(file);
    if (!mapped.ok()) refuse(mapped.status().message());
    const auto content = mapped.value().bytes();
    seeds.emplace_back(content.begin(), content.end());
  } else if (kind == "model") {
    seeds = {tokenizer::seed_model(false), tokenizer::seed_model(true)};
  } else if (kind == "json") {
    seeds = {tokenizer::kByteLevelJson, tokenizer::kLlamaJson};
  } else if (kind == "ranks") {
    seeds = {tokenizer::seed_ranks()};
  } else if (kind == "large") {
    for (tokenizer::LargeFile& large : tokenizer::large_files()) seeds.push_back(std::move(large.bytes));
    inputs = static_cast<int64_t>(seeds.size());
  } else {
    refuse(quoted(kind) + " is none of model, json, ranks and large");
  }
  const Philox random(2026, RngStream::test);
  int64_t accepted = 0;
  double slowest = 0;
  size_t most = 0;
  std::string bytes;
  for (int64_t input = first; input < first + inputs; ++input) {
    bytes = seeds[static_cast<size_t>(input) % seeds.size()];
    if (kind == "model")
      tokenizer::mutate(&bytes, random, static_cast<uint64_t>(input));
    else if (kind == "json")
      tokenizer::mutate_json(&bytes, random, static_cast<uint64_t>(input));
    else if (kind == "ranks")
      tokenizer::mutate_ranks(&bytes, random, static_cast<uint64_t>(input));
    const size_t before = held_bytes();
    reset_peak();
    const double start = cpu_seconds();
    bool fine = false;
    std::string rule = broken_rule(bytes, &fine);
    const double seconds = cpu_seconds() - start;
    const size_t took = peak_bytes() - before;
    if (rule.empty() && seconds > (kind == "large" ? kMostSecondsLarge : kMostSeconds))
      rule = "took " + std::to_string(seconds) + " s";
    if (rule.empty() && took > 2 * bytes.size() + kSlackBytes)
      rule = "took " + std::to_string(took) + " bytes";
    if (!rule.empty()) {
      std::printf("input %lld of %zu bytes: %s\n", static_cast<long long>(input), bytes.size(), rule.c_str());
      return 1;
    }
    accepted += fine;
    slowest = std::max(slowest, seconds);
    most = std::max(most, took);
  }
  std::printf("{\"kind\":\"%s\",\"inputs\":%lld,\"accepted\":%lld,\"slowest_s\":%.4f,\"most_bytes\":%zu}\n",
              kind.c_str(), static_cast<long long>(inputs), static_cast<long long>(accepted), slowest, most);
  return 0;
}

}  // namespace
}  // namespace belle::fuzz

int main(int argc, char** argv) { return belle::fuzz::run(argc, argv); }
