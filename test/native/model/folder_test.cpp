// Checkpoint folders: saving, reloading, and the sentence each damaged one gets.
#include <filesystem>
#include <map>

#include "test/native/backend_name.h"
#include "test/native/model/golden.h"
#include "test/native/model/tiny.h"

using namespace belle;
using namespace belle::test;
namespace fs = std::filesystem;

struct HostTensor {
  std::vector<int64_t> shape;
  std::vector<float> values;
};
using HostTensors = std::map<std::string, HostTensor>;

static HostTensors tensors_of(const model::Model& model) {
  HostTensors out;
  for (const auto& p : model.parameters()) out[p.name] = {p.shape, model.read_parameter(p).take()};
  return out;
}

// A checkpoint folder that nobody's manifest guards.
static std::string write_checkpoint(const model::DecoderConfig& config, const HostTensors& tensors) {
  const std::string folder = temporary_folder();
  std::vector<io::TensorToWrite> list;
  for (const auto& [name, tensor] : tensors) {
    list.push_back({name, DType::f32, tensor.shape, [&values = tensor.values](const auto& sink) {
                      return sink(values.data(), values.size() * sizeof(float));
                    }});
  }
  CHECK_OK(io::write_safetensors_folder(folder, list, 1ull << 30).status());
  const Json json = model::write_decoder_config(config, Json(), "float32");
  CHECK_OK(io::write_file(folder + "/config.json", json.dump(2)).status());
  return folder;
}

static void check_same(const model::Model& a, const model::Model& b) {
  CHECK_EQ(a.parameters().size(), b.parameters().size());
  for (size_t i = 0; i < a.parameters().size(); ++i) {
    CHECK_EQ(a.parameters()[i].name, b.parameters()[i].name);
    CHECK(same_bits(a.read_parameter(a.parameters()[i]).take(), b.read_parameter(b.parameters()[i]).take()));
  }
}

static void check_refused(const std::string& folder, StatusCode code, const std::string& message) {
  const auto loaded = model::Model::load(folder, {.backend = test::backend_name(), .threads = 1});
  CHECK_EQ(static_cast<int>(loaded.status().code()), static_cast<int>(code));
  CHECK_EQ(message_of(loaded), message);
}

TEST("folder: golden models save and reload bit for bit, in one file and in shards") {
  for_each_golden([](Golden& g) {
    for (const uint64_t shard : {uint64_t{5} << 30, uint64_t{100000}}) {
      const std::string folder = temporary_folder() + "/saved";
      CHECK_OK(g.model->save(folder, {.max_shard_bytes = shard}));
      CHECK_EQ(fs::exists(folder + "/model.safetensors.index.json"), shard == 100000);
      CHECK(fs::exists(folder + "/MANIFEST.json"));
      const auto again = load_model(folder);
      check_same(*g.model, *again);
      const auto before = io::read_json_file(g.folder + "/config.json");
      const auto after = io::read_json_file(folder + "/config.json");
      CHECK_EQ(after.value().dump(), before.value().dump());
      const auto generation = io::read_json_file(folder + "/generation_config.json");
      CHECK_EQ(generation.value().dump(),
               io::read_json_file(g.folder + "/generation_config.json").take().dump());
    }
  });
}

TEST("folder: bfloat16 rounds each weight to nearest even, once") {
  for_each_golden([](Golden& g) {
    const std::string folder = temporary_folder() + "/saved";
    CHECK_OK(g.model->save(folder, {.dtype = DType::bf16}));
    const auto again = load_model(folder);
    for (size_t i = 0; i < g.model->parameters().size(); ++i) {
      auto expected = g.model->read_parameter(g.model->parameters()[i]).take();
      for (float& value : expected) value = bf16_to_f32(f32_to_bf16(value));
      CHECK(same_bits(expected, again->read_parameter(again->parameters()[i]).take()));
    }
    const auto config = io::read_json_file(folder + "/config.json");
    CHECK_EQ(*config.value().find("dtype")->string(), std::string("bfloat16"));
    const std::string twice = temporary_folder() + "/twice";
    CHECK_OK(again->save(twice, {.dtype = DType::bf16}));
    check_same(*again, *load_model(twice));
  });
}

