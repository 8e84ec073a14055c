// Logits, losses, gradients and likelihoods against Hugging Face transformers in float32.
#include "test/native/model/golden.h"

#include "native/model/state.h"

using namespace belle;
using namespace belle::test;

static void check_gradients(const Golden& g, const std::string& prefix, const std::vector<float>& gradients) {
  for (const model::Parameter& p : g.model->parameters()) {
    const std::vector<float> expected = g.floats(prefix + p.name);
    const std::span<const float> found(gradients.data() + p.offset, static_cast<size_t>(p.elements));
    const double error = relative_difference(found, expected);
    if (!(error <= 1e-4))
      test::fail(__FILE__, __LINE__, g.folder + " " + prefix + p.name + ": " + show(error));
  }
}

TEST("golden: logits, loss and every gradient of three rows") {
  for_each_golden([](Golden& g) {
    const auto ids = g.ids("forward.input_ids"), labels = g.ids("forward.labels"),
               bounds = even_bounds(3, 48);
    auto result = g.model->forward({ids, bounds, labels}, {.logits = true, .gradients = true});
    CHECK_OK(result.status());
    if (!result.ok()) return;
    const auto expected = g.floats("forward.logits");
    CHECK(largest_difference(result.value().logits, expected) <= 1e-4 * largest(expected));
    const double loss = g.number({"forward", "loss"});
    CHECK_EQ(static_cast<double>(result.value().supervised_tokens),
             g.number({"forward", "supervised_tokens"}));
    CHECK_NEAR(result.value().loss_sum / static_cast<double>(result.value().supervised_tokens), loss,
               1e-5 * loss);
    check_gradients(g, "grad.", result.value().gradients);
  });
}

TEST("golden: five packed documents give the logits, loss and gradients of five documents") {
  for_each_golden([](Golden& g) {
    const auto ids = g.ids("packed.input_ids"), labels = g.ids("packed.labels"),
               bounds = g.ids("packed.cu_seqlens");
    auto result = g.model->forward({ids, bounds, labels}, {.logits = true, .gradients = true});
    CHECK_OK(result.status());
    if (!result.ok()) return;
    const auto expected = g.floats("packed.logits");
    CHECK(largest_difference(result.value().logits, expected) <= 1e-4 * largest(expected));
    const double loss = g.number({"packed", "loss"});
    CHECK_NEAR(result.value().loss_sum / static_cast<double>(result.value().supervised_tokens), loss,
               1e-5 * loss);
    check_gradients(g, "packed.grad.", result.value().gradients);
  });
}

TEST("golden: packed logits are bit-identical to each document alone") {
  for_each_golden([](Golden& g) {
    const auto ids = g.ids("packed.input_ids"), bounds = g.ids("packed.cu_seqlens");
    const auto packed = g.model->forward({ids, bounds, {}}, {.logits = true});
    CHECK_OK(packed.status());
    const auto vocab = static_cast<size_t>(g.model->config().vocab_size);
    for (size_t i = 0; i + 1 < bounds.size(); ++i) {
      const auto begin = static_cast<size_t>(bounds[i]), length = static_cast<size_t>(bounds[i + 1]) - begin;
      const int32_t alone[] = {0, static_cast<int32_t>(length)};
      const auto result =
          g.model->forward({std::span(ids).subspan(begin, length), alone, {}}, {.logits = true});
      CHECK_OK(result.status());
      CHECK(same_bits(result.value().logits,
                      std::span(packed.value().logits).subspan(begin * vocab, length * vocab)));
    }
  });
}

TEST("golden: a training workspace and a forward-only one give the same bits") {
  for_each_golden([](Golden& g) {
    const auto ids = g.ids("packed.input_ids"), labels = g.ids("packed.labels"),
               bounds = g.ids("packed.cu_seqlens");
    const auto plain = g.model->forward({ids, bounds, labels}, {.logits = true});
    const auto trained = g.model->forward({ids, bounds, labels}, {.logits = true, .gradients = true});
    const auto loss = g.model->forward_loss({ids, bounds, labels});
    CHECK_OK(plain.status());
    CHECK_OK(trained.status());
    CHECK(same_bits(plain.value().logits, trained.value().logits));
    CHECK_EQ(plain.value().loss_sum, trained.value().loss_sum);
    CHECK_EQ(plain.value().loss_sum, loss.value());
  });
}

TEST("golden: log likelihood of each row") {
  for_each_golden([](Golden& g) {
    const auto ids = g.ids("forward.input_ids");
    std::vector<std::vector<int32_t>> rows;
    for (int i = 0; i < 3; ++i) rows.emplace_back(ids.begin() + i * 48, ids.begin() + (i + 1) * 48);
    const auto sums = g.model->log_likelihood(rows);
    CHECK_OK(sums.status());
    const Json::Array& expected = *g.at({"sequence_nll"}).array();
    for (size_t i = 0; i < rows.size(); ++i) {
      double nll = 0;
      CHECK(expected[i].number(&nll));
      CHECK_NEAR(-sums.value()[i], nll, 1e-5 * nll);
      const auto alone = g.model->log_likelihood(std::span(rows).subspan(i, 1));
      CHECK_OK(alone.status());
      CHECK_EQ(alone.value()[0], sums.value()[i]);
    }
  });
}

