// Elementwise ops, sums, memory.
#include <map>

#include "test/native/ops/kit.h"

namespace belle::test {

// Values of every size an activation meets, with the tails of the exponential.
static std::vector<float> spread(size_t n, uint64_t seed) {
  auto x = random_normal(n, seed, 4);
  const float corners[] = {0.0f, -0.0f, 1e-30f, -1e-30f, 20, -20, 87, -87, 100, -100};
  std::copy(std::begin(corners), std::end(corners), x.begin());
  return x;
}

TEST("exponential: at most 1.5 ulp, exact at the ends") {
  std::vector<float> x;
  for (double at = -87.3; at < 88.7; at += 0.00173) x.push_back(static_cast<float>(at));
  for (double at = -1; at < 1; at += 0.00011) x.push_back(static_cast<float>(at));
  for (const auto* kernels : backend::usable_kernels()) {
    std::vector<float> y(x.size());
    kernels->exponentials(y.data(), x.data(), static_cast<int64_t>(x.size()));
    double worst = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double exact = std::exp(static_cast<double>(x[i]));
      const double ulp = std::ldexp(1.0, std::ilogb(exact) - 23);
      worst = std::max(worst, std::fabs(y[i] - exact) / ulp);
    }
    if (!(worst <= 1.5)) fail(__FILE__, __LINE__, std::string(kernels->isa) + ": " + show(worst) + " ulp");
    const float in[] = {0, -0.0f, INFINITY, -INFINITY, NAN, 89, -110, -100};
    float out[8];
    kernels->exponentials(out, in, 8);
    CHECK_EQ(out[0], 1.0f);
    CHECK_EQ(out[1], 1.0f);
    CHECK_EQ(out[2], INFINITY);
    CHECK_EQ(out[3], 0.0f);
    CHECK(std::isnan(out[4]));
    CHECK_EQ(out[5], INFINITY);
    CHECK_EQ(out[6], 0.0f);
    CHECK_NEAR(out[7], std::exp(-100.0), 1.5e-45);  // denormal: one step
  }
}

TEST("swiglu, gelu_tanh, add: forward and backward") {
  const int64_t count = 40003;
  const size_t n = count;
  for (const int32_t type : kTypes) {
    const auto x = rounded(spread(n, 1), type), up = rounded(random_normal(n, 2), type),
               dout = rounded(random_normal(n, 3), type);
    std::vector<float> p_swiglu(n), p_dgate(n), p_dup(n), p_gelu(n), p_dx(n), p_add(n);
    std::vector<double> swiglu(n), dgate(n), dup(n), gelu(n), dx(n), add(n);
    for (size_t i = 0; i < n; ++i) {
      p_swiglu[i] = reference::swiglu(x[i], up[i]);
      swiglu[i] = reference::swiglu<double>(x[i], up[i]);
      reference::swiglu_backward(dout[i], x[i], up[i], &p_dgate[i], &p_dup[i]);
      reference::swiglu_backward<double>(dout[i], x[i], up[i], &dgate[i], &dup[i]);
      p_gelu[i] = reference::gelu_tanh(x[i]);
      gelu[i] = reference::gelu_tanh<double>(x[i]);
      p_dx[i] = reference::gelu_tanh_backward(dout[i], x[i]);
      dx[i] = reference::gelu_tanh_backward<double>(dout[i], x[i]);
      p_add[i] = x[i] + up[i];
      add[i] = static_cast<double>(x[i]) + up[i];
    }
    check_op(
        "elementwise " + type_name(type),
        [&](belle_backend& b) {
          Buffer bx(b, x, type), bu(b, up, type), bd(b, dout, type);
          Buffer o1(b, n, type), o2(b, n, type), o3(b, n, type), o4(b, n, type), o5(b, n, type),
              o6(b, n, type);
          CHECK_OK(from_c(b.swiglu(b.context, o1.data(), bx.data(), bu.data(), 1, count, count, type)));
          CHECK_OK(from_c(b.swiglu_backward(b.context, o2.data(), o3.data(), bd.data(), bx.data(), bu.data(),
                                            1, count, count, type)));
          CHECK_OK(from_c(b.gelu_tanh(b.context, o4.data(), bx.data(), count, type)));
          CHECK_OK(from_c(b.gelu_tanh_backward(b.context, o5.data(), bd.data(), bx.data(), count, type)));
          CHECK_OK(from_c(b.add(b.context, o6.data(), bx.data(), bu.data(), count, type)));
          const std::vector<Output> outputs = {{"swiglu", o1.read(type)}, {"dgate", o2.read(type)},
                                               {"dup", o3.read(type)},    {"gelu", o4.read(type)},
                                               {"dx", o5.read(type)},     {"add", o6.read(type)}};
          // In place: the same bits.
          CHECK_OK(from_c(b.gelu_tanh(b.context, o6.data(), o6.data(), 0, type)));
          CHECK(same_bits(o6.read(type), outputs[5].values));
          CHECK_OK(from_c(b.gelu_tanh_backward(b.context, bd.data(), bd.data(), bx.data(), count, type)));
          CHECK(same_bits(bd.read(type), outputs[4].values));
          Buffer again(b, dout, type);
          CHECK_OK(from_c(b.swiglu_backward(b.context, bx.data(), bu.data(), again.data(), bx.data(),
                                            bu.data(), 1, count, count, type)));
          CHECK(same_bits(bx.read(type), outputs[1].values));
          CHECK(same_bits(bu.read(type), outputs[2].values));
          return outputs;
        },
        {stored_as(type, {p_swiglu, swiglu}), stored_as(type, {p_dgate, dgate}),
         stored_as(type, {p_dup, dup}), stored_as(type, {p_gelu, gelu}), stored_as(type, {p_dx, dx}),
         stored_as(type, {p_add, add})});
  }
}

