// Adapters: logits against PEFT, gradients against central differences, merging, and what is refused.
#include "native/model/state.h"
#include "test/native/backend_name.h"
#include "test/native/model/golden.h"
#include "test/native/model/tiny.h"

using namespace belle;
using namespace belle::test;

namespace {

// Adapters whose B is not 0, so that they count.
void add_adapter(model::Model& model, model::LoraConfig config, double size = 0.3) {
  CHECK_OK(model.add_lora(config));
  const Philox random(17, RngStream::test);
  for (const model::Parameter& p : model.parameters()) {
    if (!p.adapter || !p.name.ends_with("lora_B.weight")) continue;
    std::vector<float> values(static_cast<size_t>(p.elements));
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<float>(size * random.normal(i, static_cast<uint32_t>(p.offset)));
    }
    CHECK_OK(model.write_parameter(p, values));
  }
}

model::LoraConfig config_of(std::vector<std::string> targets) {
  return {.r = 3, .alpha = 5, .target_modules = std::move(targets), .seed = 9};
}

std::vector<float> logits_of(model::Model& model, const TinyBatch& batch) {
  auto result = model.forward(batch, {.logits = true});
  CHECK_OK(result.status());
  return result.ok() ? result.take().logits : std::vector<float>();
}

const std::vector<std::string> kLlamaModules = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                                "gate_proj", "up_proj", "down_proj"};
const std::vector<std::string> kBloomModules = {"query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"};

}  // namespace

TEST("lora: logits of PEFT's adapters, and of the model they are merged into") {
  for_each_golden([](Golden& g) {
    const auto ids = g.ids("forward.input_ids"), bounds = even_bounds(3, 48);
    const auto expected = g.floats("lora.logits");
    const auto base = g.model->forward({ids, bounds, {}}, {.logits = true});
    CHECK_OK(base.status());
    CHECK_OK(g.model->load_adapter(g.folder + "/lora-final"));
    auto found = g.model->forward({ids, bounds, {}}, {.logits = true});
    CHECK_OK(found.status());
    const double error = largest_difference(found.value().logits, expected) / largest(expected);
    const double moved = largest_difference(base.value().logits, expected) / largest(expected);
    std::cout << "    " << g.folder.substr(g.folder.rfind('/') + 1) << ": " << error
              << " of the largest logit; without the adapter " << moved << "\n";
    CHECK(error <= 1e-4);
    CHECK(moved > 1e-2);
    CHECK_OK(g.model->merge_adapter());
    CHECK(g.model->adapter() == nullptr);
    const auto merged = g.model->forward({ids, bounds, {}}, {.logits = true});
    CHECK_OK(merged.status());
    CHECK(largest_difference(merged.value().logits, expected) <= 1e-4 * largest(expected));
  });
}

TEST("lora: a fresh adapter changes nothing, and depends on its seed") {
  for (const auto& config : {tiny_llama(), tiny_bloom()}) {
    auto model = make_tiny(config);
    const TinyBatch batch = tiny_batch(37);
    const std::vector<float> before = logits_of(*model, batch);
    const int64_t elements = model->parameter_elements();
    CHECK_OK(model->add_lora({.r = 4, .target_modules = {"all-linear"}, .seed = 1}));
    CHECK(logits_of(*model, batch) == before);
    CHECK(model->state().map.adapter_range().begin == elements);
    auto other = make_tiny(config), same = make_tiny(config);
    CHECK_OK(other->add_lora({.r = 4, .target_modules = {"all-linear"}, .seed = 2}));
    CHECK_OK(same->add_lora({.r = 4, .target_modules = {"all-linear"}, .seed = 1}));
    for (const model::Parameter& p : model->parameters()) {
      if (!p.adapter) continue;
      const auto values = model->read_parameter(p).take();
      const bool a = p.name.ends_with("lora_A.weight");
      CHECK(same->read_parameter(p).take() == values);
      CHECK_EQ(other->read_parameter(p).take() == values, !a);
      CHECK_EQ(largest(values) == 0, !a);
      const double bound = 1.0 / std::sqrt(static_cast<double>(p.shape[1]));
      if (a) CHECK(largest(values) <= bound && largest(values) > 0.8 * bound);
    }
  }
}

// The loss along a direction of p, by central differences, against its gradient.
static void check_differences(model::Model& model, const TinyBatch& batch, const model::Parameter& p,
                              const float* gradient, double count) {
  const auto weights = model.read_parameter(p).take();
  double norm = 0;
  for (size_t i = 0; i < weights.size(); ++i) norm += std::pow(static_cast<double>(gradient[i]), 2);
  norm = std::sqrt(norm);
  const auto loss = [&](double step) {
    std::vector<float> moved = weights;
    for (size_t i = 0; i < moved.size(); ++i) {
      moved[i] = static_cast<float>(double{weights[i]} + step * double{gradient[i]} / norm);
    }
    CHECK_OK(model.write_parameter(p, moved));
    const auto result = model.forward_loss(batch);
    CHECK_OK(result.status());
    return result.value();
  };
  const double h = 2e-3 / std::max(norm, 0.05);
  const double found = (8 * (loss(h) - loss(-h)) - (loss(2 * h) - loss(-2 * h))) / (12 * h);
  CHECK_OK(model.write_parameter(p, weights));
  if (!(std::fabs(found - norm * count) <= 1e-3 * norm * count)) {
    test::fail(__FILE__, __LINE__, p.name + ": " + show(found) + " vs " + show(norm * count));
  }
}

