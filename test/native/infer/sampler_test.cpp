// The processors, one at a time, on logits worked out by hand.
#include "native/infer/sampler.h"

#include <map>

#include "test/native/model/tiny.h"

using namespace belle;
using namespace belle::test;

static int32_t choose(const infer::GenerateRequest& request, std::vector<float> logits, double uniform,
                      std::vector<int32_t> context = {}) {
  infer::Sampler sampler(request);
  const auto chosen = sampler.choose(logits, context, uniform);
  CHECK_OK(chosen.status());
  return chosen.ok() ? chosen.value() : -1;
}

// How often each id comes out over an even grid of uniforms.
static std::map<int32_t, double> shares(const infer::GenerateRequest& request,
                                        const std::vector<float>& logits, std::vector<int32_t> context = {}) {
  std::map<int32_t, double> out;
  constexpr int kDraws = 10000;
  for (int i = 0; i < kDraws; ++i) out[choose(request, logits, (i + 0.5) / kDraws, context)] += 1.0 / kDraws;
  return out;
}

static const std::vector<float> kLogits{std::log(0.1f), std::log(0.4f), std::log(0.2f), std::log(0.3f)};

TEST("sampler: greedy takes the first of the largest") { CHECK_EQ(choose({}, {1, 3, 3, 2}, 0.99), 1); }

TEST("sampler: temperature 1 draws the softmax") {
  const auto found = shares({.temperature = 1}, kLogits);
  const double expected[] = {0.1, 0.4, 0.2, 0.3};
  for (int32_t id = 0; id < 4; ++id) CHECK_NEAR(found.at(id), expected[id], 2e-4);
}

TEST("sampler: temperature 0.5 squares the odds") {
  const auto found = shares({.temperature = 0.5}, kLogits);
  const double expected[] = {0.01, 0.16, 0.04, 0.09};
  for (int32_t id = 0; id < 4; ++id) CHECK_NEAR(found.at(id), expected[id] / 0.30, 2e-4);
}

TEST("sampler: top-k keeps the k best and ties with the last") {
  const auto found = shares({.temperature = 1, .top_k = 2}, kLogits);
  CHECK_EQ(found.size(), 2u);
  CHECK_NEAR(found.at(1), 4.0 / 7, 2e-4);
  CHECK_NEAR(found.at(3), 3.0 / 7, 2e-4);
  const auto tied = shares({.temperature = 1, .top_k = 2}, {2, 1, 1, 0});
  CHECK_EQ(tied.size(), 3u);
}

TEST("sampler: top-p keeps the smallest head that reaches p, and always one") {
  const auto found = shares({.temperature = 1, .top_p = 0.65}, kLogits);
  CHECK_EQ(found.size(), 2u);
  CHECK_NEAR(found.at(1), 4.0 / 7, 2e-4);
  const auto more = shares({.temperature = 1, .top_p = 0.75}, kLogits);
  CHECK_EQ(more.size(), 3u);
  const auto one = shares({.temperature = 1, .top_p = 1e-9}, kLogits);
  CHECK_EQ(one.size(), 1u);
  CHECK_EQ(one.begin()->first, 1);
}

TEST("sampler: top-p sees what top-k left") {
  // Of 4/7 and 3/7 the head of 0.5 is one token; of all four it would be two.
  CHECK_EQ(shares({.temperature = 1, .top_k = 2, .top_p = 0.5}, kLogits).size(), 1u);
  CHECK_EQ(shares({.temperature = 1, .top_p = 0.5}, kLogits).size(), 2u);
}

TEST("sampler: the repetition penalty divides positive and multiplies negative scores, once an id") {
  CHECK_EQ(choose({.repetition_penalty = 2}, {3, 2, -1}, 0, {0, 0, 0}), 1);  // 3 / 2 < 2
  CHECK_EQ(choose({.repetition_penalty = 1.2}, {3, 2, -1}, 0, {0, 0, 0}),
           0);                                                             // 2.5 > 2: not applied three times
  CHECK_EQ(choose({.repetition_penalty = 2}, {-1, -1.5, -3}, 0, {0}), 1);  // -2 < -1.5
}

TEST("sampler: extreme temperatures keep the order") {
  CHECK_EQ(choose({.temperature = 1e-300}, {-5, 7, 6.9999f}, 0.999999), 1);
  CHECK_EQ(shares({.temperature = 1e30}, {-5, 7, 6}).size(), 3u);
}

TEST("sampler: an infinity is an error") {
  infer::GenerateRequest request;
  infer::Sampler sampler(request);
  std::vector<float> logits{1, INFINITY};
  CHECK_EQ(message_of(sampler.choose(logits, {}, 0)),
           std::string("no token has a finite largest logit; the weights are damaged or training diverged"));
}
