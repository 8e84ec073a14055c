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

struct Rows {
  int64_t rows, d;
};
// The widths meet whole vectors, tails and rows shorter than a vector, those of several warps of a GPU, and
// those that its threads take in turns; 300 rows are ten partial sums.
constexpr Rows kShapes[] = {{300, 3}, {300, 16}, {300, 67}, {300, 300}, {40, 520}, {3, 4104}, {2, 8200}};

TEST("rms_norm: forward and backward, gradients accumulate") {
  for (const int32_t type : kTypes) {
    for (const auto& [rows, d] : kShapes) {
      const auto x = rounded(random_normal(rows * d, 1), type),
                 w = rounded(random_normal(d, 2, 0.5, 1), type),
                 dout = rounded(random_normal(rows * d, 3), type), before = random_normal(d, 4),
                 more = rounded(random_normal(rows * d, 5), type);
      const auto plain = reference::rms_norm<float>(x, w, 1e-5f);
      const auto exact = reference::rms_norm<double>(to<double>(x), to<double>(w), 1e-5f);
      const auto plain_back = reference::rms_norm_backward<float>(dout, x, w, plain.rstd);
      const auto exact_back =
          reference::rms_norm_backward<double>(to<double>(dout), to<double>(x), to<double>(w), exact.rstd);
      check_op(
          "rms_norm " + type_name(type) + " d " + std::to_string(d),
          [&](belle_backend& b) {
            Buffer bx(b, x, type), bw(b, w, type), bd(b, dout, type), br(b, more, type),
                out(b, x.size(), type), rstd(b, rows, BELLE_F32), dx(b, x.size(), type), dw(b, before),
                dw_again(b, before);
            auto backward = [&](Buffer& to, float* weight_gradient, void* residual) {
              CHECK_OK(from_c(b.rms_norm_backward(b.context, to.data(), weight_gradient, bd.data(), bx.data(),
                                                  bw.data(), rstd.f32(), residual, rows, d, type)));
              return to.read(type);
            };
            CHECK_OK(from_c(
                b.rms_norm(b.context, out.data(), rstd.f32(), bx.data(), bw.data(), 1e-5f, rows, d, type)));
            const auto alone = backward(dx, dw.f32(), nullptr);
            const auto added = backward(dx, nullptr, br.data());
            // In place: over the residual, over dout, and the norm over its input.
            CHECK(same_bits(backward(br, dw_again.f32(), br.data()), added));
            CHECK(same_bits(dw_again.read(), dw.read()));
            CHECK(same_bits(backward(bd, nullptr, nullptr), alone));
            CHECK_OK(from_c(
                b.rms_norm(b.context, bx.data(), rstd.f32(), bx.data(), bw.data(), 1e-5f, rows, d, type)));
            CHECK(same_bits(bx.read(type), out.read(type)));
            return std::vector<Output>{{"out", out.read(type)},
                                       {"rstd", rstd.read()},
                                       {"dx", alone},
                                       {"dx + residual", added},
                                       {"dweight", dw.read()}};
          },
          {stored_as(type, {plain.out, exact.out}),
           {plain.rstd, exact.rstd},
           stored_as(type, {plain_back.dx, exact_back.dx}),
           stored_as(type, {plus(plain_back.dx, more), plus(exact_back.dx, more)}),
           {plus(plain_back.dweight, before), plus(exact_back.dweight, before)}});
    }
  }
}

