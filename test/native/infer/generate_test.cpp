// Generation against transformers' greedy tokens, and the independence of a sequence from its batch.
#include "native/infer/generator.h"
#include "native/model/state.h"
#include "test/native/model/golden.h"
#include "test/native/model/tiny.h"

using namespace belle;
using namespace belle::test;
using Lists = std::vector<std::vector<int32_t>>;

static Result<Lists> run(model::Model& model, const Lists& prompts, const infer::GenerateRequest& request,
                         const infer::TokenCallback& on_token = {}) {
  static const std::atomic<bool> never{false};
  return infer::generate(model, prompts, request, never, on_token);
}

TEST("generate: 40 greedy tokens as transformers") {
  for_each_golden([](Golden& g) {
    const auto prompts = g.lists({"generate", "prompts"}), expected = g.lists({"generate", "greedy"});
    const auto together = run(*g.model, prompts, {.max_new_tokens = 40});
    CHECK_OK(together.status());
    CHECK(together.value() == expected);
    for (size_t i = 0; i < prompts.size(); ++i) {
      const auto alone = run(*g.model, {prompts[i]}, {.max_new_tokens = 40});
      CHECK_OK(alone.status());
      CHECK(alone.value()[0] == expected[i]);
    }
  });
}

static Lists many_prompts(int64_t vocabulary, size_t count) {
  Lists prompts;
  const Philox random(5, RngStream::test);
  for (size_t i = 0; i < count; ++i) {
    prompts.emplace_back();
    for (size_t j = 0; j <= i % 7; ++j) {
      prompts.back().push_back(
          static_cast<int32_t>(random.block(100 * i + j)[0] % static_cast<uint64_t>(vocabulary)));
    }
  }
  return prompts;
}

// More prompts than slots, so that slots are refilled and moved; sampled, so that a wrong draw shows.
static void check_independence(const model::DecoderConfig& config, DType dtype = DType::f32) {
  auto model = make_tiny(config, 7, dtype);
  const Lists prompts = many_prompts(config.vocab_size, 150);
  infer::GenerateRequest request{.max_new_tokens = 12,
                                 .temperature = 2.0,
                                 .top_k = 20,
                                 .top_p = 0.95,
                                 .repetition_penalty = 1.1,
                                 .seed = 9,
                                 .stop = {2, 5, 11}};
  const auto all = run(*model, prompts, request);
  CHECK_OK(all.status());
  size_t stopped = 0;
  for (const auto& tokens : all.value()) {
    stopped += tokens.size() < 12;
    for (const int32_t token : tokens) CHECK(token != 2 && token != 5 && token != 11);
  }
  CHECK(stopped > 20);  // slots were left at different times
  CHECK(stopped < 150);
  // The first 40 alone: other batches, other slots, the same tokens.
  const auto fewer = run(*model, Lists(prompts.begin(), prompts.begin() + 40), request);
  CHECK_OK(fewer.status());
  for (size_t i = 0; i < 40; ++i) CHECK(fewer.value()[i] == all.value()[i]);
  request.seed = 10;
  const auto other = run(*model, prompts, request);
  CHECK(other.value() != all.value());
}

TEST("generate: a LLaMA sequence does not depend on its batch") { check_independence(tiny_llama()); }
TEST("generate: a BLOOM sequence does not depend on its batch") { check_independence(tiny_bloom()); }
TEST("generate: nor does one in bfloat16") {
  check_independence(tiny_llama(), DType::bf16);
  check_independence(tiny_bloom(), DType::bf16);
}

TEST("generate: in bfloat16 each token's logit is the largest of a whole pass, to rounding") {
  for_each_golden(
      [](Golden& g) {
        const auto prompts = g.lists({"generate", "prompts"});
        const auto chosen = run(*g.model, prompts, {.max_new_tokens = 12});
        CHECK_OK(chosen.status());
        const auto vocab = static_cast<size_t>(g.model->config().vocab_size);
        for (size_t i = 0; i < prompts.size(); ++i) {
          std::vector<int32_t> ids = prompts[i];
          ids.insert(ids.end(), chosen.value()[i].begin(), chosen.value()[i].end());
          const int32_t bounds[] = {0, static_cast<int32_t>(ids.size())};
          const auto whole = g.model->forward({ids, bounds, {}}, {.logits = true});
          CHECK_OK(whole.status());
          for (size_t t = prompts[i].size(); t < ids.size(); ++t) {
            const auto row = std::span(whole.value().logits).subspan((t - 1) * vocab, vocab);
            const float best = *std::max_element(row.begin(), row.end());
            CHECK_NEAR(static_cast<double>(row[static_cast<size_t>(ids[t])]), static_cast<double>(best),
                       0.02 * std::fabs(static_cast<double>(best)));
          }
        }
      },
      DType::bf16);
}

