// AdamW, on float32 weights and on weights in two halves.
#include "test/native/ops/kit.h"

namespace belle::test {

using reference::to;

// float32 values in halves: bits(w) = (weight << 16) + remainder, by the definition.
struct Halves {
  explicit Halves(const std::vector<float>& values) : weight(values.size()), remainder(values.size()) {
    for (size_t i = 0; i < values.size(); ++i) {
      uint32_t bits;
      std::memcpy(&bits, &values[i], 4);
      remainder[i] = static_cast<int16_t>(bits & 0xffff);
      weight[i] =
          static_cast<uint16_t>((bits - static_cast<uint32_t>(static_cast<int32_t>(remainder[i]))) >> 16);
    }
  }
  // As the device has them.
  void read(belle_backend& b, Buffer& from_weight, Buffer& from_remainder) {
    CHECK_OK(from_c(b.read(b.context, weight.data(), from_weight.data(), 2 * weight.size())));
    CHECK_OK(from_c(b.read(b.context, remainder.data(), from_remainder.data(), 2 * remainder.size())));
  }
  uint32_t bits(size_t i) const {
    return (static_cast<uint32_t>(weight[i]) << 16) + static_cast<uint32_t>(int32_t{remainder[i]});
  }
  std::vector<float> joined() const {
    std::vector<float> values(weight.size());
    for (size_t i = 0; i < values.size(); ++i) {
      const uint32_t word = bits(i);
      std::memcpy(&values[i], &word, 4);
    }
    return values;
  }
  std::vector<uint16_t> weight;
  std::vector<int16_t> remainder;
};

TEST("adamw: three steps as torch.optim.AdamW") {
  const size_t n = 20001;
  const auto weight = random_normal(n, 1), g1 = random_normal(n, 2), g2 = random_normal(n, 3, 1e-3),
             g3 = random_normal(n, 4, 10);
  const std::vector<const std::vector<float>*> gradients = {&g1, &g2, &g3};
  const double lr = 1e-2, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, decay = 0.1;
  reference::AdamW<float> plain{weight, std::vector<float>(n), std::vector<float>(n)};
  reference::AdamW<double> exact{to<double>(weight), std::vector<double>(n), std::vector<double>(n)};
  for (int64_t step = 1; step <= 3; ++step) {
    plain = reference::adamw<float>(plain, *gradients[step - 1], 0.5f, lr, beta1, beta2, eps, decay, step);
    exact = reference::adamw<double>(exact, to<double>(*gradients[step - 1]), 0.5, lr, beta1, beta2, eps,
                                     decay, step);
  }
  check_op("adamw",
           [&](belle_backend& b) {
             const std::vector<float> zeros(n);
             Halves halves(weight);
             Buffer w(b, weight), m(b, zeros), v(b, zeros), high(b, halves.weight), low(b, halves.remainder),
                 halves_m(b, zeros), halves_v(b, zeros);
             for (int64_t step = 1; step <= 3; ++step) {
               Buffer g(b, *gradients[step - 1]);
               belle_adamw_args args = {static_cast<int64_t>(n),
                                        w.f32(),
                                        nullptr,
                                        BELLE_F32,
                                        g.f32(),
                                        m.f32(),
                                        v.f32(),
                                        0.5f,
                                        lr,
                                        beta1,
                                        beta2,
                                        eps,
                                        decay,
                                        step};
               CHECK_OK(from_c(b.adamw(b.context, &args)));
               args.weight = high.data(), args.remainder = static_cast<int16_t*>(low.data());
               args.type = BELLE_BF16, args.m = halves_m.f32(), args.v = halves_v.f32();
               CHECK_OK(from_c(b.adamw(b.context, &args)));
             }
             halves.read(b, high, low);
             CHECK(same_bits(halves.joined(), w.read()));
             return std::vector<Output>{{"weight", w.read()}, {"m", m.read()}, {"v", v.read()}};
           },
           {{plain.weight, exact.weight}, {plain.m, exact.m}, {plain.v, exact.v}});
}

TEST("adamw: the values of torch 2.13") {
  // torch.optim.AdamW([0.5, -1.25, 2], lr=1e-2, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1), three steps.
  const std::vector<float> gradients[] = {{0.1f, -0.2f, 0.3f}, {-0.05f, 0.4f, 1e-3f}, {2, -3, 1e-6f}};
  const float weight[] = {0.479367793f, -1.23402977f, 1.97210884f};
  const float m[] = {0.203600004f, -0.280200005f, 0.0243900996f};
  const float v[] = {0.00401247758f, 0.00919975992f, 8.98211001e-05f};
  on_every_isa(1, [&](belle_backend& b, const std::string&) {
    Buffer bw(b, std::vector<float>{0.5f, -1.25f, 2.0f}), bm(b, size_t{12}), bv(b, size_t{12});
    for (int64_t step = 1; step <= 3; ++step) {
      Buffer g(b, gradients[step - 1]);
      const belle_adamw_args args = {3, bw.f32(), nullptr, BELLE_F32, g.f32(), bm.f32(), bv.f32(),
                                     1, 1e-2,     0.9,     0.999,     1e-8,    0.1,      step};
      CHECK_OK(from_c(b.adamw(b.context, &args)));
    }
    for (size_t i = 0; i < 3; ++i) {  // two units in the last place
      CHECK_NEAR(bw.read()[i], weight[i], 2.4e-7 * std::fabs(weight[i]));
      CHECK_NEAR(bm.read()[i], m[i], 2.4e-7 * std::fabs(m[i]));
      CHECK_NEAR(bv.read()[i], v[i], 2.4e-7 * std::fabs(v[i]));
    }
  });
}

TEST("adamw: a weight in two halves takes the float32 weight's steps bit for bit") {
  const int64_t n = 1037;
  const int steps = 1000;
  const auto start = random_normal(n, 1, 0.02);
  const std::vector<float> zeros(n);
  on_every_isa(2, [&](belle_backend& b, const std::string& isa) {
    Buffer whole(b, start), m(b, zeros), v(b, zeros), halves_m(b, zeros), halves_v(b, zeros);
    Halves halves(start);
    Buffer weight(b, halves.weight), remainder(b, halves.remainder);
    auto joined = [&] {
      halves.read(b, weight, remainder);
      return halves.joined();
    };
    CHECK(same_bits(joined(), start));
    for (int step = 1; step <= steps; ++step) {
      Buffer grad(b, random_normal(n, 100 + step, step % 7 == 0 ? 1 : 1e-2));
      belle_adamw_args args = {};
      args.n = n, args.weight = whole.data(), args.type = BELLE_F32, args.grad = grad.f32();
      args.m = m.f32(), args.v = v.f32(), args.grad_scale = 0.5f, args.step = step;
      args.lr = 1e-4 * step / steps, args.beta1 = 0.9, args.beta2 = 0.95, args.eps = 1e-8,
      args.weight_decay = 0.1;
      CHECK_OK(from_c(b.adamw(b.context, &args)));
      args.weight = weight.data(), args.type = BELLE_BF16, args.m = halves_m.f32(), args.v = halves_v.f32();
      args.remainder = static_cast<int16_t*>(remainder.data());
      CHECK_OK(from_c(b.adamw(b.context, &args)));
      if (step % 50 != 0) continue;
      if (!same_bits(joined(), whole.read()))
        return fail(__FILE__, __LINE__,
                    isa + ": the halves differ from the whole at step " + std::to_string(step));
    }
    CHECK(same_bits(halves_m.read(), m.read()));
    CHECK(same_bits(halves_v.read(), v.read()));
    CHECK(!same_bits(whole.read(), start));
    // What the model computes with is the nearest bfloat16.
    const auto exact = whole.read(), seen = weight.read(BELLE_BF16);
    for (int64_t i = 0; i < n; ++i)
      CHECK(std::fabs(seen[i] - exact[i]) <= std::ldexp(1.0, std::ilogb(exact[i]) - 8));
  });
}

TEST("adamw: halves at the borders of rounding, zero, and NaN") {
  // lr 0: the step leaves w as it is, only the split is made anew.
  const uint32_t bits[] = {0,          0x80000000, 0x3f808000, 0x3f807fff, 0x3f808001, 0xbf808000,
                           0x3f7fffff, 0x7f7fffff, 0x00008000, 0x00007fff, 0x7fffffff, 0xffffffff};
  const uint32_t high[] = {0,      0x8000, 0x3f81, 0x3f80, 0x3f81, 0xbf81,
                           0x3f80, 0x7f80, 0x0001, 0,      0x7fc0, 0x7fc0};
  constexpr int64_t n = std::size(bits);
  on_every_isa(1, [&](belle_backend& b, const std::string&) {
    std::vector<float> values(n);
    std::memcpy(values.data(), bits, sizeof bits);
    Halves halves(values);
    Buffer weight(b, halves.weight), remainder(b, halves.remainder), grad(b, std::vector<float>(n)),
        m(b, std::vector<float>(n)), v(b, std::vector<float>(n));
    belle_adamw_args args = {};
    args.n = n, args.weight = weight.data(), args.type = BELLE_BF16, args.grad = grad.f32();
    args.remainder = static_cast<int16_t*>(remainder.data());
    args.m = m.f32(), args.v = v.f32(), args.grad_scale = 1, args.step = 1;
    args.beta1 = 0.9, args.beta2 = 0.999, args.eps = 1e-8;
    CHECK_OK(from_c(b.adamw(b.context, &args)));
    halves.read(b, weight, remainder);
    for (int64_t i = 0; i < n; ++i) {
      CHECK_EQ(halves.weight[i], high[i]);
      if (i < 10) CHECK_EQ(halves.bits(i), bits[i]);
    }
  });
}

}  // namespace belle::test
