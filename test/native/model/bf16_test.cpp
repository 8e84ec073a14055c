// A model that computes in bfloat16: against the float32 goldens, and the equalities that hold bit for bit.
#include <filesystem>

#include "native/model/state.h"
#include "test/native/backend_name.h"
#include "test/native/model/golden.h"
#include "test/native/model/tiny.h"

using namespace belle;
using namespace belle::test;

static void check_golden(Golden& g, const std::string& prefix, const std::vector<int32_t>& bounds) {
  const auto ids = g.ids(prefix + ".input_ids"), labels = g.ids(prefix + ".labels");
  const auto result = g.model->forward({ids, bounds, labels}, {.logits = true, .gradients = true});
  CHECK_OK(result.status());
  if (!result.ok()) return;
  const double expected = g.number({prefix.c_str(), "loss"});
  const double loss = result.value().loss_sum / static_cast<double>(result.value().supervised_tokens);
  CHECK_NEAR(loss, expected, 2e-2 * expected);
  const auto logits = g.floats(prefix + ".logits");
  CHECK(relative_difference(result.value().logits, logits) <= 2e-2);
  const std::string gradients = prefix == "forward" ? "grad." : "packed.grad.";
  for (const model::Parameter& p : g.model->parameters()) {
    const std::span<const float> found(result.value().gradients.data() + p.offset,
                                       static_cast<size_t>(p.elements));
    const double angle = cosine(found, g.floats(gradients + p.name));
    if (!(angle > 0.99)) test::fail(__FILE__, __LINE__, g.folder + " " + p.name + ": cosine " + show(angle));
  }
}

TEST("bfloat16 golden: logits, loss and the direction of every gradient") {
  for_each_golden(
      [](Golden& g) {
        check_golden(g, "forward", even_bounds(3, 48));
        check_golden(g, "packed", g.ids("packed.cu_seqlens"));
      },
      DType::bf16);
}

TEST("bfloat16 golden: packed logits and likelihoods are bit-identical to each document alone") {
  for_each_golden(
      [](Golden& g) {
        const auto ids = g.ids("packed.input_ids"), bounds = g.ids("packed.cu_seqlens");
        const auto packed = g.model->forward({ids, bounds, {}}, {.logits = true});
        CHECK_OK(packed.status());
        const auto vocab = static_cast<size_t>(g.model->config().vocab_size);
        std::vector<std::vector<int32_t>> documents;
        for (size_t i = 0; i + 1 < bounds.size(); ++i) {
          const auto begin = static_cast<size_t>(bounds[i]),
                     length = static_cast<size_t>(bounds[i + 1]) - begin;
          const int32_t alone[] = {0, static_cast<int32_t>(length)};
          const auto document = std::span(ids).subspan(begin, length);
          const auto result = g.model->forward({document, alone, {}}, {.logits = true});
          CHECK_OK(result.status());
          CHECK(same_bits(result.value().logits,
                          std::span(packed.value().logits).subspan(begin * vocab, length * vocab)));
          documents.emplace_back(document.begin(), document.end());
        }
        const auto together = g.model->log_likelihood(documents);
        CHECK_OK(together.status());
        for (size_t i = 0; i < documents.size(); ++i) {
          const auto single = g.model->log_likelihood(std::span(documents).subspan(i, 1));
          CHECK_EQ(single.value()[0], together.value()[i]);
        }
      },
      DType::bf16);
}

TEST("bfloat16 golden: a training workspace and a forward-only one give the same bits") {
  for_each_golden(
      [](Golden& g) {
        const auto ids = g.ids("packed.input_ids"), labels = g.ids("packed.labels"),
                   bounds = g.ids("packed.cu_seqlens");
        const auto plain = g.model->forward({ids, bounds, labels}, {.logits = true});
        const auto trained = g.model->forward({ids, bounds, labels}, {.logits = true, .gradients = true});
        CHECK(same_bits(plain.value().logits, trained.value().logits));
        CHECK_EQ(plain.value().loss_sum, trained.value().loss_sum);
      },
      DType::bf16);
}

TEST("bfloat16: every level of recomputation gives the same gradients") {
  for (const auto& config : {tiny_llama(), tiny_llama(true), tiny_bloom()}) {
    for (const DType dtype : {DType::f32, DType::bf16}) {
      auto model = make_tiny(config, 7, dtype);
      std::vector<float> gradients[3];
      for (const auto level :
           {model::Recompute::none, model::Recompute::selective, model::Recompute::layer}) {
        CHECK_OK(model->reserve({.tokens = 32, .training = true, .recompute = level}));
        auto result = model->forward(tiny_batch(37), {.gradients = true});
        CHECK_OK(result.status());
        CHECK(model->state().workspace->spec().recompute == level);
        gradients[static_cast<size_t>(level)] = result.take().gradients;
      }
      CHECK(largest(gradients[0]) > 0);
      CHECK(same_bits(gradients[0], gradients[1]));
      CHECK(same_bits(gradients[0], gradients[2]));
    }
  }
}

