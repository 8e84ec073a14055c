// Reading prompts and decoding greedily with random weights, as a JSON line; for machines without Node.
//   bench_generate config=config.json [backend=cuda] [dtype=bfloat16] [batch=1] [prompt=128] [new=128]
// A batch of more than 64 is decoded in turns and its prefill is not told apart: it is refused.
// BELLE_CUDA_LIB names the library of backend=cuda, BELLE_CUDA_GRAPHS=off has it start every op by itself.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>

#include "bench/native/arguments.h"
#include "bench/native/model_arguments.h"
#include "native/core/philox.h"
#include "native/infer/generator.h"

namespace belle::bench {
namespace {

std::vector<std::vector<int32_t>> random_prompts(int64_t count, int64_t tokens, int64_t vocab) {
  std::vector<std::vector<int32_t>> prompts;
  for (int64_t p = 0; p < count; ++p) {
    const Philox random(static_cast<uint64_t>(p), RngStream::test);
    prompts.emplace_back();
    for (int64_t i = 0; i < tokens; ++i) {
      const double draw = random.uniform(static_cast<uint64_t>(i));
      prompts.back().push_back(static_cast<int32_t>(draw * static_cast<double>(vocab)));
    }
  }
  return prompts;
}

int run(int argc, char** argv) {
  Arguments given(argc, argv, 1);
  const std::string config_path = given.text("config", "");
  if (config_path.empty()) refuse("usage: bench_generate config=config.json [backend=cuda] [batch=1] ...");
  const model::ModelOptions options = model_options(given);
  const int64_t batch = given.number("batch", 1), prompt = given.number("prompt", 128),
                fresh = given.number("new", 128);
  given.refuse_others();
  if (fresh < 2) refuse("new is the tokens of an answer; at least 2");
  if (batch < 1 || batch > 64) refuse("batch is from 1 to 64");

  const auto decoder = read_decoder_config(config_path);
  const auto model = value_of(model::Model::create(decoder, 1, options));
  const auto prompts = random_prompts(batch, prompt, decoder.vocab_size);
  const std::atomic<bool> stop{false};
  // Seconds to the last prompt's first token, and from that to the last token of all.
  struct Times {
    double prefill = 0, decode = 0;
    int64_t decoded = 0;
  };
  const auto times_of = [&](int64_t tokens) {
    const auto begin = std::chrono::steady_clock::now();
    Times times;
    int64_t seen = 0;
    value_of(infer::generate(*model, prompts, {.max_new_tokens = tokens}, stop, [&](size_t, int32_t) {
      const std::chrono::duration<double> now = std::chrono::steady_clock::now() - begin;
      if (++seen <= batch) times.prefill = now.count();
      times.decode = now.count() - times.prefill;
      times.decoded = std::max<int64_t>(0, seen - batch);
    }));
    return times;
  };
  times_of(4);
  const Times times = times_of(fresh);
  if (times.decoded == 0) refuse("the model's max_position_embeddings leaves no room to decode");
  std::printf(
      "{\"backend\":\"%s\",\"dtype\":\"%s\",\"graphs\":\"%s\",\"batch\":%lld,\"prompt\":%lld,\"new\":%lld,"
      "\"prefill_tokens_per_s\":%.6g,\"decode_tokens_per_s\":%.6g}\n",
      options.backend.c_str(), std::string(dtype_name(options.dtype)).c_str(),
      options.backend == "cpu" || std::getenv("BELLE_CUDA_GRAPHS") ? "off" : "on",
      static_cast<long long>(batch), static_cast<long long>(prompt), static_cast<long long>(fresh),
      static_cast<double>(batch * prompt) / times.prefill, static_cast<double>(times.decoded) / times.decode);
  return 0;
}

}  // namespace
}  // namespace belle::bench

int main(int argc, char** argv) { return belle::bench::run(argc, argv); }
