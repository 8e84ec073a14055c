// Norms, rope, embedding, bias gradient.
#include "test/native/ops/kit.h"

namespace belle::test {

using reference::to;

static std::vector<float> plus(std::vector<float> a, const std::vector<float>& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}
static std::vector<double> plus(std::vector<double> a, const std::vector<float>& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}

TEST("rms_norm: forward and backward, gradients accumulate") {
  for (const int64_t d : {1, 16, 67, 300}) {
    const int64_t rows = 300;
    const auto x = random_normal(rows * d, 1), w = random_normal(d, 2, 0.5, 1),
               dout = random_normal(rows * d, 3), before = random_normal(d, 4);
    const auto plain = reference::rms_norm<float>(x, w, 1e-5f);
    const auto exact = reference::rms_norm<double>(to<double>(x), to<double>(w), 1e-5f);
    const auto plain_back = reference::rms_norm_backward<float>(dout, x, w, plain.rstd);
    const auto exact_back =
        reference::rms_norm_backward<double>(to<double>(dout), to<double>(x), to<double>(w), exact.rstd);
    check_op("rms_norm d " + std::to_string(d),
             [&](belle_backend& b) {
               Buffer bx(b, x), bw(b, w), bd(b, dout), out(b, x.size() * 4), rstd(b, rows * 4),
                   dx(b, x.size() * 4), dw(b, before);
               CHECK_OK(from_c(b.rms_norm(b.context, out.f32(), rstd.f32(), bx.f32(), bw.f32(), 1e-5f, rows,
                                          d, BELLE_F32)));
               CHECK_OK(from_c(b.rms_norm_backward(b.context, dx.f32(), dw.f32(), bd.f32(), bx.f32(),
                                                   bw.f32(), rstd.f32(), nullptr, rows, d, BELLE_F32)));
               const auto dx_alone = dx.read();
               // In place over dout, and without a weight gradient: the same dx.
               CHECK_OK(from_c(b.rms_norm_backward(b.context, bd.f32(), nullptr, bd.f32(), bx.f32(), bw.f32(),
                                                   rstd.f32(), nullptr, rows, d, BELLE_F32)));
               CHECK(same_bits(bd.read(), dx_alone));
               return std::vector<Output>{
                   {"out", out.read()}, {"rstd", rstd.read()}, {"dx", dx_alone}, {"dweight", dw.read()}};
             },
             {{plain.out, exact.out},
              {plain.rstd, exact.rstd},
              {plain_back.dx, exact_back.dx},
              {plus(plain_back.dweight, before), plus(exact_back.dweight, before)}});
  }
}

TEST("layer_norm: forward and backward, gradients accumulate") {
  for (const int64_t d : {2, 16, 67, 300}) {
    const int64_t rows = 300;
    const auto x = random_normal(rows * d, 1, 1, 3), w = random_normal(d, 2, 0.5, 1),
               bias = random_normal(d, 5);
    const auto dout = random_normal(rows * d, 3), before = random_normal(d, 4);
    const auto plain = reference::layer_norm<float>(x, w, bias, 1e-5f);
    const auto exact = reference::layer_norm<double>(to<double>(x), to<double>(w), to<double>(bias), 1e-5f);
    const auto plain_back = reference::layer_norm_backward<float>(dout, x, w, plain.mean, plain.rstd);
    const auto exact_back = reference::layer_norm_backward<double>(to<double>(dout), to<double>(x),
                                                                   to<double>(w), exact.mean, exact.rstd);
    check_op("layer_norm d " + std::to_string(d),
             [&](belle_backend& b) {
               Buffer bx(b, x), bw(b, w), bb(b, bias), bd(b, dout), out(b, x.size() * 4), mean(b, rows * 4),
                   rstd(b, rows * 4);
               Buffer dx(b, x.size() * 4), dw(b, before), db(b, before);
               CHECK_OK(from_c(b.layer_norm(b.context, out.f32(), mean.f32(), rstd.f32(), bx.f32(), bw.f32(),
                                            bb.f32(), 1e-5f, rows, d, BELLE_F32)));
               CHECK_OK(from_c(b.layer_norm_backward(b.context, dx.f32(), dw.f32(), db.f32(), bd.f32(),
                                                     bx.f32(), bw.f32(), mean.f32(), rstd.f32(), nullptr,
                                                     rows, d, BELLE_F32)));
               return std::vector<Output>{{"out", out.read()}, {"mean", mean.read()},  {"rstd", rstd.read()},
                                          {"dx", dx.read()},   {"dweight", dw.read()}, {"dbias", db.read()}};
             },
             {{plain.out, exact.out},
              {plain.mean, exact.mean},
              {plain.rstd, exact.rstd},
              {plain_back.dx, exact_back.dx},
              {plus(plain_back.dweight, before), plus(exact_back.dweight, before)},
              {plus(plain_back.dbias, before), plus(exact_back.dbias, before)}});
  }
}

TEST("bias_backward: column sums on top of what is there") {
  const int64_t rows = 1000, d = 131;
  const auto dout = random_normal(rows * d, 1, 1, 0.5), before = random_normal(d, 2);
  std::vector<float> plain(before);
  std::vector<double> exact(before.begin(), before.end());
  for (int64_t i = 0; i < rows * d; ++i) plain[i % d] += dout[i], exact[i % d] += dout[i];
  check_op("bias_backward",
           [&](belle_backend& b) {
             Buffer bd(b, dout), db(b, before);
             CHECK_OK(from_c(b.bias_backward(b.context, db.f32(), bd.f32(), rows, d, BELLE_F32)));
             return std::vector<Output>{{"dbias", db.read()}};
           },
           {{plain, exact}});
}

TEST("norms: a row's bits do not depend on the number of rows") {
  const int64_t rows = 90, d = 83;
  const auto x = random_normal(rows * d, 1), w = random_normal(d, 2), bias = random_normal(d, 3);
  on_every_isa(2, [&](belle_backend& b, const std::string&) {
    auto run = [&](const std::vector<float>& in, bool layer) {
      const int64_t n = static_cast<int64_t>(in.size()) / d;
      Buffer bx(b, in), bw(b, w), bb(b, bias), out(b, in.size() * 4), mean(b, n * 4), rstd(b, n * 4);
      CHECK_OK(from_c(
          layer ? b.layer_norm(b.context, out.f32(), mean.f32(), rstd.f32(), bx.f32(), bw.f32(), bb.f32(),
                               1e-5f, n, d, BELLE_F32)
                : b.rms_norm(b.context, out.f32(), rstd.f32(), bx.f32(), bw.f32(), 1e-5f, n, d, BELLE_F32)));
      return out.read();
    };
    for (const bool layer : {false, true}) {
      const auto whole = run(x, layer);
      for (int64_t row = 0; row < rows; row += 7) {
        const auto one = run(std::vector<float>(x.begin() + row * d, x.begin() + (row + 1) * d), layer);
        CHECK(same_bits(one, std::vector<float>(whole.begin() + row * d, whole.begin() + (row + 1) * d)));
      }
    }
  });
}

TEST("rope: rotate-half on strided heads, far positions, and back") {
  const int heads = 3, stride_heads = 5;  // the last two heads of a row belong to somebody else
  for (const auto& [head_dim, theta] : {std::pair<int, float>{64, 10000.0f}, {10, 5e6f}, {2, 10000.0f}}) {
    const std::vector<int32_t> positions = {0, 1, 2, 1023, 1024, 0, 4095, 70000, 65535, 65536, 3};
    const size_t tokens = positions.size(), row = stride_heads * head_dim;
    const auto all = random_normal(tokens * row, 1);
    std::vector<float> x;
    for (size_t t = 0; t < tokens; ++t)
      x.insert(x.end(), all.begin() + t * row, all.begin() + t * row + heads * head_dim);
    check_op(
        "rope head_dim " + std::to_string(head_dim),
        [&](belle_backend& b) {
          Buffer bx(b, all), bp(b, positions);
          auto turn = [&](int inverse) {
            CHECK_OK(
                from_c(b.rope(b.context, bx.f32(), bp.i32(), static_cast<int64_t>(tokens), heads, head_dim,
                              static_cast<int64_t>(row), head_dim, theta, inverse, BELLE_F32)));
            const auto after = bx.read();
            std::vector<float> mine;
            for (size_t t = 0; t < tokens; ++t) {
              mine.insert(mine.end(), after.begin() + t * row, after.begin() + t * row + heads * head_dim);
              CHECK(std::memcmp(&after[t * row + heads * head_dim], &all[t * row + heads * head_dim],
                                2 * head_dim * 4) == 0);
            }
            return mine;
          };
          const auto forward = turn(0);
          return std::vector<Output>{{"x", forward}, {"back", turn(1)}};
        },
        {{reference::rope<float>(x, positions, heads, head_dim, theta, false),
          reference::rope<double>(to<double>(x), positions, heads, head_dim, theta, false)},
         {reference::rope<float>(reference::rope<float>(x, positions, heads, head_dim, theta, false),
                                 positions, heads, head_dim, theta, true),
          to<double>(x)}});
  }
}

TEST("embedding: rows out, gradients in by token order") {
  const int64_t vocab = 50, d = 70;
  std::vector<int32_t> ids(400);
  for (size_t i = 0; i < ids.size(); ++i)
    ids[i] = static_cast<int32_t>((i * i + 3 * i) % 41);  // rows 41.. are never hit
  const auto table = random_normal(vocab * d, 1), dout = random_normal(ids.size() * d, 2),
             before = random_normal(vocab * d, 3);
  std::vector<float> rows, in_order = before;
  for (size_t t = 0; t < ids.size(); ++t) {
    rows.insert(rows.end(), table.begin() + ids[t] * d, table.begin() + (ids[t] + 1) * d);
    for (int64_t i = 0; i < d; ++i) in_order[ids[t] * d + i] += dout[t * d + i];
  }
  for (const int threads : {1, 2}) {
    on_every_isa(threads, [&](belle_backend& b, const std::string&) {
      const int64_t tokens = static_cast<int64_t>(ids.size());
      Buffer bt(b, table), bi(b, ids), bd(b, dout), out(b, dout.size() * 4), dt(b, before);
      CHECK_OK(from_c(b.embedding(b.context, out.f32(), bt.f32(), bi.i32(), tokens, d, BELLE_F32)));
      CHECK(same_bits(out.read(), rows));
      CHECK_OK(
          from_c(b.embedding_backward(b.context, dt.f32(), bd.f32(), bi.i32(), tokens, d, vocab, BELLE_F32)));
      CHECK(same_bits(dt.read(), in_order));
    });
  }
}

TEST("rows: errors") {
  const auto device = backend::open_cpu(*backend::usable_kernels().front(), 1);
  belle_backend& b = *device;
  void* c = b.context;
  std::vector<float> x(64, 1.0f), y(64);
  const std::vector<int32_t> ids = {1, 2, 9}, negative = {0, -1, 2};
  float *p = x.data(), *o = y.data();
  constexpr auto invalid = StatusCode::invalid_argument;
  CHECK_REFUSED(b.rms_norm(c, o, o, p, p, 1e-5f, 2, 0, BELLE_F32), invalid,
                "rms_norm: d is 0; it must be from 1");
  CHECK_REFUSED(b.rms_norm(c, o, nullptr, p, p, 1e-5f, 2, 4, BELLE_F32), invalid, "rms_norm: rstd is NULL");
  CHECK_REFUSED(b.rms_norm(c, o, o, p, p, 1e-5f, 2, 4, BELLE_BF16), StatusCode::unsupported,
                "rms_norm: the CPU backend computes in float32");
  CHECK_REFUSED(b.rms_norm_backward(c, o, nullptr, p, nullptr, p, p, nullptr, 2, 4, BELLE_F32), invalid,
                "rms_norm_backward: x is NULL");
  CHECK_REFUSED(b.layer_norm(c, o, o, o, p, p, nullptr, 1e-5f, 2, 4, BELLE_F32), invalid,
                "layer_norm: bias is NULL");
  CHECK_REFUSED(b.layer_norm_backward(c, o, o, o, p, p, p, p, p, nullptr, -3, 4, BELLE_F32), invalid,
                "layer_norm_backward: tokens is -3");
  CHECK_REFUSED(b.bias_backward(c, nullptr, p, 2, 4, BELLE_F32), invalid, "bias_backward: dbias is NULL");
  CHECK_REFUSED(b.rope(c, o, ids.data(), 3, 1, 5, 5, 5, 1e4f, 0, BELLE_F32), invalid,
                "rope: head_dim is 5; RoPE turns pairs, it must be even");
  CHECK_REFUSED(b.rope(c, o, negative.data(), 3, 1, 4, 4, 4, 1e4f, 0, BELLE_F32), invalid,
                "rope: the position of token 1 is -1; positions start at 0");
  CHECK_REFUSED(b.rope(c, o, ids.data(), 3, 1, 4, 4, 4, 0.0f, 0, BELLE_F32), invalid,
                "rope_theta must be above 0");
  CHECK_REFUSED(b.embedding(c, o, p, negative.data(), 3, 4, BELLE_F32), invalid,
                "embedding: id -1 of token 1 is outside the table");
  CHECK_REFUSED(b.embedding_backward(c, o, p, ids.data(), 3, 4, 8, BELLE_F32), invalid,
                "embedding_backward: id 9 of token 2 is outside the table of 8 rows; the tokenizer and the "
                "model do not fit");
}

}  // namespace belle::test
