// What a batch may hold, and the sentence each bad one gets.
#include "native/model/state.h"
#include "test/native/model/tiny.h"

using namespace belle;
using namespace belle::test;

static void check_refused(const TinyBatch& batch, const std::string& message,
                          model::ForwardRequest request = {}) {
  static auto model = make_tiny(tiny_llama());
  const auto result = model->forward(batch, request);
  CHECK_EQ(static_cast<int>(result.status().code()), static_cast<int>(StatusCode::invalid_argument));
  CHECK_EQ(message_of(result), message);
}

TEST("batch: an id outside the vocabulary") {
  const char* mend =
      ", outside the vocabulary of 37 rows; encode with this model's tokenizer or resize the vocabulary";
  check_refused({{1, 37}, {0, 2}, {}}, std::string("input_ids[1] is 37") + mend);
  check_refused({{-1, 3}, {0, 2}, {}}, std::string("input_ids[0] is -1") + mend);
  check_refused({{}, {0, 0}, {}}, "input_ids is empty; a batch needs at least one token");
}

TEST("batch: bad cu_seqlens") {
  check_refused({{1, 2}, {}, {}}, "cu_seqlens has 0 entries; expected documents + 1");
  check_refused({{1, 2}, {0}, {}}, "cu_seqlens has 1 entries; expected documents + 1");
  check_refused({{1, 2}, {1, 2}, {}}, "cu_seqlens[0] is 1; it must start at 0");
  const char* rise = "; it must rise, every document holding at least one token";
  check_refused({{1, 2}, {0, 2, 1}, {}}, std::string("cu_seqlens[2] is 1 after 2") + rise);
  check_refused({{1, 2}, {0, 0, 2}, {}}, std::string("cu_seqlens[1] is 0 after 0") + rise);
  check_refused({{1, 2}, {0, 3}, {}},
                "cu_seqlens[1] is 3, but input_ids holds 2 tokens; the last entry must be their number");
}

TEST("batch: a document longer than the positions of RoPE") {
  TinyBatch batch = tiny_batch(37, {3, 33});
  check_refused(batch, "document 1 has 33 tokens, but max_position_embeddings is 32; cut it shorter");
  auto bloom = make_tiny(tiny_bloom());  // ALiBi has no such limit
  CHECK_OK(bloom->forward(tiny_batch(41, {3, 33}), {}).status());
}

TEST("batch: bad labels") {
  check_refused({{1, 2}, {0, 2}, {1, 37}}, "labels[1] is 37; expected -100 or an id below 37");
  check_refused({{1, 2}, {0, 2}, {-1, 2}}, "labels[0] is -1; expected -100 or an id below 37");
  check_refused({{1, 2}, {0, 2}, {1}},
                "labels holds 1 entries, but input_ids holds 2 tokens; give one label a token, unshifted");
  check_refused({{1, 2}, {0, 2}, {}},
                "a gradient needs labels, but none were given; -100 marks tokens without supervision",
                {.gradients = true});
}

TEST("batch: the first token of a document is never a target") {
  auto model = make_tiny(tiny_llama());
  const TinyBatch batch{{5, 6, 7, 8}, {0, 2, 4}, {5, 6, 7, 8}};
  const auto result = model->forward(batch, {});
  CHECK_OK(result.status());
  CHECK_EQ(result.value().supervised_tokens, 2);
  TinyBatch other = batch;
  other.labels[0] = other.labels[2] = 30;  // first tokens: no effect
  const auto changed = model->forward(other, {});
  CHECK_OK(changed.status());
  CHECK_EQ(changed.value().loss_sum, result.value().loss_sum);
}

TEST("likelihood: empty and foreign sequences are named") {
  auto model = make_tiny(tiny_llama());
  const std::vector<std::vector<int32_t>> empty{{1}, {}};
  CHECK_EQ(message_of(model->log_likelihood(empty)),
           std::string("sequence 1 is empty; a likelihood needs at least one token"));
  const std::vector<std::vector<int32_t>> foreign{{1, 99}};
  CHECK_EQ(message_of(model->log_likelihood(foreign)),
           std::string(
               "sequence 0: input_ids[1] is 99, outside the vocabulary of 37 rows; encode with this model's "
               "tokenizer or resize the vocabulary"));
  const std::vector<std::vector<int32_t>> single{{1}};
  const auto alone = model->log_likelihood(single), none = model->log_likelihood({});
  CHECK_EQ(alone.value()[0], 0.0);
  CHECK_EQ(none.value().size(), 0u);
}

