// Adapter folders: what is written, read back, and refused.
#include <filesystem>
#include <fstream>

#include "native/model/state.h"
#include "test/native/backend_name.h"
#include "test/native/model/golden.h"
#include "test/native/model/tiny.h"

using namespace belle;
using namespace belle::test;
namespace fs = std::filesystem;

namespace {

std::unique_ptr<model::Model> tiny(const model::DecoderConfig& config, DType dtype) {
  auto made =
      model::Model::create(config, 7, {.backend = test::backend_name(), .threads = 1, .dtype = dtype});
  CHECK_OK(made.status());
  return made.take();
}

void fill(model::Model& model, const model::ParameterRange& range) {
  const Philox random(23, RngStream::test);
  for (const model::Parameter& p : model.parameters()) {
    if (!range.contains(p.offset)) continue;
    std::vector<float> values(static_cast<size_t>(p.elements));
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<float>(0.1 * random.normal(i, static_cast<uint32_t>(p.offset)));
    }
    CHECK_OK(model.write_parameter(p, values));
  }
}

void check_same(const model::Model& a, const model::Model& b) {
  CHECK_EQ(a.parameters().size(), b.parameters().size());
  for (size_t i = 0; i < a.parameters().size(); ++i) {
    CHECK_EQ(a.parameters()[i].name, b.parameters()[i].name);
    CHECK(same_bits(a.read_parameter(a.parameters()[i]).take(), b.read_parameter(b.parameters()[i]).take()));
  }
}

std::string read(const std::string& path) {
  auto text = io::read_file(path, 1u << 26);
  CHECK_OK(text.status());
  return text.ok() ? text.take() : "";
}

}  // namespace

TEST("adapter folder: saved and loaded again has the same bits, in both dtypes and families") {
  for (const auto& config : {tiny_llama(), tiny_llama(true), tiny_bloom()}) {
    for (const DType dtype : {DType::f32, DType::bf16}) {
      for (const bool embeddings : {false, true}) {
        const bool bloom = config.family == model::Family::bloom;
        model::LoraConfig lora{.r = 3, .alpha = 4.5, .target_modules = {"all-linear"}, .seed = 3};
        if (embeddings) lora.modules_to_save = {bloom ? "word_embeddings" : "embed_tokens", "lm_head"};
        lora.rank_pattern = {{bloom ? "dense" : "self_attn.o_proj", 5}};
        lora.alpha_pattern = {{bloom ? "h.1.mlp.dense_h_to_4h" : "up_proj", 2.25}};
        auto model = tiny(config, dtype);
        CHECK_OK(model->add_lora(lora));
        fill(*model, model->state().map.adapter_range());
        const std::string folder = temporary_folder() + "/adapter";
        CHECK_OK(model->save_adapter(folder, {}));
        CHECK_OK(io::verify_manifest(folder).status());
        auto other = tiny(config, dtype);
        CHECK_OK(other->load_adapter(folder));
        check_same(*model, *other);
        CHECK(*model->adapter() == *other->adapter());
        CHECK_EQ(model->adapter()->target_modules.size(), bloom ? 4u : 7u);
        const TinyBatch batch = tiny_batch(37);
        const auto a = model->forward(batch, {.logits = true}), b = other->forward(batch, {.logits = true});
        CHECK(same_bits(a.value().logits, b.value().logits));
        const std::string again = temporary_folder() + "/adapter";
        CHECK_OK(other->save_adapter(again, {}));
        for (const char* file : {"adapter_config.json", "adapter_model.safetensors", "MANIFEST.json"}) {
          CHECK(read(folder + "/" + file) == read(again + "/" + file));
        }
      }
    }
  }
}

TEST("adapter folder: the keys and names that PEFT writes, and float32 on demand") {
  for_each_golden([](Golden& g) {
    const std::string theirs = g.folder + "/lora-final", ours = temporary_folder() + "/adapter";
    CHECK_OK(g.model->load_adapter(theirs));
    CHECK_OK(g.model->save_adapter(ours, {.dtype = DType::f32}));
    const auto a = io::read_json_file(theirs + "/adapter_config.json"),
               b = io::read_json_file(ours + "/adapter_config.json");
    CHECK_OK(b.status());
    const Json::Object &expected = *a.value().object(), &found = *b.value().object();
    CHECK_EQ(expected.size(), found.size());
    for (size_t i = 0; i < expected.size() && i < found.size(); ++i) {
      CHECK_EQ(found[i].first, expected[i].first);
      // Which base, and how the adapter was begun: not the golden's.
      if (expected[i].first == "base_model_name_or_path" || expected[i].first == "init_lora_weights")
        continue;
      CHECK_EQ(found[i].second.dump(), expected[i].second.dump());
    }
    const auto before = io::SafetensorsFile::open(theirs + "/adapter_model.safetensors"),
               after = io::SafetensorsFile::open(ours + "/adapter_model.safetensors");
    CHECK_OK(after.status());
    CHECK_EQ(before.value().tensors().size(), after.value().tensors().size());
    for (const io::TensorView& view : before.value().tensors()) {
      const io::TensorView* found_view = after.value().find(view.name);
      CHECK(found_view != nullptr && found_view->shape == view.shape &&
            std::memcmp(found_view->bytes.data(), view.bytes.data(), view.bytes.size()) == 0);
    }
  });
}

