// Speed, printed on request: BELLE_FIGURES=1 test_ops figures
#include <chrono>
#include <cstdio>

#include "test/native/ops/kit.h"

namespace belle::test {

// Seconds of the fastest of 20 runs.
template <class Body>
static double fastest(Body body) {
  double best = 1e9;
  for (int i = 0; i < 20; ++i) {
    const auto start = std::chrono::steady_clock::now();
    body();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

static void gemm_figure(belle_backend& b, const std::string& where, int64_t m, int64_t n, int64_t k, bool ta,
                        bool tb) {
  const auto a = random_normal(m * k, 1), bm = random_normal(n * k, 2);
  std::vector<float> c(m * n);
  belle_gemm_args g = {};
  g.m = m, g.n = n, g.k = k, g.a = a.data(), g.lda = ta ? m : k, g.transpose_a = ta;
  g.b = bm.data(), g.ldb = tb ? k : n, g.transpose_b = tb, g.c = c.data(), g.ldc = n, g.alpha = 1;
  const double seconds = fastest([&] { CHECK_OK(from_c(b.gemm(b.context, &g))); });
  std::printf("%s gemm %c%c %ldx%ldx%ld: %.1f GF/s\n", where.c_str(), ta ? 'T' : 'N', tb ? 'T' : 'N', long(m),
              long(n), long(k), 2e-9 * static_cast<double>(m * n * k) / seconds);
}

static void attention_figure(belle_backend& b, const std::string& where, int32_t documents, int32_t length) {
  const int32_t heads = 8, head_dim = 64;
  const int64_t tokens = int64_t{documents} * length, width = heads * head_dim;
  const auto x = random_normal(tokens * width, 1);
  std::vector<float> out(x.size()), lse(heads * tokens), dq(x.size()), dk(x.size()), dv(x.size());
  std::vector<int32_t> cu_seqlens;
  for (int32_t i = 0; i <= documents; ++i) cu_seqlens.push_back(i * length);
  belle_attention_backward_args args = {};
  belle_attention_args& a = args.forward;
  a.q = a.k = a.v = x.data(), a.q_stride = a.kv_stride = width, a.q_head_stride = a.kv_head_stride = head_dim;
  a.out = out.data(), a.lse = lse.data(), a.cu_seqlens = cu_seqlens.data(), a.documents = documents;
  a.heads = a.kv_heads = heads, a.head_dim = head_dim, a.scale = 0.125f;
  args.dout = x.data(), args.dq = dq.data(), args.dk = dk.data(), args.dv = dv.data();
  const double flops =
      2.0 * documents * heads * head_dim * double(length) * length;  // the causal half of two products
  const double forward = fastest([&] { CHECK_OK(from_c(b.attention(b.context, &a))); });
  const double backward = fastest([&] { CHECK_OK(from_c(b.attention_backward(b.context, &args))); });
  std::printf("%s attention %d x %d, 8 heads of 64: forward %.1f GF/s, backward %.1f GF/s\n", where.c_str(),
              documents, length, 1e-9 * flops / forward, 2.5e-9 * flops / backward);
}

TEST("figures: GF/s of gemm and attention") {
  if (!std::getenv("BELLE_FIGURES")) return skip("set BELLE_FIGURES=1 to print speeds");
  for (const int threads : {1, 2}) {
    on_every_isa(threads, [&](belle_backend& b, const std::string& isa) {
      const std::string where =
          isa + ", " + std::to_string(threads) + (threads == 1 ? " thread," : " threads,");
      gemm_figure(b, where, 512, 512, 512, false, true);
      gemm_figure(b, where, 2048, 512, 512, false, true);
      gemm_figure(b, where, 2048, 512, 512, false, false);
      gemm_figure(b, where, 512, 512, 2048, true, false);
      gemm_figure(b, where, 1, 2048, 512, false, true);
      gemm_figure(b, where, 4, 2048, 512, false, true);
      attention_figure(b, where, 4, 256);
      attention_figure(b, where, 1, 1024);
    });
  }
}

}  // namespace belle::test