TEST("generate: greedy decoding with the cache agrees with whole forward passes") {
  for (const auto& config : {tiny_llama(), tiny_bloom()}) {
    auto model = make_tiny(config);
    std::vector<int32_t> ids{4, 9, 20};
    const auto cached = run(*model, {ids}, {.max_new_tokens = 20});
    CHECK_OK(cached.status());
    const auto vocab = static_cast<size_t>(config.vocab_size);
    for (const int32_t token : cached.value()[0]) {
      const int32_t bounds[] = {0, static_cast<int32_t>(ids.size())};
      const auto whole = model->forward({ids, bounds, {}}, {.logits = true});
      CHECK_OK(whole.status());
      const auto last = std::span(whole.value().logits).last(vocab);
      CHECK_EQ(std::max_element(last.begin(), last.end()) - last.begin(), token);
      ids.push_back(token);
    }
    CHECK_EQ(ids.size(), 23u);
  }
}

TEST("generate: the callback sees every returned token, in order") {
  auto model = make_tiny(tiny_llama());
  const Lists prompts = many_prompts(37, 5);
  Lists seen(5);
  const auto result = run(*model, prompts, {.max_new_tokens = 6, .stop = {5}},
                          [&](size_t prompt, int32_t token) { seen[prompt].push_back(token); });
  CHECK_OK(result.status());
  CHECK(seen == result.value());
}

TEST("generate: ends at max_position_embeddings") {
  auto model = make_tiny(tiny_llama());  // 32 positions
  const auto result =
      run(*model, {std::vector<int32_t>(30, 3), std::vector<int32_t>(32, 3)}, {.max_new_tokens = 50});
  CHECK_OK(result.status());
  CHECK_EQ(result.value()[0].size(), 3u);
  CHECK_EQ(result.value()[1].size(), 1u);
}

TEST("generate: samples only ids below `vocabulary`") {
  auto model = make_tiny(tiny_bloom());
  const auto result =
      run(*model, many_prompts(41, 20), {.max_new_tokens = 20, .temperature = 5.0, .vocabulary = 10});
  CHECK_OK(result.status());
  for (const auto& tokens : result.value()) {
    for (const int32_t token : tokens) CHECK(token < 10);
  }
}

// How often a backend's decoding attention is called while this lives: once a layer where steps are run op by
// op, or recorded.
class DecodeCalls {
 public:
  explicit DecodeCalls(model::Model& model) : backend_(*model.state().backend) {
    calls = 0;
    original = backend_.attention_decode;
    backend_.attention_decode = [](void* context, const belle_attention_decode_args* args) {
      ++calls;
      return original(context, args);
    };
  }
  ~DecodeCalls() { backend_.attention_decode = original; }
  DecodeCalls(const DecodeCalls&) = delete;
  DecodeCalls& operator=(const DecodeCalls&) = delete;
  static inline int64_t calls = 0;

 private:
  static inline decltype(belle_backend::attention_decode) original = nullptr;
  belle_backend& backend_;
};

// The same tokens with steps recorded and without; `recorded`: how many are called when they are.
static void check_recorded(const model::DecoderConfig& config, const Lists& prompts,
                           const infer::GenerateRequest& request, int64_t steps, int64_t recorded) {
  const auto tokens = [&](int64_t expected) {
    auto model = make_tiny(config, 7, DType::bf16);
    const DecodeCalls counted(*model);
    auto result = run(*model, prompts, request);
    CHECK_OK(result.status());
    // One more step where the first one's scratch memory is new to the device.
    const int64_t more = DecodeCalls::calls - expected * config.num_hidden_layers;
    CHECK(more == 0 || (expected < steps && more == config.num_hidden_layers));
    return result.take();
  };
  const Lists together = tokens(backend_name() == std::string("cpu") ? steps : recorded);
  setenv("BELLE_CUDA_GRAPHS", "off", 1);
  CHECK(tokens(steps) == together);
  unsetenv("BELLE_CUDA_GRAPHS");
}

