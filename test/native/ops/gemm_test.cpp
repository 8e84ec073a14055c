#include <dlfcn.h>

#include <cstdlib>
#include <tuple>

#include "test/native/ops/kit.h"

namespace belle::test {

struct Shape {
  int64_t m, n, k;
  bool ta, tb;
  float alpha, beta;
  bool bias, residual = false;
};

struct Types {
  int32_t in = BELLE_F32, out = BELLE_F32;
};
constexpr Types kCombinations[] = {{BELLE_F32, BELLE_F32}, {BELLE_BF16, BELLE_BF16}, {BELLE_BF16, BELLE_F32}};

// What a plain implementation on this backend gets of operands of `type`.
static std::vector<float> plain_gemm(int32_t type, const Shape& s, const std::vector<float>& a,
                                     const std::vector<float>& b, const std::vector<float>& c,
                                     const std::vector<float>& bias) {
  const bool tensor_cores = on_library() && type == BELLE_BF16;
  const auto gemm = tensor_cores ? reference::gemm<float, reference::TensorCoreSum> : reference::gemm<float>;
  return gemm(s.m, s.n, s.k, a, s.ta, b, s.tb, c, s.alpha, s.beta, bias);
}

static std::vector<float> run_gemm(belle_backend& b, const Shape& s, const std::vector<float>& a,
                                   const std::vector<float>& bm, const std::vector<float>& c,
                                   const std::vector<float>& bias, Types types = {},
                                   const std::vector<float>& residual = {}) {
  Buffer da(b, a, types.in), db(b, bm, types.in), dc(b, c, types.out), dbias(b, bias, types.in),
      dresidual(b, residual, types.out);
  belle_gemm_args g = {};
  g.m = s.m, g.n = s.n, g.k = s.k;
  g.a = da.data(), g.lda = std::max<int64_t>(1, s.ta ? s.m : s.k), g.transpose_a = s.ta;
  g.b = db.data(), g.ldb = std::max<int64_t>(1, s.tb ? s.k : s.n), g.transpose_b = s.tb;
  g.c = dc.data(), g.ldc = s.n;
  g.alpha = s.alpha, g.beta = s.beta;
  g.bias = s.bias ? dbias.data() : nullptr;
  g.residual = s.residual ? dresidual.data() : nullptr;
  g.a_type = g.b_type = types.in;
  g.c_type = types.out;
  CHECK_OK(from_c(b.gemm(b.context, &g)));
  return dc.read(types.out);
}

TEST("gemm: every layout, edge tiles, several depth blocks, alpha, beta, bias, residual, dtypes") {
  const Shape shapes[] = {
      {1, 1, 1, false, true, 1, 0, false},          {3, 37, 20, false, true, 1, 0, true},
      {8, 32, 256, false, true, 1, 0, false},       {5, 100, 300, false, false, 0.5f, 1, false},
      {70, 65, 130, false, true, 1, 0, true},       {70, 65, 130, false, false, -1.5f, 1, false},
      {70, 65, 130, true, false, 1, 1, false},      {70, 65, 130, true, true, 2, 0.25f, true, true},
      {97, 300, 600, false, true, 1, 0, false},     {100, 33, 513, true, false, 1, 1, true},
      {40, 50, 0, false, true, 1, 0.5f, true},      {2, 5, 0, false, true, 1, 0, true},
      {29, 47, 77, false, true, 1, 0, false, true}, {29, 130, 2307, false, true, 1, 1, true, true},
      {26, 70, 2307, true, false, 1, 0, false},
  };
  for (const Shape& s : shapes) {
    for (const Types& types : kCombinations) {
      const auto a = rounded(random_normal(s.m * s.k, 1), types.in),
                 bm = rounded(random_normal(s.n * s.k, 2), types.in),
                 c = rounded(random_normal(s.m * s.n, 3), types.out);
      const auto bias = s.bias ? rounded(random_normal(s.n, 4), types.in) : std::vector<float>();
      const auto residual =
          s.residual ? rounded(random_normal(s.m * s.n, 5), types.out) : std::vector<float>();
      Expected expected = {plain_gemm(types.in, s, a, bm, c, bias),
                           reference::gemm<double>(s.m, s.n, s.k, reference::to<double>(a), s.ta,
                                                   reference::to<double>(bm), s.tb, reference::to<double>(c),
                                                   s.alpha, s.beta, reference::to<double>(bias))};
      for (size_t i = 0; i < residual.size(); ++i)
        expected.plain[i] += residual[i], expected.exact[i] += residual[i];
      check_op("gemm " + type_name(types.in) + " " + std::to_string(s.m) + "x" + std::to_string(s.n) + "x" +
                   std::to_string(s.k),
               [&](belle_backend& b) {
                 return std::vector<Output>{{"c", run_gemm(b, s, a, bm, c, bias, types, residual)}};
               },
               {stored_as(types.out, expected)});
    }
  }
}

TEST("gemm: more rows, columns and depth than one block, in small whole numbers: exact") {
  const std::tuple<int64_t, int64_t, int64_t> sizes[] = {{2100, 40, 8}, {40, 2100, 8}, {1000, 300, 2500}};
  for (const auto& [m, n, k] : sizes) {
    std::vector<float> a(m * k), b(n * k), expected(m * n);
    for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(static_cast<int>(i % 13) - 6);
    for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(static_cast<int>(i % 7) - 3);
    expected = reference::gemm<float>(m, n, k, a, false, b, true, expected, 1, 0, {});
    on_every_isa(2, [&, m = m, n = n, k = k](belle_backend& device, const std::string&) {
      for (const Types& types : kCombinations) {
        CHECK(same_bits(
            run_gemm(device, {m, n, k, false, true, 1, 0, false}, a, b, std::vector<float>(m * n), {}, types),
            rounded(expected, types.out)));
      }
    });
  }
}

TEST("gemm: a row's bits do not depend on the number of rows") {
  const int64_t n = 70, k = 2600, all = 150;
  const auto a = random_normal(all * k, 1), bm = random_normal(n * k, 2);
  on_every_isa(2, [&](belle_backend& b, const std::string& isa) {
    for (const Types& types : kCombinations) {
      const auto product = [&](const std::vector<float>& rows) {
        const auto m = static_cast<int64_t>(rows.size()) / k;
        return run_gemm(b, {m, n, k, false, true, 1, 0, false}, rows, bm, std::vector<float>(m * n), {},
                        types);
      };
      const auto whole = product(a);
      for (const int64_t m : {1, 2, 3, 5, 7, 24, 25, 33, 100}) {
        const auto part = product({a.end() - m * k, a.end()});
        if (!same_bits(part, std::vector<float>(whole.end() - m * n, whole.end())))
          fail(__FILE__, __LINE__, isa + ", " + type_name(types.in) + ", m = " + std::to_string(m));
      }
    }
  });
}

TEST("gemm: beta 0 does not read C, NaN in A reaches only its row") {
  on_every_isa(2, [&](belle_backend& b, const std::string&) {
    std::vector<float> a(40 * 16, 1.0f);
    a[5 * 16 + 3] = NAN;
    const auto c = run_gemm(b, {40, 40, 16, false, true, 1, 0, false}, a, std::vector<float>(40 * 16, 1.0f),
                            std::vector<float>(1600, NAN), {});
    for (size_t i = 0; i < c.size(); ++i) CHECK_EQ(std::isnan(c[i]), i / 40 == 5);
  });
}

TEST("gemm: a residual that is C itself, over several blocks of depth") {
  const int64_t m = 50, n = 41, k = 1030;
  const auto a = random_normal(m * k, 1), bm = random_normal(n * k, 2), residual = random_normal(m * n, 3);
  on_every_isa(2, [&](belle_backend& b, const std::string&) {
    for (const Types& types : kCombinations) {
      const Shape apart = {m, n, k, false, true, 1, 0, false, true};
      const auto expected = run_gemm(b, apart, a, bm, std::vector<float>(m * n), {}, types, residual);
      Buffer da(b, a, types.in), db(b, bm, types.in), dc(b, residual, types.out);
      belle_gemm_args g = {};
      g.m = m, g.n = n, g.k = k, g.alpha = 1;
      g.a = da.data(), g.lda = k, g.b = db.data(), g.ldb = k, g.transpose_b = 1;
      g.c = dc.data(), g.ldc = n, g.residual = dc.data();
      g.a_type = g.b_type = types.in, g.c_type = types.out;
      CHECK_OK(from_c(b.gemm(b.context, &g)));
      CHECK(same_bits(dc.read(types.out), expected));
    }
  });
}

TEST("gemm: leading dimensions beyond the width leave the gaps alone") {
  const int64_t m = 50, n = 41, k = 30, lda = 35, ldb = 33, ldc = 47;
  const auto a = random_normal(m * lda, 1), bm = random_normal(n * ldb, 2);
  std::vector<float> dense_a, dense_b;
  for (int64_t i = 0; i < m; ++i) dense_a.insert(dense_a.end(), a.begin() + i * lda, a.begin() + i * lda + k);
  for (int64_t j = 0; j < n; ++j)
    dense_b.insert(dense_b.end(), bm.begin() + j * ldb, bm.begin() + j * ldb + k);
  on_every_isa(2, [&](belle_backend& b, const std::string&) {
    Buffer da(b, a), db(b, bm), dc(b, std::vector<float>(m * ldc, 7.0f));
    belle_gemm_args g = {};
    g.m = m, g.n = n, g.k = k, g.a = da.f32(), g.lda = lda, g.b = db.f32(), g.ldb = ldb, g.transpose_b = 1;
    g.c = dc.f32(), g.ldc = ldc, g.alpha = 1;
    CHECK_OK(from_c(b.gemm(b.context, &g)));
    const auto dense =
        run_gemm(b, {m, n, k, false, true, 1, 0, false}, dense_a, dense_b, std::vector<float>(m * n), {});
    const auto c = dc.read();
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < ldc; ++j) CHECK_EQ(c[i * ldc + j], j < n ? dense[i * n + j] : 7.0f);
    }
  });
}

