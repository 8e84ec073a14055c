#include "test/native/ops/kit.h"

namespace belle::test {

using reference::to;

struct HeadCase {
  int64_t rows, d, vocab, chunk_rows;
};

static std::vector<int32_t> some_targets(const HeadCase& c) {
  std::vector<int32_t> targets(c.rows);
  for (int64_t i = 0; i < c.rows; ++i)
    targets[i] = i % 3 == 1 ? -100 : static_cast<int32_t>((i * 7919) % c.vocab);
  return targets;
}

static std::vector<Output> run(belle_backend& b, const HeadCase& c, const std::vector<float>& hidden,
                               const std::vector<float>& head, const std::vector<int32_t>& targets,
                               const std::vector<float>& before, bool gradients = true) {
  Buffer bh(b, hidden), bw(b, head), bt(b, targets), losses(b, std::vector<float>(c.rows, NAN));
  Buffer dhidden(b, std::vector<float>(hidden.size(), NAN)), dhead(b, before),
      logits(b, c.chunk_rows * c.vocab * 4);
  belle_linear_cross_entropy_args a = {};
  a.rows = c.rows, a.d = c.d, a.vocab = c.vocab, a.chunk_rows = c.chunk_rows;
  a.hidden = bh.f32(), a.head = bw.f32(), a.targets = bt.i32(), a.losses = losses.f32(),
  a.logits_scratch = logits.f32();
  a.accumulate = 1;
  if (gradients)
    a.dhidden = dhidden.f32(), a.dhead = before.empty() ? nullptr : dhead.f32(), a.grad_scale = 0.125f;
  CHECK_OK(from_c(b.linear_cross_entropy(b.context, &a)));
  std::vector<Output> outputs = {{"losses", losses.read()}};
  if (gradients) outputs.push_back({"dhidden", dhidden.read()});
  if (gradients && !before.empty()) outputs.push_back({"dhead", dhead.read()});
  return outputs;
}

TEST("linear_cross_entropy: losses and gradients, some rows unsupervised, several chunks") {
  for (const HeadCase& c : {HeadCase{50, 20, 131, 16}, HeadCase{64, 33, 1000, 64}, HeadCase{7, 8, 3, 100},
                            HeadCase{1, 4, 1, 1}}) {
    const auto hidden = random_normal(c.rows * c.d, 1), head = random_normal(c.vocab * c.d, 2),
               before = random_normal(c.vocab * c.d, 3, 0.1);
    const auto targets = some_targets(c);
    auto plain = reference::linear_cross_entropy<float>(hidden, head, targets, c.d, 0.125f);
    auto exact =
        reference::linear_cross_entropy<double>(to<double>(hidden), to<double>(head), targets, c.d, 0.125);
    for (size_t i = 0; i < before.size(); ++i) plain.dhead[i] += before[i], exact.dhead[i] += before[i];
    check_op("linear_cross_entropy vocab " + std::to_string(c.vocab),
             [&](belle_backend& b) { return run(b, c, hidden, head, targets, before); },
             {{plain.losses, exact.losses}, {plain.dhidden, exact.dhidden}, {plain.dhead, exact.dhead}});
  }
}

TEST("linear_cross_entropy: a row's loss and gradient have the same bits in any chunk and any company") {
  const HeadCase c{40, 24, 300, 40};
  const auto hidden = random_normal(c.rows * c.d, 1), head = random_normal(c.vocab * c.d, 2);
  const auto targets = some_targets(c);
  on_every_isa(2, [&](belle_backend& b, const std::string&) {
    const auto whole = run(b, c, hidden, head, targets, {});
    for (const int64_t chunk_rows : {1, 3, 16}) {
      HeadCase other = c;
      other.chunk_rows = chunk_rows;
      const auto again = run(b, other, hidden, head, targets, {});
      CHECK(same_bits(again[0].values, whole[0].values));
      CHECK(same_bits(again[1].values, whole[1].values));
    }
    CHECK(same_bits(run(b, c, hidden, head, targets, {}, false)[0].values, whole[0].values));
    for (int64_t row = 0; row < c.rows; ++row) {
      if (targets[row] >= 0) continue;
      CHECK_EQ(whole[0].values[row], 0.0f);
      for (int64_t i = 0; i < c.d; ++i) CHECK_EQ(whole[1].values[row * c.d + i], 0.0f);
    }
  });
}

TEST("linear_cross_entropy: large logits, no supervised row at all, NaN shows in its row") {
  on_every_isa(2, [&](belle_backend& b, const std::string&) {
    const HeadCase c{2, 1, 3, 2};
    auto losses = run(b, c, {1000.0f, -1000.0f}, {1.0f, 0.5f, -1.0f}, {1, 2}, {}, false)[0].values;
    CHECK_EQ(losses[0], 500.0f);
    CHECK_EQ(losses[1], 0.0f);
    const auto none = run(b, c, {1.0f, 2.0f}, {1.0f, 2.0f, 3.0f}, {-100, -100}, {5.0f, 6.0f, 7.0f});
    CHECK(same_bits(none[0].values, {0, 0}));
    CHECK(same_bits(none[1].values, {0, 0}));
    CHECK(same_bits(none[2].values, {5, 6, 7}));
    losses = run(b, c, {NAN, 1.0f}, {1.0f, 0.5f, -1.0f}, {1, 2}, {}, false)[0].values;
    CHECK(std::isnan(losses[0]) && !std::isnan(losses[1]));
  });
}

TEST("linear_cross_entropy: errors") {
  const auto device = backend::open_cpu(*backend::usable_kernels().front(), 1);
  belle_backend& b = *device;
  std::vector<float> x(64), losses(2);
  const std::vector<int32_t> targets = {1, 8};
  belle_linear_cross_entropy_args a = {};
  a.rows = 2, a.d = 4, a.vocab = 8, a.chunk_rows = 2;
  a.hidden = x.data(), a.head = x.data(), a.targets = targets.data(), a.losses = losses.data(),
  a.logits_scratch = x.data();
  CHECK_REFUSED(
      b.linear_cross_entropy(b.context, &a), StatusCode::invalid_argument,
      "linear_cross_entropy: the target of row 1 is 8, the vocabulary has 8 rows; check the labels");
  a.chunk_rows = 0;
  CHECK_REFUSED(b.linear_cross_entropy(b.context, &a), StatusCode::invalid_argument,
                "linear_cross_entropy: chunk_rows is 0");
  a.chunk_rows = 2, a.logits_scratch = nullptr;
  CHECK_REFUSED(b.linear_cross_entropy(b.context, &a), StatusCode::invalid_argument,
                "linear_cross_entropy: logits_scratch is NULL");
  a.type = BELLE_BF16;
  CHECK_REFUSED(b.linear_cross_entropy(b.context, &a), StatusCode::unsupported,
                "linear_cross_entropy: the CPU backend computes in float32");
}

}  // namespace belle::test