TEST("generate: recorded steps, greedy, past the length that a step was laid out for") {
  // Steps at positions 3 to 132: laid out for 128, then for all of the cache.
  check_recorded(tiny_bloom(), {{4, 9, 20}}, {.max_new_tokens = 131}, 130, 6);
}
TEST("generate: recorded steps, sampled, between prompts that are read") {
  // 64 at a time: the steps of the second 64 are those of the first.
  check_recorded(tiny_llama(), many_prompts(37, 128), {.max_new_tokens = 4, .temperature = 1.0, .seed = 3}, 6,
                 3);
}
TEST("generate: recorded steps of sequences that end one after the other") {
  // The first has room for five tokens; the last takes its place.
  check_recorded(tiny_llama(), {std::vector<int32_t>(28, 3), {1}, {1, 2, 3, 4}}, {.max_new_tokens = 12}, 11,
                 6);
}

TEST("generate: nothing to do") {
  auto model = make_tiny(tiny_llama());
  const auto none = run(*model, {}, {});
  CHECK_EQ(none.value().size(), 0u);
  const auto zero = run(*model, {{1}, {2}}, {.max_new_tokens = 0});
  CHECK(zero.value() == Lists(2));
}

TEST("generate: the stop flag aborts") {
  auto model = make_tiny(tiny_llama());
  std::atomic<bool> stop{false};
  size_t tokens = 0;
  const Lists prompts{{1}};
  const auto result = infer::generate(*model, prompts, {.max_new_tokens = 30}, stop, [&](size_t, int32_t) {
    if (++tokens == 3) stop = true;
  });
  CHECK_EQ(static_cast<int>(result.status().code()), static_cast<int>(StatusCode::aborted));
  CHECK_EQ(message_of(result), std::string("generation was stopped"));
  CHECK_EQ(tokens, 3u);
}

static void check_refused(const Lists& prompts, const infer::GenerateRequest& request,
                          const std::string& message) {
  static auto model = make_tiny(tiny_llama());
  const auto result = run(*model, prompts, request);
  CHECK_EQ(static_cast<int>(result.status().code()), static_cast<int>(StatusCode::invalid_argument));
  CHECK_EQ(message_of(result), message);
}

TEST("generate: bad prompts and options are named") {
  check_refused({{1}, {}}, {}, "prompt 1 is empty; start it with the bos token");
  check_refused({{1, 50}}, {},
                "prompt 0: input_ids[1] is 50, outside the vocabulary of 37 rows; encode with this model's "
                "tokenizer or "
                "resize the vocabulary");
  check_refused({std::vector<int32_t>(33, 1)}, {},
                "prompt 0: document 0 has 33 tokens, but max_position_embeddings is 32; cut it shorter");
  check_refused({{1}}, {.max_new_tokens = -1}, "max_new_tokens is -1; expected 0 to 16777216");
  check_refused({{1}}, {.temperature = -1},
                "temperature is -1.000000; expected 0 (greedy) or a finite number above");
  check_refused({{1}}, {.top_k = -2}, "top_k is -2; expected 0 (off) or more");
  check_refused({{1}}, {.top_p = 0}, "top_p is 0.000000; expected above 0, up to 1");
  check_refused({{1}}, {.repetition_penalty = 0},
                "repetition_penalty is 0.000000; expected a finite number above 0 (1 = off)");
  check_refused({{1}}, {.vocabulary = 38}, "vocabulary is 38; expected 0 (all) to the model's 37 rows");
}

TEST("generate: a NaN in the weights is an error, not a token") {
  auto model = make_tiny(tiny_llama());
  const auto& norm = model->parameters()[1];
  CHECK_OK(model->write_parameter(norm, std::vector<float>(24, NAN)));
  const auto result = run(*model, {{1}}, {});
  CHECK_EQ(static_cast<int>(result.status().code()), static_cast<int>(StatusCode::numeric));
  CHECK_EQ(message_of(result),
           std::string("prompt 0: the logit of token 0 is not a number; the weights are damaged or "
                       "training diverged"));
}