TEST("swiglu: the two halves of one matrix give what two matrices give") {
  const int64_t tokens = 37, d = 45;
  for (const int32_t type : kTypes) {
    const auto gate = random_normal(tokens * d, 1), up = random_normal(tokens * d, 2),
               dout = random_normal(tokens * d, 3);
    std::vector<float> both;
    for (int64_t t = 0; t < tokens; ++t) {
      both.insert(both.end(), gate.begin() + t * d, gate.begin() + (t + 1) * d);
      both.insert(both.end(), up.begin() + t * d, up.begin() + (t + 1) * d);
    }
    on_every_isa(2, [&](belle_backend& b, const std::string&) {
      Buffer bg(b, gate, type), bu(b, up, type), bb(b, both, type), bd(b, dout, type),
          out(b, gate.size(), type), wide(b, gate.size(), type);
      void* half = static_cast<char*>(bb.data()) + d * static_cast<int64_t>(type_bytes(type));
      CHECK_OK(from_c(b.swiglu(b.context, out.data(), bg.data(), bu.data(), tokens, d, d, type)));
      CHECK_OK(from_c(b.swiglu(b.context, wide.data(), bb.data(), half, tokens, d, 2 * d, type)));
      CHECK(same_bits(wide.read(type), out.read(type)));
      CHECK_OK(from_c(b.swiglu_backward(b.context, bg.data(), bu.data(), bd.data(), bg.data(), bu.data(),
                                        tokens, d, d, type)));
      CHECK_OK(from_c(
          b.swiglu_backward(b.context, bb.data(), half, bd.data(), bb.data(), half, tokens, d, 2 * d, type)));
      const auto dgate = bg.read(type), dup = bu.read(type), joined = bb.read(type);
      for (int64_t i = 0; i < tokens * d; ++i) {
        CHECK_EQ(joined[i / d * 2 * d + i % d], dgate[i]);
        CHECK_EQ(joined[i / d * 2 * d + d + i % d], dup[i]);
      }
    });
  }
}

TEST("elementwise: what is stored in bfloat16 is the float32 result, rounded once") {
  const int64_t n = 1003;
  const auto x = rounded(random_normal(n, 1, 3), BELLE_BF16), y = rounded(random_normal(n, 2), BELLE_BF16),
             z = rounded(random_normal(n, 3), BELLE_BF16);
  on_every_isa(1, [&](belle_backend& b, const std::string&) {
    auto run = [&](int32_t type) {
      Buffer bx(b, x, type), by(b, y, type), bz(b, z, type), o1(b, n, type), o2(b, n, type), o3(b, n, type),
          o4(b, n, type), o5(b, n, type), o6(b, n, type);
      CHECK_OK(from_c(b.swiglu(b.context, o1.data(), bx.data(), by.data(), 1, n, n, type)));
      CHECK_OK(from_c(b.swiglu_backward(b.context, o2.data(), o3.data(), bz.data(), bx.data(), by.data(), 1,
                                        n, n, type)));
      CHECK_OK(from_c(b.gelu_tanh(b.context, o4.data(), bx.data(), n, type)));
      CHECK_OK(from_c(b.gelu_tanh_backward(b.context, o5.data(), bz.data(), bx.data(), n, type)));
      CHECK_OK(from_c(b.add(b.context, o6.data(), bx.data(), by.data(), n, type)));
      return std::vector<std::vector<float>>{o1.read(type), o2.read(type), o3.read(type),
                                             o4.read(type), o5.read(type), o6.read(type)};
    };
    const auto whole = run(BELLE_F32), stored = run(BELLE_BF16);
    for (size_t i = 0; i < whole.size(); ++i) CHECK(same_bits(stored[i], rounded(whole[i], BELLE_BF16)));
  });
}