// A dense [rows, cols] matrix with `ld` elements from row to row; what lies between is `gap`.
static std::vector<float> spread(const std::vector<float>& dense, int64_t cols, int64_t ld, float gap) {
  std::vector<float> out(cols == 0 ? 0 : static_cast<int64_t>(dense.size()) / cols * ld, gap);
  for (size_t i = 0; i < dense.size(); ++i)
    out[static_cast<int64_t>(i) / cols * ld + static_cast<int64_t>(i) % cols] = dense[i];
  return out;
}

// The rows of C that `rows` of A (of s.m, the last ones) give, leading dimensions rounded up to 8.
static std::vector<float> run_spread(belle_backend& b, const Shape& s, int64_t rows,
                                     const std::vector<float>& a, const std::vector<float>& bm,
                                     const std::vector<float>& c, Types types) {
  const auto up = [](int64_t n) { return (n + 7) / 8 * 8; };
  const int64_t a_cols = s.ta ? s.m : s.k, b_cols = s.tb ? s.k : s.n, first = s.m - rows;
  const std::vector<float> c_rows(c.begin() + first * s.n, c.end());
  const std::vector<float> a_rows(s.ta ? a.begin() : a.begin() + first * s.k, a.end());
  Buffer da(b, spread(a_rows, a_cols, up(a_cols), NAN), types.in),
      db(b, spread(bm, b_cols, up(b_cols), NAN), types.in), dc(b, spread(c_rows, s.n, up(s.n), 7), types.out);
  belle_gemm_args g = {};
  g.m = rows, g.n = s.n, g.k = s.k, g.alpha = s.alpha, g.beta = s.beta;
  g.a = da.data(), g.lda = up(a_cols), g.transpose_a = s.ta;
  g.b = db.data(), g.ldb = up(b_cols), g.transpose_b = s.tb;
  g.c = dc.data(), g.ldc = up(s.n);
  g.a_type = g.b_type = types.in, g.c_type = types.out;
  CHECK_OK(from_c(b.gemm(b.context, &g)));
  std::vector<float> out;
  const auto got = dc.read(types.out);
  for (int64_t i = 0; i < static_cast<int64_t>(got.size()); ++i) {
    if (i % up(s.n) < s.n) {
      out.push_back(got[i]);
    } else {
      CHECK_EQ(got[i], 7.0f);
    }
  }
  return out;
}

