// config.json: both spellings of each key, what is refused, and what is written.
#include "native/model/decoder_config.h"
#include "test/native/model/tiny.h"

using namespace belle;
using namespace belle::test;

static const char* const kLlama = R"({"model_type": "llama", "vocab_size": 32000, "hidden_size": 4096,
  "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32)";
static const char* const kBloom =
    R"({"model_type": "bloom", "vocab_size": 250880, "n_layer": 30, "n_head": 32)";

static Result<model::DecoderConfig> parse(const std::string& text) {
  auto json = parse_json(text);
  CHECK_OK(json.status());
  return model::parse_decoder_config(json.ok() ? json.value() : Json());
}
static model::DecoderConfig parsed(const std::string& text) {
  auto config = parse(text);
  CHECK_OK(config.status());
  return config.ok() ? config.take() : model::DecoderConfig();
}

TEST("config: LLaMA defaults are those of transformers") {
  const auto c = parsed(std::string(kLlama) + "}");
  CHECK(c.family == model::Family::llama);
  CHECK_EQ(c.num_key_value_heads, 32);
  CHECK_EQ(c.head_dim, 128);
  CHECK_EQ(c.max_position_embeddings, 2048);
  CHECK_EQ(c.norm_eps, 1e-6f);
  CHECK_EQ(c.rope_theta, 10000.0f);
  CHECK_EQ(c.initializer_range, 0.02f);
  CHECK(!c.tie_word_embeddings);
  CHECK_EQ(c.bos_token_id, -1);
  CHECK(c.eos_token_ids.empty());
}

TEST("config: rope_theta and rope_parameters are the same key") {
  CHECK_EQ(parsed(std::string(kLlama) + R"(, "rope_theta": 5000000.0})").rope_theta, 5e6f);
  CHECK_EQ(parsed(std::string(kLlama) +
                  R"(, "rope_parameters": {"rope_theta": 5000000.0, "rope_type": "default"}})")
               .rope_theta,
           5e6f);
  CHECK_EQ(parsed(std::string(kLlama) + R"(, "rope_scaling": null, "max_sequence_length": 4096})")
               .max_position_embeddings,
           4096);
}

TEST("config: BLOOM spellings and defaults") {
  for (const char* width : {R"(, "n_embed": 4096})", R"(, "hidden_size": 4096})"}) {
    const auto c = parsed(kBloom + std::string(width));
    CHECK(c.family == model::Family::bloom);
    CHECK_EQ(c.hidden_size, 4096);
    CHECK_EQ(c.intermediate_size, 16384);
    CHECK_EQ(c.num_key_value_heads, 32);
    CHECK_EQ(c.head_dim, 128);
    CHECK_EQ(c.max_position_embeddings, 0);
    CHECK_EQ(c.norm_eps, 1e-5f);
    CHECK(c.tie_word_embeddings);
  }
  CHECK_EQ(parsed(R"({"model_type": "bloom", "vocab_size": 9, "hidden_size": 8, "num_hidden_layers": 1,
                      "num_attention_heads": 2, "eos_token_id": [2, 7], "pad_token_id": 3})")
               .eos_token_ids.size(),
           2u);
}

static void refused(const std::string& text, StatusCode code, const std::string& message) {
  const auto config = parse(text);
  CHECK_EQ(static_cast<int>(config.status().code()), static_cast<int>(code));
  CHECK_EQ(message_of(config), message);
}
static void llama_refused(const std::string& more, StatusCode code, const std::string& message) {
  refused(std::string(kLlama) + ", " + more + "}", code, message);
}

TEST("config: what would be computed differently is refused by its key") {
  const auto unsupported = StatusCode::unsupported;
  const std::string only = "; this decoder computes only ";
  refused(R"({"model_type": "qwen2"})", unsupported,
          "config.json: model_type is \"qwen2\"" + only +
              "\"llama\" (LLaMA, LLaMA-2, Yi) and \"bloom\" (BLOOM, BLOOMZ)");
  llama_refused(R"("rope_scaling": {"type": "linear", "factor": 2.0})", unsupported,
                "config.json: rope_scaling.type is \"linear\"" + only + "unscaled RoPE (\"default\")");
  llama_refused(R"("rope_scaling": {"factor": 2.0})", unsupported,
                "config.json: rope_scaling.factor is 2.0" + only + "unscaled RoPE");
  llama_refused(R"("rope_parameters": {"rope_type": "yarn", "rope_theta": 10000.0})", unsupported,
                "config.json: rope_parameters.rope_type is \"yarn\"" + only + "unscaled RoPE (\"default\")");
  llama_refused(R"("partial_rotary_factor": 0.5)", unsupported,
                "config.json: partial_rotary_factor is 0.5" + only + "RoPE over the whole head (1.0)");
  llama_refused(R"("hidden_act": "gelu")", unsupported,
                "config.json: hidden_act is \"gelu\"" + only + "\"silu\"");
  llama_refused(R"("attention_bias": true)", unsupported,
                "config.json: attention_bias is true" + only + "LLaMA projections without bias (false)");
  llama_refused(R"("mlp_bias": true)", unsupported,
                "config.json: mlp_bias is true" + only + "LLaMA projections without bias (false)");
  llama_refused(R"("attention_dropout": 0.1)", unsupported,
                "config.json: attention_dropout is 0.1" + only + "dropout 0; set it to 0");
  llama_refused(
      R"("quantization_config": {"bits": 4})", unsupported,
      "config.json: quantization_config is set" + only + "unquantized weights; convert the checkpoint first");
  refused(std::string(kBloom) + R"(, "n_embed": 4096, "apply_residual_connection_post_layernorm": true})",
          unsupported,
          "config.json: apply_residual_connection_post_layernorm is true" + only +
              "the residual before the norm (false)");
  refused(std::string(kBloom) + R"(, "n_embed": 4096, "hidden_dropout": 0.1})", unsupported,
          "config.json: hidden_dropout is 0.1" + only + "dropout 0; set it to 0");
  refused(std::string(kBloom) + R"(, "n_embed": 4096, "n_inner": 8192})", unsupported,
          "config.json: n_inner is 8192" + only + "4 x hidden_size, as transformers does");
}

