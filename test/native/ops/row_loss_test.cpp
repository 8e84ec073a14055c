// The cross-entropy kernel: one row of logits.
#include "native/core/dtype.h"
#include "test/native/ops/kit.h"

namespace belle::test {

struct RowLoss {
  float loss = 0;
  std::vector<float> logits;  // as the kernel left them
};

static RowLoss run(const ops::KernelTable& kernels, const std::vector<float>& logits, int64_t target,
                   bool gradient, float scale, int32_t type) {
  const int64_t n = static_cast<int64_t>(logits.size());
  if (type == BELLE_F32) {
    RowLoss r{0, logits};
    r.loss = kernels.cross_entropy(r.logits.data(), n, target, gradient, scale, ops::Type::f32);
    return r;
  }
  std::vector<uint16_t> halves(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) halves[i] = f32_to_bf16(logits[i]);
  RowLoss r{kernels.cross_entropy(halves.data(), n, target, gradient, scale, ops::Type::bf16), {}};
  for (const uint16_t half : halves) r.logits.push_back(bf16_to_f32(half));
  return r;
}

// Loss, then gradient.
template <class T>
static std::vector<T> expected(const std::vector<float>& logits, int64_t target, T scale) {
  T highest = -INFINITY, sum = 0;
  for (const float x : logits) highest = std::max(highest, T(x));
  for (const float x : logits) sum += std::exp(T(x) - highest);
  std::vector<T> r = {std::log(sum) - (T(logits[target]) - highest)};
  for (const float x : logits) r.push_back(scale * std::exp(T(x) - highest) / sum);
  r[1 + target] -= scale;
  return r;
}

TEST("cross_entropy: loss and gradient of one row, both element types") {
  for (const auto* kernels : backend::usable_kernels()) {
    for (const int32_t type : kTypes) {
      for (const int64_t n : {1, 2, 15, 16, 131, 4099}) {
        const auto logits = rounded(random_normal(n, 1, 4), type);
        const int64_t target = n / 2;
        const auto got = run(*kernels, logits, target, true, 0.125f, type);
        const auto plain = expected<float>(logits, target, 0.125f);
        const auto exact = expected<double>(logits, target, 0.125);
        const std::string name =
            "cross_entropy " + type_name(type) + " n " + std::to_string(n) + " on " + kernels->isa;
        CHECK_NEAR(got.loss, exact[0], 2e-6 * std::max(1.0, std::fabs(exact[0])));
        check_error(name, got.logits,
                    stored_as(type, {{plain.begin() + 1, plain.end()}, {exact.begin() + 1, exact.end()}}));
        // Without a gradient the logits stay, and the loss is the same.
        const auto loss_only = run(*kernels, logits, target, false, 0.125f, type);
        CHECK_EQ(loss_only.loss, got.loss);
        CHECK(same_bits(loss_only.logits, logits));
      }
    }
  }
}

TEST("cross_entropy: a bfloat16 gradient is the float32 one, rounded once") {
  const auto logits = rounded(random_normal(515, 1, 2), BELLE_BF16);
  for (const auto* kernels : backend::usable_kernels()) {
    const auto whole = run(*kernels, logits, 77, true, 0.25f, BELLE_F32),
               stored = run(*kernels, logits, 77, true, 0.25f, BELLE_BF16);
    CHECK_EQ(stored.loss, whole.loss);
    CHECK(same_bits(stored.logits, rounded(whole.logits, BELLE_BF16)));
  }
}

TEST("cross_entropy: masked vocabulary, huge logits, NaN") {
  for (const auto* kernels : backend::usable_kernels()) {
    for (const int32_t type : kTypes) {
      std::vector<float> logits(40, -INFINITY);
      logits[3] = 1e4f, logits[39] = 1e4f;
      const auto two = run(*kernels, logits, 39, true, 1, type);
      CHECK_NEAR(two.loss, std::log(2.0), 1e-6);
      CHECK_EQ(two.logits[3], 0.5f);
      CHECK_EQ(two.logits[39], -0.5f);
      CHECK_EQ(two.logits[0], 0.0f);
      logits[20] = NAN;
      CHECK(std::isnan(run(*kernels, logits, 39, true, 1, type).loss));
    }
  }
}

}  // namespace belle::test
