// The reference backwards against central differences, both in double: what the kernels' backwards are then
// held to.
#include "test/native/ops/kit.h"

namespace belle::test {

using reference::Vec;

// analytic = gradient of loss at x. Central differences with h = 1e-5 are exact to about 1e-9 of the values
// here.
static void check_gradient(const std::string& name, const std::function<double(const Vec<double>&)>& loss,
                           Vec<double> x, const Vec<double>& analytic) {
  CHECK_EQ(x.size(), analytic.size());
  constexpr double h = 1e-5;
  double largest = 0, difference = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double at = x[i];
    x[i] = at + h;
    const double above = loss(x);
    x[i] = at - h;
    const double below = loss(x);
    x[i] = at;
    largest = std::max(largest, std::fabs(analytic[i]));
    difference = std::max(difference, std::fabs((above - below) / (2 * h) - analytic[i]));
  }
  CHECK(largest > 1e-3);
  if (!(difference <= 1e-7 * std::max(1.0, largest))) {
    fail(__FILE__, __LINE__, name + ": the gradient differs from central differences by " + show(difference));
  }
}

static Vec<double> normal(size_t n, uint64_t seed) { return reference::to<double>(random_normal(n, seed)); }

static double dot(const Vec<double>& a, const Vec<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

TEST("gradient: rms_norm") {
  const auto x = normal(3 * 10, 1), w = normal(10, 2), dout = normal(30, 3);
  const auto r = reference::rms_norm_backward(dout, x, w, reference::rms_norm(x, w, 1e-5).rstd);
  check_gradient(
      "dx", [&](const Vec<double>& at) { return dot(dout, reference::rms_norm(at, w, 1e-5).out); }, x, r.dx);
  check_gradient(
      "dweight", [&](const Vec<double>& at) { return dot(dout, reference::rms_norm(x, at, 1e-5).out); }, w,
      r.dweight);
}

TEST("gradient: layer_norm") {
  const auto x = normal(3 * 10, 1), w = normal(10, 2), b = normal(10, 4), dout = normal(30, 3);
  const auto forward = reference::layer_norm(x, w, b, 1e-5);
  const auto r = reference::layer_norm_backward(dout, x, w, forward.mean, forward.rstd);
  check_gradient(
      "dx", [&](const Vec<double>& at) { return dot(dout, reference::layer_norm(at, w, b, 1e-5).out); }, x,
      r.dx);
  check_gradient(
      "dweight", [&](const Vec<double>& at) { return dot(dout, reference::layer_norm(x, at, b, 1e-5).out); },
      w, r.dweight);
  check_gradient(
      "dbias", [&](const Vec<double>& at) { return dot(dout, reference::layer_norm(x, w, at, 1e-5).out); }, b,
      r.dbias);
}

TEST("gradient: rope is its inverse") {
  const std::vector<int32_t> positions = {0, 3, 77};
  const auto x = normal(3 * 2 * 8, 1), dout = normal(3 * 2 * 8, 2);
  check_gradient(
      "dx",
      [&](const Vec<double>& at) { return dot(dout, reference::rope(at, positions, 2, 8, 1e4f, false)); }, x,
      reference::rope(dout, positions, 2, 8, 1e4f, true));
}

TEST("gradient: attention, grouped heads and ALiBi") {
  const reference::AttentionShape s{{0, 1, 6, 9}, 4, 2, 5, 0.4f, {0.5f, 0.25f, 0.125f, 0.0625f}};
  const auto q = normal(9 * 4 * 5, 1), k = normal(9 * 2 * 5, 2), v = normal(9 * 2 * 5, 3),
             dout = normal(9 * 4 * 5, 4);
  const auto r = reference::attention_backward(s, q, k, v, dout);
  check_gradient(
      "dq", [&](const Vec<double>& at) { return dot(dout, reference::attention(s, at, k, v).out); }, q, r.dq);
  check_gradient(
      "dk", [&](const Vec<double>& at) { return dot(dout, reference::attention(s, q, at, v).out); }, k, r.dk);
  check_gradient(
      "dv", [&](const Vec<double>& at) { return dot(dout, reference::attention(s, q, k, at).out); }, v, r.dv);
}

TEST("gradient: swiglu and gelu_tanh") {
  const auto gate = normal(20, 1), up = normal(20, 2), dout = normal(20, 3);
  Vec<double> dgate(20), dup(20), dx(20);
  for (size_t i = 0; i < 20; ++i) {
    reference::swiglu_backward(dout[i], gate[i], up[i], &dgate[i], &dup[i]);
    dx[i] = reference::gelu_tanh_backward(dout[i], gate[i]);
  }
  auto sum = [&](auto f) {
    double total = 0;
    for (size_t i = 0; i < 20; ++i) total += dout[i] * f(i);
    return total;
  };
  check_gradient(
      "dgate",
      [&](const Vec<double>& at) { return sum([&](size_t i) { return reference::swiglu(at[i], up[i]); }); },
      gate, dgate);
  check_gradient(
      "dup",
      [&](const Vec<double>& at) { return sum([&](size_t i) { return reference::swiglu(gate[i], at[i]); }); },
      up, dup);
  check_gradient(
      "dx", [&](const Vec<double>& at) { return sum([&](size_t i) { return reference::gelu_tanh(at[i]); }); },
      gate, dx);
}

TEST("gradient: linear_cross_entropy") {
  const std::vector<int32_t> targets = {2, -100, 6, 0};
  const auto hidden = normal(4 * 5, 1), head = normal(7 * 5, 2);
  const auto r = reference::linear_cross_entropy(hidden, head, targets, 5, 0.5);
  auto loss = [&](const Vec<double>& h, const Vec<double>& w) {
    double total = 0;
    for (const double each : reference::linear_cross_entropy(h, w, targets, 5, 0.5).losses)
      total += 0.5 * each;
    return total;
  };
  check_gradient(
      "dhidden", [&](const Vec<double>& at) { return loss(at, head); }, hidden, r.dhidden);
  check_gradient(
      "dhead", [&](const Vec<double>& at) { return loss(hidden, at); }, head, r.dhead);
}

}  // namespace belle::test