namespace {

// A good folder of tiny_llama, its config.json and weights replaced.
struct BadFolder {
  std::string folder = temporary_folder();
  std::unique_ptr<model::Model> model = tiny(tiny_llama(), DType::f32);
  Json config;

  BadFolder() {
    auto source = tiny(tiny_llama(), DType::f32);
    CHECK_OK(source->add_lora({.r = 2, .target_modules = {"q_proj", "down_proj"}}));
    CHECK_OK(source->save_adapter(folder, {}));
    fs::remove(folder + "/MANIFEST.json");
    config = io::read_json_file(folder + "/adapter_config.json").take();
  }
  void write(const std::string& text) const {
    std::ofstream(folder + "/adapter_config.json", std::ios::trunc) << text;
  }
  void refused(const char* key, const Json& value, StatusCode code, const std::string& message) const {
    Json changed = config;
    changed.set(key, value);
    write(changed.dump(2));
    check(code, "/adapter_config.json: " + message);
  }
  void check(StatusCode code, const std::string& message) const {
    const Status status = model->load_adapter(folder);
    CHECK_EQ(message_of(status), folder + message);
    CHECK_EQ(static_cast<int>(status.code()), static_cast<int>(code));
    CHECK(model->adapter() == nullptr);
    CHECK(model->state().map.adapter_range().elements() == 0);
  }
};

}  // namespace

TEST("adapter folder: every config that asks for something else is refused by its key") {
  const BadFolder bad;
  const auto unsupported = StatusCode::unsupported, invalid = StatusCode::invalid_data;
  const std::string merge =
      "; this feature is not computed here; merge the adapter with PEFT and load the "
      "merged model";
  bad.refused("peft_type", "IA3", unsupported, "\"peft_type\" is \"IA3\"; only LORA adapters are read");
  bad.refused("peft_type", nullptr, invalid, "it has no \"peft_type\"; give the folder of a PEFT adapter");
  bad.refused("task_type", "SEQ_CLS", unsupported,
              "\"task_type\" is \"SEQ_CLS\"; only adapters of CAUSAL_LM models are read");
  bad.refused("bias", "all", unsupported,
              "\"bias\" is \"all\"; only adapters that train no bias (\"none\") are read");
  for (const char* key : {"use_dora", "use_rslora", "lora_bias", "fan_in_fan_out", "of_the_future"}) {
    bad.refused(key, true, unsupported, std::string("\"") + key + "\" is true" + merge);
  }
  bad.refused("layers_to_transform", Json(Json::Array{1}), unsupported,
              "\"layers_to_transform\" is [1]" + merge);
  bad.refused("init_lora_weights", "pissa", unsupported,
              "\"init_lora_weights\" is \"pissa\"; such an adapter belongs to a base model that it changed "
              "itself; let PEFT convert it to an ordinary LoRA adapter "
              "(path_initial_model_for_weight_conversion)");
  bad.refused("target_modules", ".*proj", unsupported,
              "\"target_modules\" is \".*proj\"; write the list of module names instead of a pattern");
  bad.refused("rank_pattern", Json(Json::Object{{"^q", 3}}), unsupported,
              "\"rank_pattern\" is {\"^q\":3}; write module names instead of the pattern \"^q\"");
  bad.refused("rank_pattern", Json(Json::Object{{"q_proj", 0}}), invalid,
              "rank_pattern of q_proj must be from 1 to 65536, not 0");
  bad.refused("alpha_pattern", Json(Json::Object{{"q_proj", "x"}}), invalid,
              "\"alpha_pattern\" gives \"q_proj\" \"x\", which is no number");
  bad.refused("r", 0, invalid, "r must be from 1 to 65536, not 0");
  bad.refused("r", int64_t{1} << 40, invalid, "r must be from 1 to 65536, not 1099511627776");
  bad.refused("r", "8", invalid, "\"r\" is no whole number");
  bad.refused("lora_alpha", -1, invalid, "lora_alpha must be a number above 0, not -1.0");
  bad.refused("lora_alpha", nullptr, invalid, "\"lora_alpha\" is no number");
  bad.refused("target_modules", Json(Json::Array{3}), invalid,
              "\"target_modules\" holds 3, which is no name");
  bad.refused("modules_to_save", "lm_head", invalid, "\"modules_to_save\" is no list of names");
  bad.write("[]");
  bad.check(invalid, "/adapter_config.json: it holds no object");
}

