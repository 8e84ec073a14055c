#include <algorithm>
#include <cmath>
#include <functional>

#include "native/train/bijection.h"
#include "native/train/step_plan.h"
#include "test/native/check.h"

using namespace belle;
using namespace belle::train;

// Values printed by transformers 5.18 (get_scheduler, lr 1), 10 steps, 3 of warm-up.
TEST("schedule: the factors of transformers") {
  const auto factors = [](Schedule type, int64_t warmup, double decay_ratio = 0.1) {
    std::vector<double> all;
    for (int64_t step = 0; step < 10; ++step)
      all.push_back(schedule_factor(type, step, warmup, 10, decay_ratio));
    return all;
  };
  using V = std::vector<double>;
  CHECK(factors(Schedule::constant, 3) == V(10, 1.0));
  const V warm{0.0, 1 / 3.0, 2 / 3.0};
  const auto after_warmup = [&](V rest) {
    V all = warm;
    all.insert(all.end(), rest.begin(), rest.end());
    return all;
  };
  CHECK(factors(Schedule::constant_with_warmup, 3) == after_warmup(V(7, 1.0)));
  CHECK(factors(Schedule::linear, 3) ==
        after_warmup({1.0, 6 / 7.0, 5 / 7.0, 4 / 7.0, 3 / 7.0, 2 / 7.0, 1 / 7.0}));
  const V cosine = after_warmup({1.0, 0.9504844339512095, 0.8117449009293668, 0.6112604669781572,
                                 0.38873953302184283, 0.1882550990706332, 0.04951556604879043});
  const V got = factors(Schedule::cosine, 3);
  for (size_t i = 0; i < 10; ++i) CHECK_NEAR(got[i], cosine[i], 1e-15);
  CHECK(factors(Schedule::warmup_stable_decay, 3, 0.4) ==
        after_warmup({1.0, 1.0, 1.0, 1.0, 1 - std::sqrt(0.25), 1 - std::sqrt(0.5), 1 - std::sqrt(0.75)}));
  CHECK_EQ(schedule_factor(Schedule::warmup_stable_decay, 10, 3, 10, 0.4), 0.0);
  CHECK_EQ(schedule_factor(Schedule::linear, 12, 3, 10, 0), 0.0);
  CHECK(factors(Schedule::warmup_stable_decay, 9, 1.0).back() == 1.0);  // warm-up leaves one step to decay in
}

TEST("step plan: counts as transformers.Trainer does") {
  TrainConfig config;
  config.gradient_accumulation_steps = 4;
  config.num_train_epochs = 3;
  config.warmup_ratio = 0.1;
  const StepPlan plan = plan_steps(config, 10).value();
  CHECK_EQ(plan.steps_per_epoch, 3);
  CHECK_EQ(plan.total_steps, 9);
  CHECK_EQ(plan.warmup_steps, 1);
  const Window last = plan.window(2), next = plan.window(3);
  CHECK(last.epoch == 0 && last.first == 8 && last.last == 10);
  CHECK(next.epoch == 1 && next.first == 0 && next.last == 4);
  config.num_train_epochs = 0.5;
  CHECK_EQ(int64_t{plan_steps(config, 10).value().total_steps}, 2);
  config.max_steps = 7;
  config.warmup_steps = 5;
  CHECK_EQ(int64_t{plan_steps(config, 10).value().total_steps}, 7);
  CHECK_EQ(int64_t{plan_steps(config, 10).value().warmup_steps}, 5);
  CHECK_EQ(std::string(plan_steps(config, 0).status().message()),
           "there is no training data: the source holds no micro-batch");
  config.max_steps = 0;
  config.num_train_epochs = 0;
  CHECK_EQ(std::string(plan_steps(config, 10).status().message()),
           "num_train_epochs must be such that there is at least one step (or set max_steps), not 0.0");
}

