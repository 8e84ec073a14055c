// Bandwidth of the row and flat ops, printed on request: BELLE_FIGURES=1 test_ops "figures: GB/s"
#include <chrono>
#include <cstdio>

#include "test/native/ops/kit.h"

namespace belle::test {

// Seconds of the fastest of 30 runs.
template <class Body>
static double fastest(Body body) {
  double best = 1e9;
  for (int i = 0; i < 30; ++i) {
    const auto start = std::chrono::steady_clock::now();
    body();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

// A buffer as the model has it: where alloc puts it, on a 64-byte border.
class Aligned {
 public:
  Aligned(belle_backend& backend, const std::vector<float>& values, int32_t type) : backend_(backend) {
    Buffer source(backend, values, type);
    const size_t bytes = values.size() * type_bytes(type);
    CHECK_OK(from_c(backend.alloc(backend.context, bytes, &data_)));
    CHECK_OK(from_c(backend.copy(backend.context, data_, source.data(), bytes)));
  }
  ~Aligned() { backend_.free(backend_.context, data_); }
  Aligned(const Aligned&) = delete;
  Aligned& operator=(const Aligned&) = delete;
  void* data() { return data_; }
  float* f32() { return static_cast<float*>(data_); }

 private:
  belle_backend& backend_;
  void* data_ = nullptr;
};

// Bytes read and written once each, over the time; and a copy of as many bytes by the C library on one
// thread.
static void row_figures(belle_backend& b, const std::string& where, int64_t tokens, int64_t d, int32_t type) {
  const int64_t n = tokens * d, size = static_cast<int64_t>(type_bytes(type));
  const auto values = random_normal(n, 1);
  const int64_t vocab = 8192;
  const std::vector<float> zeros(std::max(n, vocab * d));
  auto first = [&](int64_t count) { return std::vector<float>(zeros.begin(), zeros.begin() + count); };
  Aligned x(b, values, type), y(b, values, type), z(b, values, type), out(b, values, type),
      w(b, values, type);
  Aligned rstd(b, std::vector<float>(tokens, 1.0f), BELLE_F32), mean(b, first(tokens), BELLE_F32),
      sums(b, values, BELLE_F32), more(b, values, BELLE_F32), table(b, first(vocab * d), BELLE_F32),
      m(b, first(n), BELLE_F32), v(b, first(n), BELLE_F32), remainder(b, first(n), BELLE_BF16);
  std::vector<int32_t> ids(tokens), positions(tokens);
  for (int64_t t = 0; t < tokens; ++t) {
    ids[t] = static_cast<int32_t>(t * 7919 % vocab);
    positions[t] = static_cast<int32_t>(t % 512);
  }
  Buffer bi(b, ids), bp(b, positions);
  void* c = b.context;
  auto figure = [&](const char* name, double bytes, auto op) {
    const double seconds = fastest([&] { CHECK_OK(from_c(op())); });
    const double copy =
        fastest([&] { std::memcpy(m.data(), v.data(), std::min(bytes / 2, static_cast<double>(n) * 4)); });
    std::printf("%s [%ld, %ld] %s: %.1f GB/s, %.0f us; a copy %.1f GB/s\n", where.c_str(), long(tokens),
                long(d), name, 1e-9 * bytes / seconds, 1e6 * seconds,
                2e-9 * std::min(bytes / 2, static_cast<double>(n) * 4) / copy);
  };
  const double one = static_cast<double>(n * size), f32 = static_cast<double>(n * 4);
  auto rms_backward = [&](float* dweight, void* residual) {
    return b.rms_norm_backward(c, out.data(), dweight, x.data(), y.data(), w.data(), rstd.f32(), residual,
                               tokens, d, type);
  };
  figure("rms_norm", 2 * one,
         [&] { return b.rms_norm(c, out.data(), rstd.f32(), x.data(), w.data(), 1e-5f, tokens, d, type); });
  figure("rms_norm_backward dx + residual", 4 * one, [&] { return rms_backward(nullptr, z.data()); });
  figure("rms_norm_backward dx + residual, dweight", 4 * one,
         [&] { return rms_backward(sums.f32(), z.data()); });
  figure("layer_norm", 2 * one, [&] {
    return b.layer_norm(c, out.data(), mean.f32(), rstd.f32(), x.data(), w.data(), w.data(), 1e-5f, tokens, d,
                        type);
  });
  figure("layer_norm_backward dx + residual, dweight, dbias", 4 * one, [&] {
    return b.layer_norm_backward(c, out.data(), sums.f32(), more.f32(), x.data(), y.data(), w.data(),
                                 mean.f32(), rstd.f32(), z.data(), tokens, d, type);
  });
  figure("bias_backward", one, [&] { return b.bias_backward(c, sums.f32(), x.data(), tokens, d, type); });
  figure("rope", 2 * one, [&] {
    const int32_t heads = static_cast<int32_t>(d / 32);
    return b.rope(c, out.data(), bp.i32(), tokens, heads, 32, d, 32, 1e4f, 0, type);
  });
  figure("embedding", 2 * one,
         [&] { return b.embedding(c, out.data(), table.data(), bi.i32(), tokens, d, type); });
  figure("embedding_backward", one + 2 * f32,
         [&] { return b.embedding_backward(c, table.f32(), x.data(), bi.i32(), tokens, d, vocab, type); });
  figure("swiglu", 3 * one, [&] { return b.swiglu(c, out.data(), x.data(), y.data(), tokens, d, d, type); });
  figure("swiglu_backward", 5 * one, [&] {
    return b.swiglu_backward(c, out.data(), w.data(), z.data(), x.data(), y.data(), tokens, d, d, type);
  });
  figure("gelu_tanh", 2 * one, [&] { return b.gelu_tanh(c, out.data(), x.data(), n, type); });
  figure("gelu_tanh_backward", 3 * one,
         [&] { return b.gelu_tanh_backward(c, out.data(), y.data(), x.data(), n, type); });
  figure("add", 3 * one, [&] { return b.add(c, out.data(), x.data(), y.data(), n, type); });
  belle_adamw_args a = {};
  a.n = n, a.weight = w.data(), a.remainder = static_cast<int16_t*>(remainder.data()), a.type = type;
  a.grad = more.f32(), a.m = m.f32(), a.v = v.f32(), a.grad_scale = 1, a.step = 1;
  a.lr = 1e-4, a.beta1 = 0.9, a.beta2 = 0.999, a.eps = 1e-8, a.weight_decay = 0.1;
  figure("adamw", 7 * f32, [&] { return b.adamw(c, &a); });
  double total = 0;
  figure("sum_squares", f32, [&] { return b.sum_squares(c, more.f32(), n, &total); });
}

TEST("figures: GB/s of the row and flat ops") {
  if (!std::getenv("BELLE_FIGURES")) return skip("set BELLE_FIGURES=1 to print speeds");
  for (const int threads : {1, 2}) {
    on_every_isa(threads, [&](belle_backend& b, const std::string& isa) {
      if (isa != backend::cpu_isa()) return;  // BELLE_CPU_ISA names another
      for (const int64_t d : {512, 1376}) {
        for (const int32_t type : kTypes) {
          row_figures(b,
                      isa + ", " + std::to_string(threads) + (threads == 1 ? " thread, " : " threads, ") +
                          type_name(type),
                      2048, d, type);
        }
      }
    });
  }
}

}  // namespace belle::test