TEST("layer_norm: forward and backward, gradients accumulate") {
  for (const int32_t type : kTypes) {
    for (const auto& [rows, d] : kShapes) {
      const auto x = rounded(random_normal(rows * d, 1, 1, 3), type),
                 w = rounded(random_normal(d, 2, 0.5, 1), type), bias = rounded(random_normal(d, 5), type),
                 dout = rounded(random_normal(rows * d, 3), type), before = random_normal(d, 4),
                 more = rounded(random_normal(rows * d, 6), type);
      const auto plain = reference::layer_norm<float>(x, w, bias, 1e-5f);
      const auto exact = reference::layer_norm<double>(to<double>(x), to<double>(w), to<double>(bias), 1e-5f);
      const auto plain_back = reference::layer_norm_backward<float>(dout, x, w, plain.mean, plain.rstd);
      const auto exact_back = reference::layer_norm_backward<double>(to<double>(dout), to<double>(x),
                                                                     to<double>(w), exact.mean, exact.rstd);
      check_op("layer_norm " + type_name(type) + " d " + std::to_string(d),
               [&](belle_backend& b) {
                 Buffer bx(b, x, type), bw(b, w, type), bb(b, bias, type), bd(b, dout, type),
                     br(b, more, type), out(b, x.size(), type), mean(b, rows, BELLE_F32),
                     rstd(b, rows, BELLE_F32);
                 Buffer dx(b, x.size(), type), dw(b, before), db(b, before), dw_again(b, before),
                     db_again(b, before);
                 auto backward = [&](Buffer& to, float* dweight, float* dbias, void* residual) {
                   CHECK_OK(from_c(b.layer_norm_backward(b.context, to.data(), dweight, dbias, bd.data(),
                                                         bx.data(), bw.data(), mean.f32(), rstd.f32(),
                                                         residual, rows, d, type)));
                   return to.read(type);
                 };
                 CHECK_OK(from_c(b.layer_norm(b.context, out.data(), mean.f32(), rstd.f32(), bx.data(),
                                              bw.data(), bb.data(), 1e-5f, rows, d, type)));
                 const std::vector<float> means = mean.read(), rstds = rstd.read();
                 const auto alone = backward(dx, dw.f32(), db.f32(), nullptr);
                 const auto added = backward(dx, nullptr, nullptr, br.data());
                 // In place, and each of the two weight gradients by itself: the same bits.
                 CHECK(same_bits(backward(br, dw_again.f32(), nullptr, br.data()), added));
                 CHECK(same_bits(dw_again.read(), dw.read()));
                 CHECK(same_bits(backward(dx, nullptr, db_again.f32(), nullptr), alone));
                 CHECK(same_bits(db_again.read(), db.read()));
                 CHECK(same_bits(backward(bd, nullptr, nullptr, nullptr), alone));
                 CHECK_OK(from_c(b.layer_norm(b.context, bx.data(), mean.f32(), rstd.f32(), bx.data(),
                                              bw.data(), bb.data(), 1e-5f, rows, d, type)));
                 CHECK(same_bits(bx.read(type), out.read(type)));
                 return std::vector<Output>{
                     {"out", out.read(type)},  {"mean", means},        {"rstd", rstds},     {"dx", alone},
                     {"dx + residual", added}, {"dweight", dw.read()}, {"dbias", db.read()}};
               },
               {stored_as(type, {plain.out, exact.out}),
                {plain.mean, exact.mean},
                {plain.rstd, exact.rstd},
                stored_as(type, {plain_back.dx, exact_back.dx}),
                stored_as(type, {plus(plain_back.dx, more), plus(exact_back.dx, more)}),
                {plus(plain_back.dweight, before), plus(exact_back.dweight, before)},
                {plus(plain_back.dbias, before), plus(exact_back.dbias, before)}});
    }
  }
}

static void check_bias_backward(int64_t rows, int64_t d) {
  for (const int32_t type : kTypes) {
    const auto dout = rounded(random_normal(rows * d, 1, 1, 0.5), type), before = random_normal(d, 2);
    std::vector<float> plain(before);
    std::vector<double> exact(before.begin(), before.end());
    for (int64_t i = 0; i < rows * d; ++i) plain[i % d] += dout[i], exact[i % d] += dout[i];
    check_op("bias_backward " + type_name(type),
             [&](belle_backend& b) {
               Buffer bd(b, dout, type), db(b, before);
               CHECK_OK(from_c(b.bias_backward(b.context, db.f32(), bd.data(), rows, d, type)));
               return std::vector<Output>{{"dbias", db.read()}};
             },
             {{plain, exact}});
  }
}