TEST("reserve: plans what was asked; a pass that fits keeps it, a larger one plans another") {
  auto model = make_tiny(tiny_llama());
  const auto reserved = [&](const model::WorkspaceSpec& spec) {
    CHECK_OK(model->reserve(spec));
    CHECK_EQ(model->state().workspace->bytes(),
             model::Workspace::plan(model->config(), model->dtype(), spec,
                                    backend::logit_room(model->backend().name))
                 .total());
    return model->state().workspace->bytes();
  };
  const uint64_t forward = reserved({.tokens = 32}), training = reserved({.tokens = 32, .training = true});
  CHECK(training > forward);
  CHECK_OK(model->forward(tiny_batch(37), {}).status());  // 19 tokens
  CHECK_EQ(model->state().workspace->bytes(), training);
  const uint64_t layer = reserved({.tokens = 16, .training = true, .recompute = model::Recompute::layer});
  CHECK_OK(model->forward(tiny_batch(37), {.gradients = true}).status());
  const model::WorkspaceSpec grown = model->state().workspace->spec();
  CHECK(grown.tokens == 19 && grown.training && grown.recompute == model::Recompute::layer);
  CHECK(model->state().workspace->bytes() > layer);
  CHECK_EQ(message_of(model->reserve({})), std::string("cannot plan activations for 0 tokens"));
}

TEST("workspace: each level of recomputation keeps less than the one before") {
  for (const auto& config : {tiny_llama(), tiny_bloom()}) {
    const auto plan = [&](model::Recompute level, bool train_layers) {
      return model::Workspace::plan(
          config, DType::f32,
          {.tokens = 64, .training = true, .train_layers = train_layers, .recompute = level}, {});
    };
    using model::Recompute;
    const auto none = plan(Recompute::none, true), selective = plan(Recompute::selective, true),
               layer = plan(Recompute::layer, true);
    const int64_t per_layer = 64 * (2 * config.hidden_size + config.intermediate_size) * 4;
    CHECK_EQ(none.saved - selective.saved, static_cast<uint64_t>(config.num_hidden_layers * per_layer));
    CHECK(layer.saved < selective.saved);
    CHECK_EQ(none.logits, layer.logits);
    // Frozen layers keep no matrix's input.
    CHECK_EQ(plan(Recompute::none, false).saved, selective.saved);
    CHECK(plan(Recompute::layer, false).total() < layer.total());
  }
}

TEST("workspace: rows of logits fill 54 MiB, whatever the batch") {
  const auto rows = [](int64_t vocabulary, DType dtype, int64_t tokens) {
    model::DecoderConfig config = tiny_llama();
    config.vocab_size = vocabulary;
    const uint64_t bytes = model::Workspace::plan(config, dtype, {.tokens = tokens}, {}).logits;
    return static_cast<int64_t>(bytes / dtype_size(dtype)) / vocabulary;
  };
  CHECK_EQ(rows(32000, DType::f32, 4096), 432);
  CHECK_EQ(rows(32000, DType::bf16, 4096), 880);
  CHECK_EQ(rows(79458, DType::bf16, 4096), 352);
  CHECK_EQ(rows(250880, DType::bf16, 4096), 112);
  CHECK_EQ(rows(250880, DType::bf16, 20), 32);
  CHECK_EQ(rows(1 << 24, DType::f32, 4096), 16);
}

TEST("workspace: a GPU has room for thousands of rows of logits") {
  const backend::LogitRoom cuda = backend::logit_room("cuda");
  CHECK_EQ(backend::logit_rows(79458, 2, cuda), int64_t{4096});
  CHECK_EQ(backend::logit_rows(250880, 2, cuda), int64_t{2128});
  CHECK_EQ(backend::logit_rows(79458, 2, backend::logit_room("cpu")), int64_t{352});
  model::DecoderConfig config = tiny_llama();
  config.vocab_size = 79458;  // rows are whole 16 bytes
  CHECK_EQ(model::Workspace::plan(config, DType::bf16, {.tokens = 8192}, cuda).logits,
           uint64_t{4096} * 79464 * 2);
}

TEST("write_parameter: refuses a wrong count") {
  auto model = make_tiny(tiny_llama());
  CHECK_EQ(
      message_of(model->write_parameter(model->parameters()[1], std::vector<float>(3))),
      std::string(
          "model.layers.0.input_layernorm.weight with shape [24] has 24 elements, but 3 values were given"));
}

TEST("workspace: a plan past 64 bits is refused, not wrapped") {
  model::DecoderConfig config = tiny_llama();
  config.intermediate_size = 1 << 20;
  config.num_hidden_layers = 4096;
  CHECK_OK(model::check_decoder_config(config));
  const model::WorkspaceSpec spec{.tokens = INT32_MAX, .training = true};
  CHECK_EQ(model::Workspace::plan(config, DType::f32, spec, {}).total(), UINT64_MAX);
  auto model = make_tiny(tiny_llama());
  const auto refused = model::Workspace::create(model->state().backend, config, DType::f32, spec).status();
  CHECK_EQ(static_cast<int>(refused.code()), static_cast<int>(StatusCode::out_of_memory));
  CHECK(refused.message().starts_with(
      "the activations of 2147483647 tokens need 18446744073709551615 bytes ("));
}