TEST("folder: a model made from a config saves a folder that loads, extra files included") {
  for (const auto& config : {tiny_llama(), tiny_llama(true), tiny_bloom()}) {
    auto model = make_tiny(config);
    CHECK_OK(model->resize_vocabulary({.rows = config.vocab_size + 3, .init = model::RowInit::normal}));
    const std::string parent = temporary_folder();
    CHECK_OK(io::write_file(parent + "/tokenizer.model", "pieces").status());
    CHECK_OK(model->save(parent + "/saved", {.extra_files = {parent + "/tokenizer.model"}}));
    const auto again = load_model(parent + "/saved");
    CHECK_EQ(again->config().vocab_size, config.vocab_size + 3);
    check_same(*model, *again);
    CHECK_EQ(io::read_file(parent + "/saved/tokenizer.model", 100).take(), std::string("pieces"));
  }
}

TEST("folder: what cannot be saved") {
  auto model = make_tiny(tiny_llama());
  const std::string parent = temporary_folder();
  CHECK_EQ(message_of(model->save(parent + "/a", {.dtype = DType::f16})),
           std::string("cannot save weights as float16; choose float32 or bfloat16"));
  CHECK_EQ(message_of(model->save(parent + "/a", {.extra_files = {"/x/config.json"}})),
           std::string(
               "/x/config.json: the folder already gets a file named config.json; leave it out of the extra "
               "files"));
  CHECK(!fs::exists(parent + "/a"));
  CHECK(fs::is_empty(parent));  // no temporary folder stays behind
}

TEST("folder: a flipped bit in a saved folder is found") {
  auto model = make_tiny(tiny_llama());
  const std::string folder = temporary_folder() + "/saved";
  CHECK_OK(model->save(folder, {}));
  std::string bytes = io::read_file(folder + "/model.safetensors", 1 << 20).take();
  bytes[bytes.size() / 2] ^= 1;
  CHECK_OK(io::write_file(folder + "/model.safetensors", bytes).status());
  const auto loaded = model::Model::load(folder, {.backend = test::backend_name(), .threads = 1});
  CHECK_EQ(static_cast<int>(loaded.status().code()), static_cast<int>(StatusCode::invalid_data));
  CHECK(message_of(loaded).find("model.safetensors") != std::string::npos);
}

TEST("folder: BLOOM weights with and without `transformer.`, tied head stored or not") {
  const auto model = make_tiny(tiny_bloom());
  HostTensors bare;
  for (const auto& [name, tensor] : tensors_of(*model))
    bare[name.substr(std::string("transformer.").size())] = tensor;
  bare["lm_head.weight"] = bare["word_embeddings.weight"];
  check_same(*model, *load_model(write_checkpoint(tiny_bloom(), bare)));
  check_same(*model, *load_model(write_checkpoint(tiny_bloom(), tensors_of(*model))));
}

TEST("folder: legacy rotary_emb.inv_freq is ignored") {
  const auto model = make_tiny(tiny_llama());
  HostTensors tensors = tensors_of(*model);
  tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = {{3}, {1, 2, 3}};
  check_same(*model, *load_model(write_checkpoint(tiny_llama(), tensors)));
}

TEST("folder: missing, extra and mis-shaped tensors are named") {
  const auto model = make_tiny(tiny_llama());
  HostTensors tensors = tensors_of(*model);
  tensors.erase("model.layers.1.mlp.up_proj.weight");
  std::string folder = write_checkpoint(tiny_llama(), tensors);
  check_refused(folder, StatusCode::invalid_data,
                "weights in " + folder +
                    ": model.layers.1.mlp.up_proj.weight with shape [40, 24] is missing; the "
                    "checkpoint is incomplete or belongs to another config.json");

  tensors = tensors_of(*model);
  tensors["model.layers.2.input_layernorm.weight"] = {{24}, std::vector<float>(24)};
  folder = write_checkpoint(tiny_llama(), tensors);
  check_refused(folder, StatusCode::invalid_data,
                "weights in " + folder +
                    ": model.layers.2.input_layernorm.weight with shape [24] does not belong to "
                    "the model of config.json; remove it or correct config.json");

  tensors = tensors_of(*model);
  tensors["lm_head.weight"] = {{36, 24}, std::vector<float>(36 * 24)};
  folder = write_checkpoint(tiny_llama(), tensors);
  check_refused(folder, StatusCode::invalid_data,
                "weights in " + folder +
                    ": lm_head.weight has shape [36, 24], but config.json asks for [37, 24]; use "
                    "the config.json that was saved with these weights");
}