TEST("bias_backward: column sums on top of what is there") {
  check_bias_backward(1001, 131);
  check_bias_backward(70, 1032);
}

static void check_rounded_once(int64_t rows, int64_t d) {
  auto half = [&](size_t n, uint64_t seed) { return rounded(random_normal(n, seed), BELLE_BF16); };
  const auto x = half(rows * d, 1), w = half(d, 2), bias = half(d, 3), dout = half(rows * d, 4),
             more = half(rows * d, 5);
  on_every_isa(2, [&](belle_backend& b, const std::string&) {
    auto run = [&](int32_t type) {
      Buffer bx(b, x, type), bw(b, w, type), bb(b, bias, type), bd(b, dout, type), br(b, more, type),
          rms(b, x.size(), type), layer(b, x.size(), type), drms(b, x.size(), type),
          dlayer(b, x.size(), type);
      Buffer mean(b, rows, BELLE_F32), rstd(b, rows, BELLE_F32), sums(b, std::vector<float>(4 * d));
      CHECK_OK(
          from_c(b.rms_norm(b.context, rms.data(), rstd.f32(), bx.data(), bw.data(), 1e-5f, rows, d, type)));
      CHECK_OK(from_c(b.rms_norm_backward(b.context, drms.data(), sums.f32(), bd.data(), bx.data(), bw.data(),
                                          rstd.f32(), br.data(), rows, d, type)));
      CHECK_OK(from_c(b.layer_norm(b.context, layer.data(), mean.f32(), rstd.f32(), bx.data(), bw.data(),
                                   bb.data(), 1e-5f, rows, d, type)));
      CHECK_OK(from_c(b.layer_norm_backward(b.context, dlayer.data(), sums.f32() + d, sums.f32() + 2 * d,
                                            bd.data(), bx.data(), bw.data(), mean.f32(), rstd.f32(),
                                            br.data(), rows, d, type)));
      CHECK_OK(from_c(b.bias_backward(b.context, sums.f32() + 3 * d, bd.data(), rows, d, type)));
      return std::vector<std::vector<float>>{sums.read(), rms.read(type), layer.read(type), drms.read(type),
                                             dlayer.read(type)};
    };
    const auto whole = run(BELLE_F32), stored = run(BELLE_BF16);
    CHECK(same_bits(stored[0], whole[0]));
    for (size_t i = 1; i < whole.size(); ++i) CHECK(same_bits(stored[i], rounded(whole[i], BELLE_BF16)));
  });
}

TEST("rows: what is stored in bfloat16 is the float32 result, rounded once") {
  for (const int64_t d : {1, 31, 83, 600}) check_rounded_once(70, d);
}

TEST("norms: a row's bits do not depend on the number of rows") {
  const int64_t rows = 90, d = 83;
  const auto x = random_normal(rows * d, 1), w = random_normal(d, 2), bias = random_normal(d, 3);
  on_every_isa(2, [&](belle_backend& b, const std::string&) {
    // Forward, then backward with the input as the gradient.
    auto run = [&](const std::vector<float>& in, bool layer, int32_t type) {
      const int64_t n = static_cast<int64_t>(in.size()) / d;
      Buffer bx(b, in, type), bw(b, w, type), bb(b, bias, type), out(b, in.size(), type),
          dx(b, in.size(), type), mean(b, n, BELLE_F32), rstd(b, n, BELLE_F32);
      if (layer) {
        CHECK_OK(from_c(b.layer_norm(b.context, out.data(), mean.f32(), rstd.f32(), bx.data(), bw.data(),
                                     bb.data(), 1e-5f, n, d, type)));
        CHECK_OK(from_c(b.layer_norm_backward(b.context, dx.data(), nullptr, nullptr, out.data(), bx.data(),
                                              bw.data(), mean.f32(), rstd.f32(), nullptr, n, d, type)));
      } else {
        CHECK_OK(
            from_c(b.rms_norm(b.context, out.data(), rstd.f32(), bx.data(), bw.data(), 1e-5f, n, d, type)));
        CHECK_OK(from_c(b.rms_norm_backward(b.context, dx.data(), nullptr, out.data(), bx.data(), bw.data(),
                                            rstd.f32(), nullptr, n, d, type)));
      }
      return std::pair(out.read(type), dx.read(type));
    };
    auto row_of = [&](const std::vector<float>& all, int64_t row) {
      return std::vector<float>(all.begin() + row * d, all.begin() + (row + 1) * d);
    };
    for (const int32_t type : kTypes) {
      for (const bool layer : {false, true}) {
        const auto [out, dx] = run(x, layer, type);
        for (int64_t row = 0; row < rows; row += 7) {
          const auto [one, one_back] = run(row_of(x, row), layer, type);
          CHECK(same_bits(one, row_of(out, row)));
          CHECK(same_bits(one_back, row_of(dx, row)));
        }
      }
    }
  });
}