TEST("config: each impossible value is refused by its name") {
  const auto error = [](const std::function<void(TrainConfig&)>& change) {
    TrainConfig config;
    change(config);
    return std::string(check_config(config).message());
  };
  CHECK_EQ(error([](TrainConfig&) {}), "");
  CHECK_EQ(error([](TrainConfig& c) { c.learning_rate = -1; }), "learning_rate must be 0 or more, not -1.0");
  CHECK_EQ(error([](TrainConfig& c) { c.learning_rate = NAN; }), "learning_rate must be 0 or more, not null");
  CHECK_EQ(error([](TrainConfig& c) { c.adam_beta2 = 1; }), "adam_beta2 must be from 0 to below 1, not 1.0");
  CHECK_EQ(error([](TrainConfig& c) { c.adam_epsilon = 0; }), "adam_epsilon must be more than 0, not 0.0");
  CHECK_EQ(error([](TrainConfig& c) { c.warmup_ratio = 1.5; }), "warmup_ratio must be from 0 to 1, not 1.5");
  CHECK_EQ(error([](TrainConfig& c) { c.max_steps = -3; }), "max_steps must be 0 or more, not -3.0");
  CHECK_EQ(error([](TrainConfig& c) { c.gradient_accumulation_steps = 0; }),
           "gradient_accumulation_steps must be from 1 to 1048576, not 0.0");
}

TEST("config fingerprint: moved by what shapes the result, not by where it is saved") {
  const TrainConfig base;
  TrainConfig saved = base, faster = base, leaner = base;
  leaner.recompute = model::Recompute::layer;
  CHECK_EQ(fingerprint_of(leaner), fingerprint_of(base));
  saved.output_dir = "elsewhere";
  saved.save_steps = 3;
  faster.learning_rate = 1e-4;
  CHECK_EQ(fingerprint_of(saved), fingerprint_of(base));
  CHECK(fingerprint_of(faster) != fingerprint_of(base));
}

TEST("order: a bijection for every size, another one for every epoch and seed") {
  for (const uint64_t n : {1, 2, 3, 4, 5, 7, 16, 17, 100, 1000, 4097}) {
    for (const uint64_t epoch : {0, 1, 9}) {
      const Bijection order(n, 42, epoch);
      std::vector<bool> seen(n);
      for (uint64_t i = 0; i < n; ++i) {
        const uint64_t to = order(i);
        CHECK(to < n && !seen[to]);
        seen[to] = true;
      }
    }
  }
  const auto same_places = [](const Bijection& a, const Bijection& b) {
    int same = 0;
    for (uint64_t i = 0; i < 1000; ++i) same += a(i) == b(i);
    return same;
  };
  CHECK(same_places(Bijection(1000, 1, 0), Bijection(1000, 1, 1)) < 10);
  CHECK(same_places(Bijection(1000, 1, 0), Bijection(1000, 2, 0)) < 10);
  CHECK_EQ(same_places(Bijection(1000, 1, 3), Bijection(1000, 1, 3)), 1000);
}

TEST("order: positions are uniform (chi-square over a thousand epochs)") {
  constexpr int kItems = 8, kEpochs = 4000;
  int counts[kItems][kItems] = {};
  for (uint64_t epoch = 0; epoch < kEpochs; ++epoch) {
    const Bijection order(kItems, 7, epoch);
    for (uint64_t i = 0; i < kItems; ++i) ++counts[i][order(i)];
  }
  double chi = 0;
  for (const auto& row : counts) {
    for (const int count : row) chi += std::pow(count - kEpochs / 8.0, 2) / (kEpochs / 8.0);
  }
  CHECK(chi < 49 + 5 * std::sqrt(2 * 49.0));  // 49 degrees of freedom, five standard deviations
}

TEST("order: pinned, for checkpoints of older versions must find the same data") {
  const Bijection order(10, 42, 0);
  std::vector<uint64_t> got;
  for (uint64_t i = 0; i < 10; ++i) got.push_back(order(i));
  std::string shown;
  for (const uint64_t value : got) shown += std::to_string(value) + " ";
  CHECK_EQ(shown, "0 8 2 6 1 5 9 4 3 7 ");
}