TEST("golden: frozen layers leave the embeddings' gradients as they are") {
  for_each_golden([](Golden& g) {
    const auto ids = g.ids("forward.input_ids"), labels = g.ids("forward.labels"),
               bounds = even_bounds(3, 48);
    const auto full = g.model->forward({ids, bounds, labels}, {.gradients = true});
    CHECK_OK(full.status());
    const belle_backend& b = g.model->backend();
    const model::ParameterRange range = g.model->state().map.embedding_range();
    CHECK(range.elements() < g.model->parameter_elements() / 2);
    void* device = nullptr;
    const size_t bytes = static_cast<size_t>(range.elements()) * sizeof(float);
    CHECK_EQ(b.alloc(b.context, bytes, &device).code, 0);
    const auto scale = static_cast<float>(1.0 / static_cast<double>(full.value().supervised_tokens));
    const auto loss =
        g.model->forward_backward({ids, bounds, labels}, scale, {static_cast<float*>(device), range, true});
    CHECK_OK(loss.status());
    CHECK_EQ(loss.value(), full.value().loss_sum);
    std::vector<float> found(static_cast<size_t>(range.elements()));
    CHECK_EQ(b.read(b.context, found.data(), device, bytes).code, 0);
    b.free(b.context, device);
    int embeddings = 0;
    for (const model::Parameter& p : g.model->parameters()) {
      CHECK_EQ(range.contains(p.offset), p.embedding);
      if (!p.embedding) continue;
      ++embeddings;
      const auto at = static_cast<size_t>(p.offset), n = static_cast<size_t>(p.elements);
      CHECK(same_bits(std::span(found).subspan(at - static_cast<size_t>(range.begin), n),
                      std::span<const float>(full.value().gradients).subspan(at, n)));
    }
    CHECK_EQ(embeddings, g.model->config().tie_word_embeddings ? 1 : 2);
  });
}

TEST("golden: new rows are the mean of their old sub-tokens, old rows keep their bits") {
  for_each_golden([](Golden& g) {
    const auto parameters = g.model->parameters();
    std::vector<std::vector<float>> before;
    for (const auto& p : parameters) before.push_back(g.model->read_parameter(p).take());
    const int64_t old_rows = g.model->config().vocab_size;
    const auto sub_tokens = g.lists({"extend", "sub_tokens"});
    CHECK_OK(g.model->resize_vocabulary({.rows = old_rows + static_cast<int64_t>(sub_tokens.size()),
                                         .sub_tokens = sub_tokens,
                                         .init = model::RowInit::subtoken_mean}));
    CHECK_EQ(g.model->config().vocab_size, old_rows + 37);
    const auto& resized = g.model->parameters();
    CHECK_EQ(resized.size(), parameters.size());
    for (size_t i = 0; i < resized.size(); ++i) {
      const auto after = g.model->read_parameter(resized[i]).take();
      CHECK(same_bits(std::span(after).first(before[i].size()), before[i]));
      CHECK_EQ(after.size() > before[i].size(), resized[i].embedding);
    }
    const auto d = static_cast<size_t>(g.model->config().hidden_size);
    for (size_t i = 0; i < resized.size(); ++i) {
      if (!resized[i].embedding) continue;
      const auto after = g.model->read_parameter(resized[i]).take();
      for (size_t row = 0; row < sub_tokens.size(); ++row) {
        for (size_t j = 0; j < d; ++j) {
          double sum = 0;
          for (const int32_t id : sub_tokens[row])
            sum += static_cast<double>(before[i][static_cast<size_t>(id) * d + j]);
          const double mean = sum / static_cast<double>(sub_tokens[row].size());
          CHECK_NEAR(static_cast<double>(after[before[i].size() + row * d + j]), mean,
                     1e-7 * std::fabs(mean));
        }
      }
    }
    // The golden's embeddings are those after ten steps; its first learning rate is 0, so two steps see these
    // rows.
    const auto ids = g.ids("extend.input_ids"), labels = g.ids("extend.labels"), bounds = even_bounds(2, 32);
    for (size_t step = 0; step < 2; ++step) {
      const std::span batch_ids(ids.data() + step * 64, 64), batch_labels(labels.data() + step * 64, 64);
      const auto result = g.model->forward({batch_ids, bounds, batch_labels}, {.gradients = true});
      CHECK_OK(result.status());
      double loss = 0, norm = 0, squares = 0;
      CHECK((*g.at({"extend", "losses"}).array())[step].number(&loss));
      CHECK((*g.at({"extend", "grad_norms"}).array())[step].number(&norm));
      CHECK_NEAR(result.value().loss_sum / static_cast<double>(result.value().supervised_tokens), loss,
                 1e-5 * loss);
      for (const auto& p : resized) {
        if (!p.embedding) continue;
        for (int64_t i = 0; i < p.elements; ++i) {
          squares +=
              std::pow(static_cast<double>(result.value().gradients[static_cast<size_t>(p.offset + i)]), 2);
        }
      }
      CHECK_NEAR(std::sqrt(squares), norm, 1e-4 * norm);
    }
  });
}