TEST("gemm: rows of whole 16 bytes, NaN between them, every layout; fewer rows of A give the same bits") {
  for (const auto& [m, n, k] :
       {std::tuple<int64_t, int64_t, int64_t>{11, 45, 301}, {61, 75, 45}, {131, 261, 165}}) {
    for (const Types& types : kCombinations) {
      for (int layout = 0; layout < 4; ++layout) {
        const Shape s = {m,    n, k, layout / 2 == 1, layout % 2 == 1, 0.5f, layout % 2 == 0 ? 1.0f : 0.0f,
                         false};
        const auto a = rounded(random_normal(m * k, 1), types.in),
                   bm = rounded(random_normal(n * k, 2), types.in),
                   c = rounded(random_normal(m * n, 3), types.out);
        check_op(
            "gemm " + type_name(types.in) + " layout " + std::to_string(layout) + ", m " + std::to_string(m),
            [&](belle_backend& b) {
              const auto whole = run_spread(b, s, m, a, bm, c, types);
              for (const int64_t rows : {m > 16 ? 17 : 1, m > 16 ? 40 : 7}) {
                if (s.ta || rows >= m) continue;
                CHECK(same_bits(run_spread(b, s, rows, a, bm, c, types),
                                {whole.end() - rows * n, whole.end()}));
              }
              return std::vector<Output>{{"c", whole}};
            },
            {stored_as(types.out, {plain_gemm(types.in, s, a, bm, c, {}),
                                   reference::gemm<double>(m, n, k, reference::to<double>(a), s.ta,
                                                           reference::to<double>(bm), s.tb,
                                                           reference::to<double>(c), s.alpha, s.beta, {})})});
      }
    }
  }
}