TEST("rope: rotate-half on strided heads, far positions, and back") {
  const int heads = 3, stride_heads = 5;  // the last two heads of a row belong to somebody else
  const std::vector<int32_t> far = {0, 1, 2, 1023, 1024, 0, 4095, 70000, 65535, 65536, 3}, near = {5, 0, 900};
  for (const auto& [head_dim, theta] :
       {std::pair<int, float>{64, 10000.0f}, {10, 5e6f}, {2, 10000.0f}, {160, 5e5f}}) {
    for (const int32_t type : kTypes) {
      const std::vector<int32_t>& positions = head_dim > 64 ? near : far;
      const size_t tokens = positions.size(), row = stride_heads * head_dim;
      const auto all = rounded(random_normal(tokens * row, 1), type);
      std::vector<float> x;
      for (size_t t = 0; t < tokens; ++t)
        x.insert(x.end(), all.begin() + t * row, all.begin() + t * row + heads * head_dim);
      auto turned = [&](std::vector<float> from, bool inverse) {
        return rounded(reference::rope<float>(from, positions, heads, head_dim, theta, inverse), type);
      };
      check_op(
          "rope " + type_name(type) + " head_dim " + std::to_string(head_dim),
          [&](belle_backend& b) {
            Buffer bx(b, all, type), bp(b, positions);
            auto turn = [&](int inverse) {
              CHECK_OK(from_c(b.rope(b.context, bx.data(), bp.i32(), static_cast<int64_t>(tokens), heads,
                                     head_dim, static_cast<int64_t>(row), head_dim, theta, inverse, type)));
              const auto after = bx.read(type);
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
          {{turned(x, false),
            reference::rope<double>(to<double>(x), positions, heads, head_dim, theta, false)},
           {turned(turned(x, false), true), to<double>(x)}});
    }
  }
}

// Of `ids` and one row of float32 or bfloat16 for each: both ways, bit by bit.
static void check_embedding(const std::vector<int32_t>& ids, int64_t vocab, int64_t d) {
  const int64_t tokens = static_cast<int64_t>(ids.size());
  for (const int32_t type : kTypes) {
    const auto table = rounded(random_normal(vocab * d, 1), type),
               dout = rounded(random_normal(ids.size() * d, 2), type), before = random_normal(vocab * d, 3);
    std::vector<float> rows, in_order = before;
    for (size_t t = 0; t < ids.size(); ++t) {
      rows.insert(rows.end(), table.begin() + ids[t] * d, table.begin() + (ids[t] + 1) * d);
      for (int64_t i = 0; i < d; ++i) in_order[ids[t] * d + i] += dout[t * d + i];
    }
    check_op("embedding " + type_name(type),
             [&](belle_backend& b) {
               Buffer bt(b, table, type), bi(b, ids), bd(b, dout, type), out(b, dout.size(), type),
                   dt(b, before);
               CHECK_OK(from_c(b.embedding(b.context, out.data(), bt.data(), bi.i32(), tokens, d, type)));
               CHECK(same_bits(out.read(type), rows));
               CHECK_OK(from_c(
                   b.embedding_backward(b.context, dt.f32(), bd.data(), bi.i32(), tokens, d, vocab, type)));
               CHECK(same_bits(dt.read(), in_order));
               return std::vector<Output>{};
             },
             {});
  }
}

TEST("embedding: rows out, gradients in by token order") {
  std::vector<int32_t> ids(400);
  for (size_t i = 0; i < ids.size(); ++i)
    ids[i] = static_cast<int32_t>((i * i + 3 * i) % 41);  // rows 41.. are never hit
  check_embedding(ids, 50, 150);
  // More ids than a GPU's blocks, one of them everywhere.
  ids.resize(2300);
  for (size_t i = 0; i < ids.size(); ++i)
    ids[i] = i % 3 == 0 ? 7 : static_cast<int32_t>((i * i + 5 * i) % 590);
  check_embedding(ids, 600, 40);
  check_embedding({3, 1, 3, 3}, 4, 1040);
}

TEST("rows: errors") {
  on_every_isa(1, [&](belle_backend& b, const std::string&) {
    void* c = b.context;
    Buffer x(b, std::vector<float>(64, 1.0f)), y(b, std::vector<float>(64)),
        ids(b, std::vector<int32_t>{1, 2, 9}), negative(b, std::vector<int32_t>{0, -1, 2});
    float *p = x.f32(), *o = y.f32();
    constexpr auto invalid = StatusCode::invalid_argument;
    CHECK_REFUSED(b.rms_norm(c, o, o, p, p, 1e-5f, 2, 0, BELLE_F32), invalid,
                  "rms_norm: d is 0; it must be from 1");
    CHECK_REFUSED(b.rms_norm(c, o, nullptr, p, p, 1e-5f, 2, 4, BELLE_F32), invalid, "rms_norm: rstd is NULL");
    CHECK_REFUSED(b.rms_norm(c, o, o, p, p, 1e-5f, 2, 4, 2), invalid,
                  "rms_norm: dtype 2 is unknown; use BELLE_F32 (0) or BELLE_BF16 (1)");
    CHECK_REFUSED(b.rms_norm_backward(c, o, nullptr, p, nullptr, p, p, nullptr, 2, 4, BELLE_F32), invalid,
                  "rms_norm_backward: x is NULL");
    CHECK_REFUSED(b.layer_norm(c, o, o, o, p, p, nullptr, 1e-5f, 2, 4, BELLE_F32), invalid,
                  "layer_norm: bias is NULL");
    CHECK_REFUSED(b.layer_norm_backward(c, o, o, o, p, p, p, p, p, nullptr, -3, 4, BELLE_F32), invalid,
                  "layer_norm_backward: tokens is -3");
    CHECK_REFUSED(b.bias_backward(c, nullptr, p, 2, 4, BELLE_F32), invalid, "bias_backward: dbias is NULL");
    CHECK_REFUSED(b.rope(c, o, ids.i32(), 3, 1, 5, 5, 5, 1e4f, 0, BELLE_F32), invalid,
                  "rope: head_dim is 5; RoPE turns pairs, it must be even");
    CHECK_REFUSED(b.rope(c, o, ids.i32(), 3, 1, 4, 4, 4, 0.0f, 0, BELLE_F32), invalid,
                  "rope_theta must be above 0");
    if (on_library())
      return;  // what follows is wrong in device memory, where only the CPU looks before it runs
    CHECK_REFUSED(b.rope(c, o, negative.i32(), 3, 1, 4, 4, 4, 1e4f, 0, BELLE_F32), invalid,
                  "rope: the position of token 1 is -1; positions start at 0");
    CHECK_REFUSED(b.embedding(c, o, p, negative.i32(), 3, 4, BELLE_F32), invalid,
                  "embedding: id -1 of token 1 is outside the table");
    CHECK_REFUSED(b.embedding_backward(c, o, p, ids.i32(), 3, 4, 8, BELLE_F32), invalid,
                  "embedding_backward: id 9 of token 2 is outside the table of 8 rows; the tokenizer and the "
                  "model do not fit");
  });
}

}  // namespace belle::test