TEST("config: missing, absurd and contradictory values") {
  const auto invalid = StatusCode::invalid_data;
  refused("[]", invalid, "config.json: expected an object at the top level");
  refused("{}", invalid, "config.json: model_type is missing; expected \"llama\" or \"bloom\"");
  refused(R"({"model_type": "llama"})", invalid,
          "config.json: vocab_size is missing; add it, as the model's publisher gives it");
  refused(R"({"model_type": "llama", "vocab_size": -5})", invalid,
          "config.json: vocab_size is -5; expected an integer from 1 to 16777216");
  refused(R"({"model_type": "llama", "vocab_size": "many"})", invalid,
          "config.json: vocab_size is \"many\"; expected an integer from 1 to 16777216");
  llama_refused(
      R"("n_layer": 31)", invalid,
      "config.json: n_layer is 31 but num_hidden_layers is 32; they are two spellings of one key, remove the "
      "wrong one");
  llama_refused(R"("rope_theta": 10000.0, "rope_parameters": {"rope_theta": 5000000.0})", invalid,
                "config.json: rope_theta is 10000.0 but rope_parameters.rope_theta is 5e+06; they are "
                "two spellings "
                "of one key, remove the wrong one");
  llama_refused(R"("num_key_value_heads": 5)", invalid,
                "config.json: num_key_value_heads is 5, which does not divide 32 attention heads");
  llama_refused(R"("num_key_value_heads": 64)", invalid,
                "config.json: num_key_value_heads is 64; expected an integer from 1 to 32");
  llama_refused(R"("head_dim": 7)", invalid,
                "config.json: head_dim is 7; RoPE rotates pairs, so it must be even");
  llama_refused(R"("rms_norm_eps": 0)", invalid,
                "config.json: rms_norm_eps is 0; expected a finite number above 0");
  llama_refused(R"("rms_norm_eps": "x")", invalid, "config.json: rms_norm_eps is \"x\"; expected a number");
  llama_refused(R"("tie_word_embeddings": 1)", invalid,
                "config.json: tie_word_embeddings is 1; expected true or false");
  llama_refused(R"("eos_token_id": ["</s>"])", invalid,
                "config.json: eos_token_id holds \"</s>\"; expected token ids");
  llama_refused(R"("bos_token_id": "<s>")", invalid,
                "config.json: bos_token_id is \"<s>\"; expected a token id or null");
  llama_refused(R"("rope_parameters": 3)", invalid,
                "config.json: rope_parameters is 3; expected an object or null");
  refused(std::string(kBloom) + R"(, "n_embed": 4097})", invalid,
          "config.json: hidden_size is 4097, not a multiple of 32 attention heads");
}

TEST("config: writing keeps the keys we do not use and updates the ones we own") {
  const auto original =
      parse_json(std::string(kLlama) + R"(, "transformers_version": "4.28.1", "torch_dtype": "float16",
      "architectures": ["LLaMAForCausalLM"]})");
  auto config = model::parse_decoder_config(original.value());
  config.value().vocab_size = 32037;
  const Json out = model::write_decoder_config(config.value(), original.value(), "bfloat16");
  CHECK_EQ(*out.find("vocab_size")->integer(), 32037);
  CHECK_EQ(*out.find("torch_dtype")->string(), std::string("bfloat16"));
  CHECK(out.find("dtype") == nullptr);
  CHECK_EQ(*out.find("transformers_version")->string(), std::string("4.28.1"));
  CHECK_EQ(*(*out.find("architectures")->array())[0].string(), std::string("LLaMAForCausalLM"));
}

TEST("config: a config made in code reads back the same") {
  for (const auto& config : {tiny_llama(), tiny_llama(true), tiny_bloom()}) {
    const Json written = model::write_decoder_config(config, Json(), "float32");
    const auto back = parsed(written.dump());
    CHECK(back.family == config.family);
    CHECK_EQ(back.vocab_size, config.vocab_size);
    CHECK_EQ(back.hidden_size, config.hidden_size);
    CHECK_EQ(back.intermediate_size, config.intermediate_size);
    CHECK_EQ(back.num_hidden_layers, config.num_hidden_layers);
    CHECK_EQ(back.num_attention_heads, config.num_attention_heads);
    CHECK_EQ(back.num_key_value_heads, config.num_key_value_heads);
    CHECK_EQ(back.head_dim, config.head_dim);
    CHECK_EQ(back.max_position_embeddings, config.max_position_embeddings);
    CHECK_EQ(back.norm_eps, config.norm_eps);
    CHECK_EQ(back.rope_theta, config.rope_theta);
    CHECK_EQ(back.initializer_range, config.initializer_range);
    CHECK_EQ(back.tie_word_embeddings, config.tie_word_embeddings);
    CHECK_EQ(back.bos_token_id, config.bos_token_id);
    CHECK_EQ(back.pad_token_id, config.pad_token_id);
    CHECK(back.eos_token_ids == config.eos_token_ids);
  }
  const Json written = model::write_decoder_config(tiny_llama(), Json(), "float32");
  CHECK(written.dump().find("\"rms_norm_eps\":1e-06") != std::string::npos);
}
