// The four ways of filling new vocabulary rows.
#include "test/native/model/golden.h"
#include "test/native/model/tiny.h"

using namespace belle;
using namespace belle::test;

// Rows [first, last) of the parameter, d columns.
static std::vector<float> rows_of(const model::Model& model, const model::Parameter& p, int64_t first,
                                  int64_t last) {
  const auto values = model.read_parameter(p).take();
  const int64_t d = p.shape[1];
  return {values.begin() + first * d, values.begin() + last * d};
}

static std::vector<double> mean_row(const std::vector<float>& rows, size_t d) {
  std::vector<double> mean(d);
  for (size_t i = 0; i < rows.size(); ++i)
    mean[i % d] += static_cast<double>(rows[i]) / static_cast<double>(rows.size() / d);
  return mean;
}

// [d, d], divided by the number of rows
static std::vector<double> covariance(const std::vector<float>& rows, size_t d) {
  const auto mean = mean_row(rows, d);
  const size_t n = rows.size() / d;
  std::vector<double> out(d * d);
  for (size_t row = 0; row < n; ++row) {
    for (size_t i = 0; i < d; ++i) {
      for (size_t j = 0; j < d; ++j) {
        out[i * d + j] += (static_cast<double>(rows[row * d + i]) - mean[i]) *
                          (static_cast<double>(rows[row * d + j]) - mean[j]) / static_cast<double>(n);
      }
    }
  }
  return out;
}

TEST("resize: mean rows are the mean of all old rows; an empty sub-token list too") {
  for (const auto init : {model::RowInit::mean, model::RowInit::subtoken_mean}) {
    auto model = make_tiny(tiny_llama());
    CHECK_OK(model->resize_vocabulary({.rows = 39, .sub_tokens = {{}, {}}, .init = init}));
    for (const auto& p : model->parameters()) {
      if (!p.embedding) continue;
      const auto mean = mean_row(rows_of(*model, p, 0, 37), 24);
      const auto added = rows_of(*model, p, 37, 39);
      for (size_t i = 0; i < added.size(); ++i) CHECK_NEAR(static_cast<double>(added[i]), mean[i % 24], 1e-7);
    }
  }
}

TEST("resize: normal rows have the initializer's deviation; matrices, rows and seeds differ") {
  auto model = make_tiny(tiny_llama());
  CHECK_OK(model->resize_vocabulary({.rows = 1037, .init = model::RowInit::normal, .seed = 4}));
  auto other = make_tiny(tiny_llama());
  CHECK_OK(other->resize_vocabulary({.rows = 1037, .init = model::RowInit::normal, .seed = 5}));
  const auto& input = model->parameters().front();
  const auto& output = model->parameters().back();
  const auto a = rows_of(*model, input, 37, 1037), b = rows_of(*model, output, 37, 1037);
  CHECK(!same_bits(a, b));
  CHECK(!same_bits(a, rows_of(*other, input, 37, 1037)));
  double sum = 0, squares = 0;
  for (const float v : a) sum += v, squares += static_cast<double>(v) * v;
  CHECK_NEAR(sum / 24000, 0, 0.01);
  CHECK_NEAR(std::sqrt(squares / 24000), 0.3, 0.01);
}

TEST("resize: mean-cov draws have the mean and covariance of the old rows, whatever the rank") {
  // 37 rows in 24 dimensions (full rank), then 9 rows in 24 dimensions (rank 8).
  for (const int64_t old_rows : {37, 9}) {
    auto config = tiny_llama();
    config.vocab_size = old_rows;
    auto model = make_tiny(config);
    constexpr int64_t kAdded = 20000;
    CHECK_OK(
        model->resize_vocabulary({.rows = old_rows + kAdded, .init = model::RowInit::mean_cov, .seed = 3}));
    for (const auto& p : model->parameters()) {
      if (!p.embedding) continue;
      const auto old = rows_of(*model, p, 0, old_rows),
                 added = rows_of(*model, p, old_rows, old_rows + kAdded);
      const auto expected_mean = mean_row(old, 24), found_mean = mean_row(added, 24);
      for (size_t i = 0; i < 24; ++i)
        CHECK_NEAR(found_mean[i], expected_mean[i], 0.012);  // sigma 0.3 / sqrt(20000), x5
      const auto expected = covariance(old, 24), found = covariance(added, 24);
      for (size_t i = 0; i < expected.size(); ++i) CHECK_NEAR(found[i], expected[i], 0.01);
    }
    auto again = make_tiny(config);
    CHECK_OK(
        again->resize_vocabulary({.rows = old_rows + kAdded, .init = model::RowInit::mean_cov, .seed = 3}));
    CHECK(same_bits(model->read_parameter(model->parameters().front()).take(),
                    again->read_parameter(again->parameters().front()).take()));
  }
}

TEST("resize: the same number of rows changes nothing; the resized model computes") {
  auto model = make_tiny(tiny_bloom());
  const TinyBatch batch = tiny_batch(41);
  const auto before = model->forward(batch, {.logits = true});
  CHECK_OK(model->resize_vocabulary({.rows = 41}));
  const auto same = model->forward(batch, {.logits = true});
  CHECK(same_bits(before.value().logits, same.value().logits));
  CHECK_OK(model->resize_vocabulary({.rows = 43, .init = model::RowInit::mean}));
  const auto after = model->forward(batch, {.logits = true, .gradients = true});
  CHECK_OK(after.status());
  CHECK_EQ(after.value().logits.size(), batch.ids.size() * 43);
  for (size_t t = 0; t < batch.ids.size(); ++t) {  // old tokens keep their logits
    CHECK(same_bits(std::span(before.value().logits).subspan(t * 41, 41),
                    std::span(after.value().logits).subspan(t * 43, 41)));
  }
}

TEST("resize: bad requests are named") {
  auto model = make_tiny(tiny_llama());
  const auto refused = [&](model::ResizeRequest request, const std::string& message) {
    const Status status = model->resize_vocabulary(request);
    CHECK_EQ(static_cast<int>(status.code()), static_cast<int>(StatusCode::invalid_argument));
    CHECK_EQ(message_of(status), message);
    CHECK_EQ(model->config().vocab_size, 37);
  };
  refused({.rows = 36}, "cannot resize 37 vocabulary rows to 36; rows are only added, ask for at least 37");
  refused({.rows = 40, .sub_tokens = {{1}}},
          "sub_tokens lists 1 rows, but 3 rows are added; give one list (or an empty one) a new row");
  refused({.rows = 38, .sub_tokens = {{1, 37}}},
          "sub_tokens[0] holds 37, which is not one of the 37 old rows");
  refused({.rows = 38, .sub_tokens = {{-1}}}, "sub_tokens[0] holds -1, which is not one of the 37 old rows");
  refused({.rows = 1 << 25, .init = model::RowInit::mean},
          "cannot resize to 33554432 vocabulary rows; the most is 16777216");
}