TEST("adapter folder: modules and tensors must be the model's") {
  const BadFolder bad;
  const auto targets = [&](Json::Array names) {
    Json changed = bad.config;
    changed.set("target_modules", Json(std::move(names)));
    bad.write(changed.dump(2));
  };
  const auto argument = StatusCode::invalid_argument, invalid = StatusCode::invalid_data;
  targets({"query_key_value"});
  bad.check(argument,
            ": target_modules names none of the model's linear layers, which are q_proj, k_proj, v_proj, "
            "o_proj, gate_proj, up_proj and down_proj");
  targets({"embed_tokens"});
  bad.check(argument,
            ": target_modules names embed_tokens, but adapters are for the linear layers of the blocks; to "
            "train the embeddings beside them, name them in modules_to_save");
  targets({"q_proj", "down_proj", "o_proj"});
  bad.check(invalid,
            "/adapter_model.safetensors: base_model.model.model.layers.0.self_attn.o_proj.lora_A.weight with "
            "shape [2, 24] is missing; the adapter is incomplete or belongs to another model");
  targets({"q_proj"});
  bad.check(invalid,
            "/adapter_model.safetensors: base_model.model.model.layers.0.mlp.down_proj.lora_A.weight with "
            "shape [2, 40] is nothing that adapter_config.json adapts or saves in this model");
  bad.write(bad.config.dump(2));
  const std::string weights = read(bad.folder + "/adapter_model.safetensors");
  std::string integers = weights;
  const size_t dtype = integers.find("\"dtype\":\"F32\"") + 9;
  integers[dtype] = 'I';
  const auto rewrite = [&](const std::string& bytes) {
    std::ofstream(bad.folder + "/adapter_model.safetensors", std::ios::binary | std::ios::trunc) << bytes;
  };
  rewrite(integers);
  bad.check(invalid,
            "/adapter_model.safetensors: base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight is "
            "int32; adapters are read as float32, bfloat16 or float16");
  rewrite(weights);
  Json changed = bad.config;
  changed.set("r", 4);
  bad.write(changed.dump(2));
  bad.check(invalid,
            "/adapter_model.safetensors: base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight has "
            "shape [2, 24], but the model and adapter_config.json ask for [4, 24]; the adapter belongs to "
            "another model or config");
  // Names of other families are passed over, as PEFT does: what the file holds decides.
  targets({"q_proj", "down_proj", "query_key_value"});
  CHECK_OK(tiny(tiny_llama(), DType::f32)->load_adapter(bad.folder));
  bad.write(bad.config.dump(2));
  fs::rename(bad.folder + "/adapter_model.safetensors", bad.folder + "/adapter_model.bin");
  bad.check(StatusCode::unsupported,
            " holds adapter_model.bin, a pickle that could run code; save the adapter with PEFT's "
            "safe_serialization=True");
}

TEST("adapter folder: a flipped bit in a folder of ours is found, and tied embeddings must agree") {
  const std::string folder = temporary_folder() + "/adapter";
  auto model = tiny(tiny_llama(true), DType::f32);
  CHECK_OK(model->add_lora({.r = 2, .target_modules = {"q_proj"}, .modules_to_save = {"embed_tokens"}}));
  CHECK_OK(model->save_adapter(folder, {}));
  const auto config = io::read_json_file(folder + "/adapter_config.json");
  CHECK_EQ(config.value().find("modules_to_save")->dump(), "[\"embed_tokens\",\"lm_head\"]");
  CHECK_EQ(config.value().find("ensure_weight_tying")->dump(), "true");
  const std::string path = folder + "/adapter_model.safetensors";
  std::string bytes = read(path);
  const auto file = io::SafetensorsFile::open(path);
  const io::TensorView* head = file.value().find("base_model.model.lm_head.weight");
  const io::TensorView* embedding = file.value().find("base_model.model.model.embed_tokens.weight");
  CHECK(head != nullptr && embedding != nullptr && head->bytes.size() == embedding->bytes.size());
  const auto flip = [&](size_t at) {
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  };
  const std::string rows(reinterpret_cast<const char*>(head->bytes.data()), head->bytes.size());
  const size_t first = bytes.find(rows), second = bytes.rfind(rows);
  CHECK(first != second);
  flip(second);
  auto other = tiny(tiny_llama(true), DType::f32);
  CHECK(message_of(other->load_adapter(folder)).starts_with(path + " does not have the sha256"));
  fs::remove(folder + "/MANIFEST.json");
  CHECK_EQ(
      message_of(other->load_adapter(folder)),
      path +
          ": base_model.model.model.embed_tokens.weight and base_model.model.lm_head.weight differ, but the "
          "model ties them; train the adapter with ensure_weight_tying");
  CHECK(other->adapter() == nullptr);
  auto untied = tiny(tiny_llama(true), DType::f32);
  const size_t name = bytes.find("base_model.model.lm_head.weight");
  bytes[name + 17] = 'k';  // another name of the same length
  flip(second);
  CHECK_EQ(message_of(untied->load_adapter(folder)),
           path +
               ": base_model.model.lm_head.weight is missing, but the model ties it to "
               "model.embed_tokens.weight; train the adapter with lm_head in modules_to_save and "
               "ensure_weight_tying");
  bytes[name + 17] = 'l';
  flip(second);
  flip(first);  // now both changed alike: other embeddings, which the adapter brings along
  CHECK_OK(other->load_adapter(folder));
  const model::Parameter& embeddings = other->parameters().front();
  CHECK(other->read_parameter(embeddings).take() != model->read_parameter(embeddings).take());
}
