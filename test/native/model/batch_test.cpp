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

TEST("reserve: plans once, grows with the tokens and with training") {
  auto model = make_tiny(tiny_llama());
  const auto forward = model->reserve(16, false), training = model->reserve(16, true);
  const auto smaller = model->reserve(8, false);
  CHECK_OK(forward.status());
  CHECK(training.value() > forward.value());
  CHECK_EQ(smaller.value(), training.value());  // the larger plan is kept
  CHECK_EQ(message_of(model->reserve(0, true)), std::string("cannot plan activations for 0 tokens"));
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
  CHECK_EQ(model::Workspace::planned_bytes(config, INT32_MAX, true), UINT64_MAX);
  auto model = make_tiny(tiny_llama());
  const auto refused = model::Workspace::create(model->state().backend, config, INT32_MAX, true).status();
  CHECK_EQ(static_cast<int>(refused.code()), static_cast<int>(StatusCode::out_of_memory));
  CHECK(refused.message().starts_with(
      "the activations of 2147483647 tokens need 18446744073709551615 bytes ("));
}