TEST("folder: a tied config whose lm_head differs is refused") {
  const auto model = make_tiny(tiny_llama(true));
  HostTensors tensors = tensors_of(*model);
  tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"];
  tensors["lm_head.weight"].values[5] += 1;
  const std::string folder = write_checkpoint(tiny_llama(true), tensors);
  check_refused(folder, StatusCode::invalid_data,
                "weights in " + folder +
                    ": lm_head.weight differs from model.embed_tokens.weight, but config.json says "
                    "tie_word_embeddings; set it to false to keep both");
}

TEST("folder: a config that asks for far more than the files hold allocates nothing") {
  const auto model = make_tiny(tiny_llama());
  auto config = tiny_llama();
  config.hidden_size = 1 << 17;
  config.num_hidden_layers = 4096;
  const std::string folder = write_checkpoint(config, tensors_of(*model));
  check_refused(folder, StatusCode::invalid_data,
                "weights in " + folder +
                    ": model.embed_tokens.weight has shape [37, 24], but config.json asks for [37, "
                    "131072]; use the config.json that was saved with these weights");
}

TEST("folder: unreadable configs name the file") {
  const std::string folder = temporary_folder();
  const auto missing = model::Model::load(folder, {});
  CHECK_EQ(static_cast<int>(missing.status().code()), static_cast<int>(StatusCode::not_found));
  CHECK(message_of(missing).find(folder + "/config.json") != std::string::npos);
  CHECK_OK(io::write_file(folder + "/config.json", R"({"model_type": "gpt2"})").status());
  check_refused(
      folder, StatusCode::unsupported,
      folder +
          "/config.json: model_type is \"gpt2\"; this decoder computes only \"llama\" (LLaMA, LLaMA-2, "
          "Yi) and \"bloom\" (BLOOM, BLOOMZ)");
}

TEST("create: the same seed gives the same bits, another seed others; norms 1, biases 0") {
  for (const auto& config : {tiny_llama(), tiny_bloom()}) {
    const auto make = [&](uint64_t seed, int threads) {
      return model::Model::create(config, seed, {.backend = test::backend_name(), .threads = threads}).take();
    };
    const auto a = make(1, 1), b = make(1, 2), c = make(2, 2);
    check_same(*a, *b);
    double sum = 0, squares = 0, count = 0;
    for (const auto& p : a->parameters()) {
      const auto values = a->read_parameter(p).take();
      if (p.shape.size() == 2) {
        CHECK(!same_bits(values, c->read_parameter(p).take()));
        for (const float v : values) sum += v, squares += static_cast<double>(v) * v, ++count;
      } else {
        CHECK(same_bits(values, std::vector<float>(values.size(), p.name.ends_with(".bias") ? 0.0f : 1.0f)));
      }
    }
    CHECK_NEAR(sum / count, 0, 0.02);
    CHECK_NEAR(std::sqrt(squares / count), 0.3, 0.02);
  }
}

TEST("create: a config with impossible sizes is refused") {
  auto config = tiny_llama();
  config.num_key_value_heads = 3;
  CHECK_EQ(message_of(model::Model::create(config, 1, {})),
           std::string("config.json: num_key_value_heads is 3, which does not divide 4 attention heads"));
}

TEST("load: a path the system refuses is an error that names it") {
  const std::string folder = "/" + std::string(300, 'm');
  const auto refused = model::Model::load(folder, {.backend = test::backend_name(), .threads = 1}).status();
  CHECK_EQ(static_cast<int>(refused.code()), static_cast<int>(StatusCode::io));
  CHECK_EQ(refused.message(), "cannot read " + folder + "/MANIFEST.json: File name too long");
}