TEST("bfloat16: weights load rounded once, and save as they are") {
  for (const auto& config : {tiny_llama(), tiny_llama(true), tiny_bloom()}) {
    const auto exact = make_tiny(config);
    const std::string parent = temporary_folder();
    CHECK_OK(exact->save(parent + "/exact", {}));
    const auto rounded = load_model(parent + "/exact", DType::bf16);
    CHECK(rounded->dtype() == DType::bf16);
    CHECK_EQ(2 * rounded->state().weights.bytes(), exact->state().weights.bytes());
    CHECK_OK(rounded->save(parent + "/rounded", {}));
    CHECK_OK(rounded->save(parent + "/widened", {.dtype = DType::f32}));
    const auto size = [&](const char* name) {
      return std::filesystem::file_size(parent + "/" + name + "/model.safetensors");
    };
    CHECK_EQ(size("widened"), size("exact"));
    CHECK(size("rounded") < size("exact") * 6 / 10);
    const auto narrow = load_model(parent + "/rounded", DType::bf16), wide = load_model(parent + "/widened");
    for (size_t i = 0; i < exact->parameters().size(); ++i) {
      auto expected = exact->read_parameter(exact->parameters()[i]).take();
      for (float& value : expected) value = bf16_to_f32(f32_to_bf16(value));
      for (const auto* model : {rounded.get(), narrow.get(), wide.get()})
        CHECK(same_bits(model->read_parameter(model->parameters()[i]).take(), expected));
    }
    const auto json = io::read_json_file(parent + "/rounded/config.json");
    CHECK_EQ(*json.value().find("torch_dtype")->string(), std::string("bfloat16"));
  }
}

TEST("bfloat16: new vocabulary rows are those of the same float32 rows, rounded once") {
  using model::RowInit;
  for (const RowInit init : {RowInit::subtoken_mean, RowInit::mean_cov, RowInit::mean, RowInit::normal}) {
    const std::string folder = temporary_folder() + "/saved";
    CHECK_OK(make_tiny(tiny_llama())->save(folder, {.dtype = DType::bf16}));
    const auto exact = load_model(folder), half = load_model(folder, DType::bf16);
    const model::ResizeRequest request{
        .rows = 40, .sub_tokens = {{1, 2, 3}, {}, {4, 5}}, .init = init, .seed = 3};
    CHECK_OK(exact->resize_vocabulary(request));
    CHECK_OK(half->resize_vocabulary(request));
    for (size_t i = 0; i < exact->parameters().size(); ++i) {
      auto expected = exact->read_parameter(exact->parameters()[i]).take();
      for (float& value : expected) value = bf16_to_f32(f32_to_bf16(value));
      CHECK(same_bits(half->read_parameter(half->parameters()[i]).take(), expected));
    }
    CHECK_OK(half->forward(tiny_batch(40), {.gradients = true}).status());
  }
}

TEST("bfloat16: write_parameter rounds to nearest even, once") {
  auto model = make_tiny(tiny_llama(), 7, DType::bf16);
  const auto& p = model->parameters()[1];
  std::vector<float> values(static_cast<size_t>(p.elements), 1.0f);
  values[0] = 1.00390625f;  // halfway between 1 and 1.0078125: to the even 1
  values[1] = 1.01171875f;  // halfway between 1.0078125 and 1.015625: to the even 1.015625
  values[2] = -1e-40f;      // a subnormal
  CHECK_OK(model->write_parameter(p, values));
  const auto read = model->read_parameter(p).take();
  CHECK_EQ(read[0], 1.0f);
  CHECK_EQ(read[1], 1.015625f);
  CHECK_EQ(read[2], bf16_to_f32(f32_to_bf16(-1e-40f)));
}

TEST("dtype: a model computes in float32 or bfloat16 only") {
  const auto refused =
      model::Model::create(tiny_llama(), 1, {.backend = test::backend_name(), .dtype = DType::f16});
  CHECK_EQ(message_of(refused), std::string("cannot compute in float16; choose float32 or bfloat16"));
}

TEST("layout: the embeddings are one run at the end; matrices of one product lie together") {
  for (const auto& config : {tiny_llama(), tiny_llama(true), tiny_bloom()}) {
    const model::WeightMap map = model::make_weight_map(config);
    const model::ParameterRange range = map.embedding_range();
    CHECK_EQ(range.end, map.elements);
    CHECK_EQ(map.embedding, range.begin);
    CHECK_EQ(map.head == map.embedding, config.tie_word_embeddings);
    CHECK(map.parameters.front().embedding);  // listed as Hugging Face lists them
    std::vector<bool> taken(static_cast<size_t>(map.elements));
    for (const model::Parameter& p : map.parameters) {
      CHECK_EQ(range.contains(p.offset), p.embedding);
      for (int64_t i = p.offset; i < p.offset + p.elements; ++i) {
        CHECK(!taken[static_cast<size_t>(i)]);
        taken[static_cast<size_t>(i)] = true;
      }
    }
    const auto offset_of = [&](const std::string& ending) {
      for (const model::Parameter& p : map.parameters)
        if (p.name.ends_with(ending)) return p.offset;
      return int64_t{-1};
    };
    if (config.family == model::Family::llama) {
      const int64_t matrix = config.intermediate_size * config.hidden_size;
      CHECK_EQ(offset_of("0.mlp.gate_proj.weight"), map.layers[0].expand);
      CHECK_EQ(offset_of("0.mlp.up_proj.weight"), map.layers[0].expand + matrix);
    }
  }
}