TEST("elementwise: an element's bits do not depend on where it stands") {
  const std::vector<float> x = random_normal(100, 1), up = random_normal(100, 2), zeros(100);
  on_every_isa(1, [&](belle_backend& b, const std::string&) {
    Buffer bx(b, x), bu(b, up), whole(b, zeros), gelu(b, zeros), one(b, zeros), other(b, zeros);
    CHECK_OK(from_c(b.swiglu(b.context, whole.f32(), bx.f32(), bu.f32(), 1, 100, 100, BELLE_F32)));
    CHECK_OK(from_c(b.gelu_tanh(b.context, gelu.f32(), bx.f32(), 100, BELLE_F32)));
    for (int i = 0; i < 100; ++i) {
      CHECK_OK(from_c(b.swiglu(b.context, one.f32() + i, bx.f32() + i, bu.f32() + i, 1, 1, 1, BELLE_F32)));
      CHECK_OK(from_c(b.gelu_tanh(b.context, other.f32() + i, bx.f32() + i, 1, BELLE_F32)));
    }
    CHECK(same_bits(one.read(), whole.read()));
    CHECK(same_bits(other.read(), gelu.read()));
  });
}

TEST("sum, sum_squares: float64, one order for any number of threads and any alignment") {
  const auto x = random_normal(200001, 1, 1, 0.1);
  // From the fourth element on a Buffer lies on a 16-byte border.
  for (const int64_t from : {0, 3}) {
    double exact = 0, squares = 0;
    for (size_t i = from; i < x.size(); ++i) exact += x[i], squares += static_cast<double>(x[i]) * x[i];
    const int64_t n = static_cast<int64_t>(x.size()) - from;
    std::map<std::string, std::pair<double, double>> of_isa;
    for (const int threads : {1, 2}) {
      on_every_isa(threads, [&](belle_backend& b, const std::string& isa) {
        Buffer some(b, x), all_but(b, std::vector<float>(x.begin() + from, x.end()));
        double sum = 0, total = 0, moved = 0;
        CHECK_OK(from_c(b.sum(b.context, some.f32() + from, n, &sum)));
        CHECK_OK(from_c(b.sum_squares(b.context, some.f32() + from, n, &total)));
        CHECK_NEAR(sum, exact, 1e-12 * squares);
        CHECK_NEAR(total, squares, 1e-12 * squares);
        CHECK_OK(from_c(b.sum(b.context, all_but.f32(), n, &moved)));
        CHECK_EQ(moved, sum);
        CHECK_OK(from_c(b.sum(b.context, nullptr, 0, &moved)));
        CHECK_EQ(moved, 0.0);
        CHECK(of_isa.emplace(isa, std::pair(sum, total)).first->second == std::pair(sum, total));
      });
    }
  }
}