TEST("gemm: every product that cublasLt can round once goes to it, and no other") {
  const char* path = std::getenv("BELLE_CUBLASLT");
  void* library = on_library() && path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : nullptr;
  void* symbol = library ? dlsym(library, "fake_cublaslt_products") : nullptr;
  if (symbol == nullptr) return skip("needs the stand-in for cublasLt in BELLE_CUBLASLT");
  const auto products = reinterpret_cast<int64_t (*)()>(symbol);
  on_every_isa(1, [&](belle_backend& b, const std::string&) {
    CHECK(std::string(b.description).find(path) != std::string::npos);
    void* memory = nullptr;
    CHECK_OK(from_c(b.alloc(b.context, 4 * 64 * 64 * 4, &memory)));  // aligned, as a model's
    belle_gemm_args g = {};
    g.m = g.n = g.k = g.lda = g.ldb = g.ldc = 64, g.alpha = 1;
    g.a = g.b = memory, g.c = static_cast<char*>(memory) + 3 * 64 * 64 * 4;
    g.a_type = g.b_type = g.c_type = BELLE_BF16;
    const auto sent = [&](auto change) {
      belle_gemm_args args = g;
      change(args);
      const int64_t before = products();
      CHECK_OK(from_c(b.gemm(b.context, &args)));
      return products() - before;
    };
    CHECK_EQ(sent([](auto&) {}), int64_t{1});
    CHECK_EQ(sent([](auto& a) { a.transpose_a = 1, a.c_type = BELLE_F32, a.beta = 1; }), int64_t{1});
    CHECK_EQ(sent([](auto& a) { a.transpose_b = 1, a.bias = a.a, a.residual = a.c; }), int64_t{1});
    CHECK_EQ(sent([](auto& a) { a.beta = 0.5f, a.residual = a.a; }), int64_t{0});  // two additions
    CHECK_EQ(sent([](auto& a) { a.a = static_cast<const char*>(a.a) + 2; }), int64_t{0});
    CHECK_EQ(sent([](auto& a) { a.a_type = a.b_type = a.c_type = BELLE_F32; }), int64_t{0});
    b.free(b.context, memory);
  });
}

TEST("peak_flops: measured once, kept") {
  on_every_isa(2, [&](belle_backend& b, const std::string&) {
    for (const int32_t type : kTypes) {
      double first = 0, second = 0;
      CHECK_OK(from_c(b.peak_flops(b.context, type, &first)));
      CHECK_OK(from_c(b.peak_flops(b.context, type, &second)));
      CHECK(first > (on_library() ? 1e6 : 1e9) &&
            first < (on_library() ? 1e17 : 1e13));  // emulated, or a GPU
      CHECK_EQ(first, second);
    }
  });
}

TEST("gemm: errors") {
  on_every_isa(1, [&](belle_backend& b, const std::string&) {
    Buffer x(b, std::vector<float>(64));
    belle_gemm_args good = {};
    good.m = good.n = good.k = 4;
    good.a = x.f32(), good.b = x.f32(), good.c = x.f32() + 32;
    good.lda = good.ldb = good.ldc = 4;
    good.alpha = 1;
    CHECK_OK(from_c(b.gemm(b.context, &good)));
    auto refused = [&](auto change, StatusCode code, const std::string& text) {
      belle_gemm_args bad = good;
      change(bad);
      CHECK_REFUSED(b.gemm(b.context, &bad), code, text);
    };
    refused([](auto& g) { g.m = -1; }, StatusCode::invalid_argument, "gemm: m is -1; it must be from 0");
    refused([](auto& g) { g.lda = 3; }, StatusCode::invalid_argument, "gemm: lda is 3; it must be from 4");
    refused([](auto& g) { g.ldb = 3; }, StatusCode::invalid_argument, "gemm: ldb is 3");
    refused([](auto& g) { g.ldc = 0; }, StatusCode::invalid_argument, "gemm: ldc is 0");
    refused([](auto& g) { g.b = nullptr; }, StatusCode::invalid_argument,
            "gemm: b is NULL; pass a buffer from alloc()");
    refused([](auto& g) { g.b_type = BELLE_BF16; }, StatusCode::invalid_argument,
            "gemm: a and b have different dtypes; cast one of them");
    refused([](auto& g) { g.c_type = BELLE_BF16; }, StatusCode::invalid_argument,
            "gemm: c must be float32 or have the dtype of a and b");
    refused([](auto& g) { g.c_type = 7; }, StatusCode::invalid_argument, "gemm: dtype 7 is unknown");
    CHECK_REFUSED(b.gemm(b.context, nullptr), StatusCode::invalid_argument, "gemm: args is NULL");
  });
}

}  // namespace belle::test