TEST("lora: gradients of every target against central differences, each alone and all together") {
  const auto check = [](const model::DecoderConfig& config, std::vector<std::string> targets) {
    auto model = make_tiny(config);
    add_adapter(*model, config_of(std::move(targets)));
    const TinyBatch batch = tiny_batch(37);
    const auto result = model->forward(batch, {.gradients = true});
    CHECK_OK(result.status());
    for (const model::Parameter& p : model->parameters()) {
      if (!p.adapter && !p.name.ends_with("layernorm.weight")) continue;  // dx passes through the adapters
      check_differences(*model, batch, p, result.value().gradients.data() + p.offset,
                        static_cast<double>(result.value().supervised_tokens));
    }
  };
  check(tiny_llama(), {"all-linear"});
  check(tiny_bloom(), {"all-linear"});
  for (const std::string& module : kLlamaModules) check(tiny_llama(), {module});
  for (const std::string& module : kBloomModules) check(tiny_bloom(), {module});
}

// What forward_backward leaves for `range`.
static std::vector<float> gradients_of(model::Model& model, const TinyBatch& batch,
                                       model::ParameterRange range, bool overwrite) {
  const belle_backend& b = model.backend();
  void* device = nullptr;
  std::vector<float> values(static_cast<size_t>(range.elements()));
  CHECK_EQ(b.alloc(b.context, values.size() * sizeof(float), &device).code, 0);
  CHECK_OK(model.forward_backward(batch, 0.25f, {static_cast<float*>(device), range, overwrite}).status());
  CHECK_EQ(b.read(b.context, values.data(), device, values.size() * sizeof(float)).code, 0);
  b.free(b.context, device);
  return values;
}

TEST("lora: whatever is frozen, kept or recomputed, an adapter's gradients have the same bits") {
  for (const auto& config : {tiny_llama(), tiny_bloom()}) {
    for (const DType dtype : {DType::f32, DType::bf16}) {
      auto made =
          model::Model::create(config, 7, {.backend = test::backend_name(), .threads = 2, .dtype = dtype});
      CHECK_OK(made.status());
      auto model = made.take();
      add_adapter(*model, config_of({"all-linear"}));
      const TinyBatch batch = tiny_batch(37);
      const model::ParameterRange all = model->state().map.all(), own = model->state().map.adapter_range();
      const std::vector<float> full = gradients_of(*model, batch, all, true);
      const std::span<const float> expected = std::span(full).subspan(static_cast<size_t>(own.begin));
      CHECK(largest({expected.begin(), expected.end()}) > 0);
      for (const auto recompute :
           {model::Recompute::none, model::Recompute::selective, model::Recompute::layer}) {
        for (const bool train_layers : {true, false}) {
          CHECK_OK(model->reserve(
              {.tokens = 19, .training = true, .train_layers = train_layers, .recompute = recompute}));
          CHECK(same_bits(gradients_of(*model, batch, own, true), expected));
          CHECK(same_bits(gradients_of(*model, batch, own, false), expected));
        }
      }
    }
  }
}

TEST("lora: packed logits are bit-identical to each document alone, in both dtypes") {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    auto made = model::Model::create(tiny_llama(), 7,
                                     {.backend = test::backend_name(), .threads = 2, .dtype = dtype});
    CHECK_OK(made.status());
    auto model = made.take();
    add_adapter(*model, config_of({"all-linear"}));
    const TinyBatch batch = tiny_batch(37);
    const std::vector<float> packed = logits_of(*model, batch);
    for (size_t i = 0; i + 1 < batch.bounds.size(); ++i) {
      const auto begin = static_cast<size_t>(batch.bounds[i]), end = static_cast<size_t>(batch.bounds[i + 1]);
      TinyBatch alone;
      alone.ids.assign(batch.ids.begin() + static_cast<ptrdiff_t>(begin),
                       batch.ids.begin() + static_cast<ptrdiff_t>(end));
      alone.bounds = {0, static_cast<int32_t>(end - begin)};
      CHECK(same_bits(logits_of(*model, alone), std::span(packed).subspan(begin * 37, (end - begin) * 37)));
    }
  }
}

