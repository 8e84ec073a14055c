// The whole model's gradient against central differences of its loss, on random models of each family.
#include "native/model/state.h"
#include "test/native/model/golden.h"
#include "test/native/model/tiny.h"

using namespace belle;
using namespace belle::test;

static double loss_at(model::Model& model, const TinyBatch& batch, const model::Parameter& p,
                      const std::vector<float>& weights, const std::vector<float>& direction, double step) {
  std::vector<float> moved = weights;
  for (size_t i = 0; i < moved.size(); ++i) {
    moved[i] = static_cast<float>(static_cast<double>(weights[i]) + step * static_cast<double>(direction[i]));
  }
  CHECK_OK(model.write_parameter(p, moved));
  const auto loss = model.forward_loss(batch);
  CHECK_OK(loss.status());
  return loss.value();
}

static void check_differences(const model::DecoderConfig& config, const char* name) {
  auto model = make_tiny(config);
  const TinyBatch batch = tiny_batch(config.vocab_size);
  const auto result = model->forward(batch, {.gradients = true});
  CHECK_OK(result.status());
  const auto count = static_cast<double>(result.value().supervised_tokens);
  const Philox random(11, RngStream::test);
  for (const model::Parameter& p : model->parameters()) {
    const auto weights = model->read_parameter(p).take();
    const float* gradient = result.value().gradients.data() + p.offset;
    double norm = 0;
    for (size_t i = 0; i < weights.size(); ++i) norm += std::pow(static_cast<double>(gradient[i]), 2);
    norm = std::sqrt(norm);
    // Along the gradient, where the difference is largest, mixed with a random direction of the same length.
    std::vector<float> direction(weights.size());
    double expected = 0;
    for (size_t i = 0; i < weights.size(); ++i) {
      const double noise =
          random.normal(i, static_cast<uint32_t>(p.offset)) / std::sqrt(static_cast<double>(weights.size()));
      direction[i] = static_cast<float>(static_cast<double>(gradient[i]) / norm + 0.5 * noise);
      expected += static_cast<double>(direction[i]) * static_cast<double>(gradient[i]) * count;
    }
    const double h = 2e-3 / std::max(norm, 0.05);
    const auto loss = [&](double step) { return loss_at(*model, batch, p, weights, direction, step); };
    // Five-point stencil: the error falls with h^4.
    const double found = (8 * (loss(h) - loss(-h)) - (loss(2 * h) - loss(-2 * h))) / (12 * h);
    CHECK_OK(model->write_parameter(p, weights));
    if (!(std::fabs(found - expected) <= 1e-3 * std::fabs(expected))) {
      test::fail(__FILE__, __LINE__,
                 std::string(name) + " " + p.name + ": " + show(found) + " vs " + show(expected));
    }
  }
}

TEST("gradient: LLaMA with grouped heads against central differences") {
  check_differences(tiny_llama(), "llama");
}
TEST("gradient: tied LLaMA against central differences") {
  check_differences(tiny_llama(true), "llama tied");
}
TEST("gradient: BLOOM against central differences") { check_differences(tiny_bloom(), "bloom"); }
TEST("gradient: untied BLOOM against central differences") {
  model::DecoderConfig config = tiny_bloom();
  config.tie_word_embeddings = false;
  check_differences(config, "bloom untied");
}

// The gradients of one pass, of all parameters, on the host.
struct DeviceGradients {
  model::Model& model;
  size_t n = static_cast<size_t>(model.parameter_elements());
  void* device = nullptr;
  explicit DeviceGradients(model::Model& of) : model(of) {
    CHECK_EQ(model.backend().alloc(model.backend().context, n * sizeof(float), &device).code, 0);
  }
  ~DeviceGradients() { model.backend().free(model.backend().context, device); }
  void fill(float value) {
    const std::vector<float> values(n, value);
    const belle_backend& b = model.backend();
    CHECK_EQ(b.write(b.context, device, values.data(), n * sizeof(float)).code, 0);
  }
  std::vector<float> after(const TinyBatch& batch, float scale, bool overwrite) {
    const model::Gradients gradients{static_cast<float*>(device), model.state().map.all(), overwrite};
    CHECK_OK(model.forward_backward(batch, scale, gradients).status());
    std::vector<float> values(n);
    const belle_backend& b = model.backend();
    CHECK_EQ(b.read(b.context, values.data(), device, n * sizeof(float)).code, 0);
    return values;
  }
};

TEST("gradient: accumulates into the buffer and scales with grad_scale") {
  auto model = make_tiny(tiny_llama());
  const TinyBatch batch = tiny_batch(37);
  DeviceGradients gradients(*model);
  const auto once = gradients.after(batch, 1.0f, false), twice = gradients.after(batch, 1.0f, false);
  const auto doubled = gradients.after(batch, 2.0f, true);
  CHECK(relative_difference(twice, doubled) <= 1e-6);
  CHECK_NEAR(relative_difference(twice, once), 1.0, 1e-6);
}

TEST("gradient: overwriting gives the bits of adding to zeros, whatever was there") {
  for (const auto& config : {tiny_llama(), tiny_llama(true), tiny_bloom()}) {
    auto model = make_tiny(config);
    for (const bool supervised : {true, false}) {
      TinyBatch batch = tiny_batch(37);
      if (!supervised) batch.labels.assign(batch.ids.size(), -100);
      DeviceGradients gradients(*model);
      const auto added = gradients.after(batch, 1.0f, false);
      gradients.fill(NAN);
      const auto written = gradients.after(batch, 1.0f, true);
      for (const model::Parameter& p : model->parameters()) {
        const auto at = static_cast<size_t>(p.offset), size = static_cast<size_t>(p.elements);
        CHECK(same_bits(std::span(written).subspan(at, size), std::span(added).subspan(at, size)));
      }
    }
  }
}

TEST("gradient: no supervised token gives loss 0 and zero gradients") {
  auto model = make_tiny(tiny_llama());
  TinyBatch batch = tiny_batch(37);
  batch.labels.assign(batch.ids.size(), -100);
  const auto result = model->forward(batch, {.gradients = true});
  CHECK_OK(result.status());
  CHECK_EQ(result.value().supervised_tokens, 0);
  CHECK_EQ(result.value().loss_sum, 0.0);
  CHECK_EQ(largest(result.value().gradients), 0.0);
}