TEST("memory: zeroed, aligned, counted, and an honest refusal") {
  const auto device = backend::open_cpu(*backend::usable_kernels().front(), 1);
  belle_backend& b = *device;
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{64}, size_t{100003}}) {
    void* p = nullptr;
    CHECK_OK(from_c(b.alloc(b.context, bytes, &p)));
    CHECK_EQ(reinterpret_cast<uintptr_t>(p) % 64, 0u);
    for (size_t i = 0; i < bytes; ++i) CHECK_EQ(static_cast<char*>(p)[i], 0);
    CHECK_EQ(backend::cpu_memory(b).in_use, bytes);
    b.free(b.context, p);
    CHECK_EQ(backend::cpu_memory(b).in_use, 0u);
  }
  CHECK_EQ(backend::cpu_memory(b).peak, 100003u);
  b.free(b.context, nullptr);
  void* p = nullptr;
  CHECK_REFUSED(b.alloc(b.context, size_t{1} << 60, &p), StatusCode::out_of_memory,
                "alloc: 1.2 EB were asked, 0 B are in use by this backend");
  CHECK_REFUSED(b.alloc(b.context, ~size_t{0}, &p), StatusCode::out_of_memory, "were asked");
  CHECK(p == nullptr);
  CHECK_REFUSED(b.alloc(b.context, 4, nullptr), StatusCode::invalid_argument, "alloc: out is NULL");

  const std::vector<float> host = {1, 2, 3, 4};
  std::vector<float> back(4);
  Buffer x(b, size_t{16}), y(b, size_t{16});
  CHECK_OK(from_c(b.write(b.context, x.f32(), host.data(), 16)));
  CHECK_OK(from_c(b.copy(b.context, y.f32(), x.f32(), 16)));
  CHECK_OK(from_c(b.zero(b.context, x.f32(), 8)));
  CHECK_OK(from_c(b.synchronize(b.context)));
  CHECK_OK(from_c(b.read(b.context, back.data(), y.f32(), 16)));
  CHECK(same_bits(back, host));
  CHECK(same_bits(x.read(), {0, 0, 3, 4}));
  CHECK_REFUSED(b.write(b.context, nullptr, host.data(), 16), StatusCode::invalid_argument,
                "write: the target is NULL");
  CHECK_REFUSED(b.read(b.context, back.data(), nullptr, 16), StatusCode::invalid_argument,
                "read: the source is NULL");
  CHECK_REFUSED(b.copy(b.context, x.f32(), nullptr, 16), StatusCode::invalid_argument,
                "copy: the source is NULL");
  CHECK_REFUSED(b.zero(b.context, nullptr, 4), StatusCode::invalid_argument, "zero: the buffer is NULL");
}

TEST("flat: errors") {
  on_every_isa(1, [&](belle_backend& b, const std::string&) {
    void* c = b.context;
    Buffer x(b, std::vector<float>(8, 1.0f));
    float* p = x.f32();
    double out = 0;
    constexpr auto invalid = StatusCode::invalid_argument;
    CHECK_REFUSED(b.swiglu(c, p, p, nullptr, 1, 8, 8, BELLE_F32), invalid, "swiglu: up is NULL");
    CHECK_REFUSED(b.swiglu(c, p, p, p, 1, 8, 7, BELLE_F32), invalid,
                  "swiglu: stride is 7; it must be from 8");
    CHECK_REFUSED(b.swiglu(c, p, p, p, 1, 8, 8, -1), invalid,
                  "swiglu: dtype -1 is unknown; use BELLE_F32 (0) or BELLE_BF16 (1)");
    CHECK_REFUSED(b.swiglu_backward(c, p, nullptr, p, p, p, 1, 8, 8, BELLE_F32), invalid,
                  "swiglu_backward: dup is NULL");
    CHECK_REFUSED(b.gelu_tanh(c, p, p, -8, BELLE_F32), invalid, "gelu_tanh: n is -8");
    CHECK_REFUSED(b.gelu_tanh_backward(c, p, p, nullptr, 8, BELLE_F32), invalid,
                  "gelu_tanh_backward: x is NULL");
    CHECK_REFUSED(b.add(c, p, p, p, 8, 5), invalid, "add: dtype 5 is unknown");
    CHECK_REFUSED(b.sum(c, nullptr, 8, &out), invalid, "sum: x is NULL");
    CHECK_REFUSED(b.sum_squares(c, p, 8, nullptr), invalid, "sum_squares: out is NULL");
    belle_adamw_args args = {8, p, nullptr, BELLE_F32, p, p, p, 1, 1e-3, 0.9, 0.999, 1e-8, 0, 0};
    CHECK_REFUSED(b.adamw(c, &args), invalid, "adamw: step is 0; it must be from 1");
    args.step = 1, args.beta2 = 1;
    CHECK_REFUSED(b.adamw(c, &args), invalid, "adamw: beta2 is 1.000000; it must be in [0, 1)");
    args.beta2 = 0.999, args.grad = nullptr;
    CHECK_REFUSED(b.adamw(c, &args), invalid, "adamw: grad is NULL");
    args.grad = p, args.type = BELLE_BF16;
    CHECK_REFUSED(b.adamw(c, &args), invalid, "adamw: remainder is NULL");
  });
}

}  // namespace belle::test