TEST("lora: merging adds alpha/r B A, rounded once, and nothing else") {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    for (const auto& config : {tiny_llama(), tiny_bloom()}) {
      auto made =
          model::Model::create(config, 7, {.backend = test::backend_name(), .threads = 2, .dtype = dtype});
      CHECK_OK(made.status());
      auto model = made.take();
      const bool bloom = config.family == model::Family::bloom;
      add_adapter(*model, config_of({bloom ? "query_key_value" : "v_proj", bloom ? "dense" : "up_proj"}));
      std::vector<std::vector<float>> expected;
      const auto parameters = model->parameters();
      const auto find = [&](const std::string& name) {
        for (const auto& p : parameters) {
          if (p.name == name) return &p;
        }
        return static_cast<const model::Parameter*>(nullptr);
      };
      size_t changed = 0;
      for (const model::Parameter& p : parameters) {
        if (p.adapter) continue;
        std::vector<float> values = model->read_parameter(p).take();
        const std::string module = "base_model.model." + p.name.substr(0, p.name.rfind('.'));
        const model::Parameter *a = find(module + ".lora_A.weight"), *b = find(module + ".lora_B.weight");
        if (a != nullptr && p.name.ends_with(".weight")) {
          ++changed;
          const auto av = model->read_parameter(*a).take(), bv = model->read_parameter(*b).take();
          const auto in = static_cast<size_t>(p.shape[1]);
          for (size_t i = 0; i < values.size(); ++i) {
            double sum = 0;
            for (size_t k = 0; k < 3; ++k) sum += double{bv[i / in * 3 + k]} * double{av[k * in + i % in]};
            values[i] = static_cast<float>(double{values[i]} + 5.0 / 3.0 * sum);
          }
        }
        expected.push_back(std::move(values));
      }
      CHECK_EQ(changed, 4u);
      CHECK_OK(model->merge_adapter());
      CHECK_EQ(model->parameters().size(), expected.size());
      for (size_t i = 0; i < expected.size(); ++i) {
        const auto found = model->read_parameter(model->parameters()[i]).take();
        for (size_t j = 0; j < found.size(); ++j) {
          // One rounding: half a unit in the last place of the result.
          const double unit = dtype == DType::f32 ? 0x1p-23 : 0x1.01p-8;
          CHECK_NEAR(double{found[j]}, double{expected[i][j]},
                     unit * std::fabs(double{expected[i][j]}) + 1e-7);
        }
      }
    }
  }
}

TEST("lora: what cannot be adapted is refused by name, and nothing is changed") {
  auto model = make_tiny(tiny_llama());
  const auto refused = [&](const model::LoraConfig& config, const std::string& message) {
    CHECK_EQ(message_of(model->add_lora(config)), message);
    CHECK(model->adapter() == nullptr);
  };
  refused({.target_modules = {"lm_head"}},
          "target_modules names lm_head, but adapters are for the linear layers of the blocks; to train the "
          "embeddings beside them, name them in modules_to_save");
  refused(
      {.target_modules = {"q_proj", "query_key_value"}},
      "target_modules names query_key_value, which the model does not have; its linear layers are q_proj, "
      "k_proj, v_proj, o_proj, gate_proj, up_proj and down_proj");
  refused({.target_modules = {}}, "target_modules is empty; name the linear layers to adapt, or all-linear");
  refused({.r = 0, .target_modules = {"q_proj"}}, "r must be from 1 to 65536, not 0");
  refused({.alpha = 0, .target_modules = {"q_proj"}}, "lora_alpha must be a number above 0, not 0.0");
  refused({.target_modules = {"q_proj"}, .modules_to_save = {"norm"}},
          "modules_to_save names norm; only the embeddings can be trained beside adapters, embed_tokens and "
          "lm_head");
  refused({.target_modules = {"q_proj"}, .modules_to_save = {"embed_tokens"}},
          "modules_to_save must name both embed_tokens and lm_head, or neither: they are trained together");
  const std::string none = "the model has no adapter; make one with addLora or load one with loadAdapter";
  CHECK_EQ(message_of(model->merge_adapter()), none);
  CHECK_EQ(message_of(model->save_adapter(temporary_folder() + "/a", {})), none);
  CHECK_OK(model->add_lora({.target_modules = {"layers.1.self_attn.q_proj"}}));
  CHECK_EQ(model->parameters().back().name, "base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight");
  CHECK_EQ(model->parameters().size(), make_tiny(tiny_llama())->parameters().size() + 2);
  CHECK_EQ(message_of(model->add_lora({.target_modules = {"q_proj"}})),
           "the model already has an adapter; merge it with mergeAdapter, or load the model again");
  CHECK_EQ(
      message_of(model->save(temporary_folder() + "/m", {})),
      "the model has an adapter that is not part of its weights; save it alone with saveAdapter, or merge "
      "it into the weights with mergeAdapter first");
  CHECK_EQ(message_of(model->resize_vocabulary({.rows = 40, .init = model::RowInit::mean})),
           "the model has an adapter; add rows before the adapter, or merge it first");
}
