#include <algorithm>

#include "test/native/ops/kit.h"

namespace belle::test {

using reference::to;

struct HeadCase {
  int64_t rows, d, vocab, chunk_rows;
  int32_t type = BELLE_F32, accumulate = 1;
  bool counted = false;  // the caller says how many rows have a target
};

static std::vector<int32_t> some_targets(const HeadCase& c) {
  std::vector<int32_t> targets(c.rows);
  for (int64_t i = 0; i < c.rows; ++i)
    targets[i] = i % 3 == 1 ? -100 : static_cast<int32_t>((i * 7919) % c.vocab);
  return targets;
}

// No dhead where `before`, what it holds, is empty.
static std::vector<Output> run(belle_backend& b, const HeadCase& c, const std::vector<float>& hidden,
                               const std::vector<float>& head, const std::vector<int32_t>& targets,
                               const std::vector<float>& before, bool gradients = true) {
  Buffer bh(b, hidden, c.type), bw(b, head, c.type), bt(b, targets),
      losses(b, std::vector<float>(c.rows, NAN));
  Buffer dhidden(b, std::vector<float>(hidden.size(), NAN), c.type), dhead(b, before),
      logits(b, c.chunk_rows * ((c.vocab + 7) / 8 * 8), c.type);
  belle_linear_cross_entropy_args a = {};
  a.rows = c.rows, a.d = c.d, a.vocab = c.vocab, a.chunk_rows = c.chunk_rows;
  a.hidden = bh.data(), a.head = bw.data(), a.targets = bt.i32(), a.losses = losses.f32(),
  a.logits_scratch = logits.data();
  a.accumulate = c.accumulate;
  a.type = c.type;
  const int64_t supervised = std::count_if(targets.begin(), targets.end(), [](int32_t t) { return t >= 0; });
  if (c.counted) a.supervised = &supervised;
  if (gradients)
    a.dhidden = dhidden.data(), a.dhead = before.empty() ? nullptr : dhead.f32(), a.grad_scale = 0.125f;
  CHECK_OK(from_c(b.linear_cross_entropy(b.context, &a)));
  std::vector<Output> outputs = {{"losses", losses.read()}};
  if (gradients) outputs.push_back({"dhidden", dhidden.read(c.type)});
  if (gradients && !before.empty()) outputs.push_back({"dhead", dhead.read()});
  return outputs;
}

// What a plain implementation of `type` gets: float32 sums, logits and their gradients stored as `type`.
static reference::CrossEntropy<float> plain_loss(const HeadCase& c, const std::vector<float>& hidden,
                                                 const std::vector<float>& head,
                                                 const std::vector<int32_t>& targets) {
  reference::CrossEntropy<float> r{std::vector<float>(c.rows), std::vector<float>(hidden.size()),
                                   std::vector<float>(head.size())};
  for (int64_t row = 0; row < c.rows; ++row) {
    if (targets[row] < 0) continue;
    std::vector<float> x(c.vocab), gradient(c.vocab);
    for (int64_t w = 0; w < c.vocab; ++w) {
      for (int64_t i = 0; i < c.d; ++i) x[w] += hidden[row * c.d + i] * head[w * c.d + i];
    }
    x = rounded(x, c.type);
    const float highest = *std::max_element(x.begin(), x.end());
    float sum = 0;
    for (const float value : x) sum += std::exp(value - highest);
    r.losses[row] = std::log(sum) - (x[targets[row]] - highest);
    for (int64_t w = 0; w < c.vocab; ++w)
      gradient[w] = 0.125f * (std::exp(x[w] - highest) / sum - (w == targets[row] ? 1.0f : 0.0f));
    gradient = rounded(gradient, c.type);
    for (int64_t w = 0; w < c.vocab; ++w) {
      for (int64_t i = 0; i < c.d; ++i) {
        r.dhidden[row * c.d + i] += gradient[w] * head[w * c.d + i];
        r.dhead[w * c.d + i] += gradient[w] * hidden[row * c.d + i];
      }
    }
  }
  return r;
}

static void check_loss(const HeadCase& c) {
  const auto hidden = rounded(random_normal(c.rows * c.d, 1), c.type),
             head = rounded(random_normal(c.vocab * c.d, 2), c.type),
             before = random_normal(c.vocab * c.d, 3, 0.1);
  const auto targets = some_targets(c);
  auto plain = plain_loss(c, hidden, head, targets);
  auto exact =
      reference::linear_cross_entropy<double>(to<double>(hidden), to<double>(head), targets, c.d, 0.125);
  if (c.accumulate) {
    for (size_t i = 0; i < before.size(); ++i) plain.dhead[i] += before[i], exact.dhead[i] += before[i];
  }
  check_op("linear_cross_entropy " + type_name(c.type) + ", " + std::to_string(c.vocab) +
               " entries, chunks of " + std::to_string(c.chunk_rows),
           [&](belle_backend& b) { return run(b, c, hidden, head, targets, before); },
           {{plain.losses, exact.losses},
            stored_as(c.type, {plain.dhidden, exact.dhidden}),
            {plain.dhead, exact.dhead}});
}

TEST("linear_cross_entropy: losses and gradients, some rows unsupervised, several chunks, dtypes") {
  // Odd everything; rows and columns beyond one panel; chunks of odd size; more entries than bands at once.
  const HeadCase cases[] = {{50, 20, 131, 16}, {64, 33, 1000, 64},   {7, 8, 3, 100},    {1, 4, 1, 1},
                            {20, 6, 259, 3},   {170, 130, 517, 112}, {5, 3, 30011, 16}, {9, 5, 513, 1}};
  for (HeadCase c : cases) {
    for (c.type = BELLE_F32; c.type <= BELLE_BF16; ++c.type) {
      for (c.accumulate = 0; c.accumulate < 2; ++c.accumulate) {
        c.counted = c.accumulate == 0;
        check_loss(c);
      }
    }
  }
}

TEST("linear_cross_entropy: a row's loss and gradient have the same bits in any chunk and any company") {
  for (const int32_t type : kTypes) {
    const HeadCase c{40, 24, 300, 40, type};
    const auto hidden = random_normal(c.rows * c.d, 1), head = random_normal(c.vocab * c.d, 2);
    const auto targets = some_targets(c);
    on_every_isa(2, [&](belle_backend& b, const std::string&) {
      const auto whole = run(b, c, hidden, head, targets, {});
      HeadCase counted = c;
      counted.counted = true;
      const auto told = run(b, counted, hidden, head, targets, {});
      CHECK(same_bits(told[0].values, whole[0].values) && same_bits(told[1].values, whole[1].values));
      for (const int64_t chunk_rows : {1, 3, 16, 17}) {
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
}

TEST("linear_cross_entropy: large logits, no supervised row at all, NaN shows in its row") {
  on_every_isa(2, [&](belle_backend& b, const std::string&) {
    for (const int32_t type : kTypes) {
      HeadCase c{2, 1, 3, 2, type};
      auto losses = run(b, c, {1024.0f, -1024.0f}, {1.0f, 0.5f, -1.0f}, {1, 2}, {}, false)[0].values;
      CHECK_EQ(losses[0], 512.0f);
      CHECK_EQ(losses[1], 0.0f);
      losses = run(b, c, {NAN, 1.0f}, {1.0f, 0.5f, -1.0f}, {1, 2}, {}, false)[0].values;
      CHECK(std::isnan(losses[0]) && !std::isnan(losses[1]));
      for (c.accumulate = 0; c.accumulate < 2; ++c.accumulate) {
        c.counted = c.accumulate == 1;
        const auto none = run(b, c, {1.0f, 2.0f}, {1.0f, 2.0f, 3.0f}, {-100, -100}, {5.0f, 6.0f, 7.0f});
        CHECK(same_bits(none[0].values, {0, 0}));
        CHECK(same_bits(none[1].values, {0, 0}));
        CHECK(same_bits(none[2].values, c.accumulate ? std::vector<float>{5, 6, 7} : std::vector<float>(3)));
      }
    }
  });
}

TEST("linear_cross_entropy: more rows than a scan takes at once; a target beyond the vocabulary") {
  check_loss({2500, 2, 5, 1700, BELLE_BF16, 0});
  on_every_isa(2, [&](belle_backend& b, const std::string&) {
    std::vector<int32_t> targets(2500, 4);
    targets[2] = -100, targets[1030] = 9, targets[2400] = 7;
    Buffer hidden(b, std::vector<float>(5000)), head(b, std::vector<float>(10)), bt(b, targets),
        losses(b, std::vector<float>(2500)), logits(b, std::vector<float>(80));
    belle_linear_cross_entropy_args a = {};
    a.rows = 2500, a.d = 2, a.vocab = 5, a.chunk_rows = 10;
    a.hidden = hidden.data(), a.head = head.data(), a.targets = bt.i32(), a.losses = losses.f32();
    a.logits_scratch = logits.data();
    CHECK_REFUSED(b.linear_cross_entropy(b.context, &a), StatusCode::invalid_argument,
                  "the target of row 1030 is 9, the vocabulary has 5 rows; check the labels");
  });
}

TEST("linear_cross_entropy: errors") {
  on_every_isa(1, [&](belle_backend& b, const std::string&) {
    Buffer x(b, std::vector<float>(64)), losses(b, std::vector<float>(2)),
        targets(b, std::vector<int32_t>{1, 8});
    belle_linear_cross_entropy_args a = {};
    a.rows = 2, a.d = 4, a.vocab = 8, a.chunk_rows = 2;
    a.hidden = x.data(), a.head = x.data(), a.targets = targets.i32(), a.losses = losses.f32(),
    a.logits_scratch = x.data();
    CHECK_REFUSED(
        b.linear_cross_entropy(b.context, &a), StatusCode::invalid_argument,
        "linear_cross_entropy: the target of row 1 is 8, the vocabulary has 8 rows; check the labels");
    int64_t supervised = 3;
    a.supervised = &supervised;
    CHECK_REFUSED(b.linear_cross_entropy(b.context, &a), StatusCode::invalid_argument,
                  "linear_cross_entropy: supervised is 3 of 2 rows");
    if (std::string(b.name) == "cpu") {
      a.vocab = 9, supervised = 1;
      CHECK_REFUSED(b.linear_cross_entropy(b.context, &a), StatusCode::invalid_argument,
                    "linear_cross_entropy: supervised is 1, but 2 rows have a target");
      a.vocab = 8;
    }
    a.supervised = nullptr;
    a.chunk_rows = 0;
    CHECK_REFUSED(b.linear_cross_entropy(b.context, &a), StatusCode::invalid_argument,
                  "linear_cross_entropy: chunk_rows is 0");
    a.chunk_rows = 2, a.logits_scratch = nullptr;
    CHECK_REFUSED(b.linear_cross_entropy(b.context, &a), StatusCode::invalid_argument,
                  "linear_cross_entropy: logits_scratch is NULL");
    a.type = 7;
    CHECK_REFUSED(b.linear_cross_entropy(b.context, &a), StatusCode::invalid_argument,
                  "linear_cross_entropy: dtype 7 is unknown");
  });
}

}  // namespace belle::test
