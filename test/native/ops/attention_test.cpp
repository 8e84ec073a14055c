#include "test/native/ops/kit.h"

namespace belle::test {

using reference::AttentionShape;

struct Inputs {
  std::vector<float> q, k, v, dout;
};
static Inputs random_inputs(const AttentionShape& s, uint64_t seed) {
  const size_t q = s.tokens() * s.heads * s.head_dim, kv = s.tokens() * s.kv_heads * s.head_dim;
  return {random_normal(q, seed), random_normal(kv, seed + 1), random_normal(kv, seed + 2),
          random_normal(q, seed + 3)};
}

// out, lse, dq, dk, dv of dense q, k, v; the entries see them inside one row [q heads | k heads | v heads]
// per token.
static std::vector<Output> run_attention(belle_backend& b, const AttentionShape& s, const Inputs& in,
                                         bool backward = true) {
  const int64_t hd = s.head_dim, row = (s.heads + 2 * s.kv_heads) * hd, tokens = s.tokens();
  std::vector<float> fused(tokens * row);
  for (int64_t t = 0; t < tokens; ++t) {
    float* to = fused.data() + t * row;
    std::copy_n(in.q.begin() + t * s.heads * hd, s.heads * hd, to);
    std::copy_n(in.k.begin() + t * s.kv_heads * hd, s.kv_heads * hd, to + s.heads * hd);
    std::copy_n(in.v.begin() + t * s.kv_heads * hd, s.kv_heads * hd, to + (s.heads + s.kv_heads) * hd);
  }
  Buffer qkv(b, fused), dqkv(b, std::vector<float>(fused.size(), NAN)), dout(b, in.dout);
  Buffer out(b, in.q.size() * 4), lse(b, s.heads * tokens * 4), delta(b, s.heads * tokens * 4);
  belle_attention_backward_args args = {};
  belle_attention_args& a = args.forward;
  a.q = qkv.f32(), a.k = qkv.f32() + s.heads * hd, a.v = qkv.f32() + (s.heads + s.kv_heads) * hd;
  a.q_stride = a.kv_stride = row, a.q_head_stride = a.kv_head_stride = hd;
  a.out = out.f32(), a.lse = lse.f32();
  a.cu_seqlens = s.cu_seqlens.data(), a.documents = static_cast<int32_t>(s.cu_seqlens.size()) - 1;
  a.heads = s.heads, a.kv_heads = s.kv_heads, a.head_dim = s.head_dim, a.scale = s.scale;
  a.alibi_slopes = s.slopes.empty() ? nullptr : s.slopes.data();
  CHECK_OK(from_c(b.attention(b.context, &a)));
  std::vector<Output> result = {{"out", out.read()}, {"lse", lse.read()}};
  if (!backward) return result;
  args.dout = dout.f32(), args.delta = delta.f32();
  args.dq = dqkv.f32(), args.dk = dqkv.f32() + s.heads * hd,
  args.dv = dqkv.f32() + (s.heads + s.kv_heads) * hd;
  CHECK_OK(from_c(b.attention_backward(b.context, &args)));
  const auto gradient = dqkv.read();
  Output dq{"dq", {}}, dk{"dk", {}}, dv{"dv", {}};
  for (int64_t t = 0; t < tokens; ++t) {
    const auto at = gradient.begin() + t * row;
    dq.values.insert(dq.values.end(), at, at + s.heads * hd);
    dk.values.insert(dk.values.end(), at + s.heads * hd, at + (s.heads + s.kv_heads) * hd);
    dv.values.insert(dv.values.end(), at + (s.heads + s.kv_heads) * hd, at + row);
  }
  result.insert(result.end(), {dq, dk, dv});
  return result;
}

static std::vector<Expected> expect_attention(const AttentionShape& s, const Inputs& in) {
  using namespace reference;
  const auto q = to<double>(in.q), k = to<double>(in.k), v = to<double>(in.v), dout = to<double>(in.dout);
  const auto plain = attention<float>(s, in.q, in.k, in.v);
  const auto exact = attention<double>(s, q, k, v);
  const auto plain_gradient = attention_backward<float>(s, in.q, in.k, in.v, in.dout);
  const auto gradient = attention_backward<double>(s, q, k, v, dout);
  return {{plain.out, exact.out},
          {plain.lse, exact.lse},
          {plain_gradient.dq, gradient.dq},
          {plain_gradient.dk, gradient.dk},
          {plain_gradient.dv, gradient.dv}};
}

TEST("attention: documents around the block borders, grouped heads, ALiBi, odd head sizes") {
  const AttentionShape shapes[] = {
      {{0, 1, 6, 70, 135, 200}, 4, 2, 16, 0.25f, {}},
      {{0, 130}, 2, 2, 64, 0.125f, {}},
      {{0, 63, 63, 127}, 6, 1, 20, 0.2f, {}},  // one document is empty
      {{0, 20, 150}, 4, 4, 8, 0.35f, {0.25f, 0.0625f, 0.015625f, 0.00390625f}},
      {{0, 66}, 2, 1, 33, 0.17f, {0.5f, 0.25f}},
      {{0, 3}, 1, 1, 1, 1.0f, {}},
  };
  uint64_t seed = 10;
  for (const auto& s : shapes) {
    const Inputs in = random_inputs(s, seed += 10);
    check_op(
        "attention head_dim " + std::to_string(s.head_dim),
        [&](belle_backend& b) { return run_attention(b, s, in); }, expect_attention(s, in));
  }
}

TEST("attention: large scores neither overflow nor lose the small ones") {
  const AttentionShape s{{0, 90}, 1, 1, 8, 20.0f, {}};
  const Inputs in = random_inputs(s, 3);
  check_op(
      "attention", [&](belle_backend& b) { return run_attention(b, s, in); }, expect_attention(s, in));
}

TEST("attention: a pack gives each document the bits it has alone") {
  const AttentionShape pack{{0, 5, 75, 139, 300}, 4, 2, 24, 0.2f, {0.5f, 0.25f, 0.125f, 0.0625f}};
  const Inputs in = random_inputs(pack, 5);
  on_every_isa(2, [&](belle_backend& b, const std::string& isa) {
    const auto whole = run_attention(b, pack, in);
    for (size_t i = 0; i + 1 < pack.cu_seqlens.size(); ++i) {
      const int32_t from = pack.cu_seqlens[i], to = pack.cu_seqlens[i + 1];
      auto cut = [&](const std::vector<float>& x) {
        const size_t row = x.size() / pack.tokens();
        return std::vector<float>(x.begin() + from * row, x.begin() + to * row);
      };
      AttentionShape one = pack;
      one.cu_seqlens = {0, to - from};
      const auto alone = run_attention(b, one, {cut(in.q), cut(in.k), cut(in.v), cut(in.dout)});
      for (const size_t output : {0, 2, 3, 4}) {
        if (!same_bits(alone[output].values, cut(whole[output].values))) {
          fail(__FILE__, __LINE__, isa + ": " + alone[output].name + " of document " + std::to_string(i));
        }
      }
      for (int h = 0; h < pack.heads; ++h) {
        CHECK(std::memcmp(alone[1].values.data() + h * (to - from),
                          whole[1].values.data() + h * pack.tokens() + from, (to - from) * 4) == 0);
      }
    }
  });
}

TEST("attention_decode: the bits of the forward pass at the last token") {
  const AttentionShape s{{0, 200}, 6, 2, 24, 0.2f, {0.5f, 0.25f, 0.125f, 0.0625f, 0.03125f, 0.0f}};
  const Inputs in = random_inputs(s, 7);
  const std::vector<int32_t> lengths = {1, 64, 65, 130, 200};
  const int64_t cache_rows = 201, row = s.kv_heads * s.head_dim, width = s.heads * s.head_dim;
  on_every_isa(2, [&](belle_backend& b, const std::string& isa) {
    const auto forward = run_attention(b, s, in, false)[0].values;
    // Rows past a sequence's length hold NaN: they must not be read into the result.
    std::vector<float> q, k(lengths.size() * cache_rows * row, NAN), v = k;
    for (size_t i = 0; i < lengths.size(); ++i) {
      q.insert(q.end(), in.q.begin() + (lengths[i] - 1) * width, in.q.begin() + lengths[i] * width);
      std::copy_n(in.k.begin(), lengths[i] * row, k.begin() + i * cache_rows * row);
      std::copy_n(in.v.begin(), lengths[i] * row, v.begin() + i * cache_rows * row);
    }
    Buffer dq(b, q), dk(b, k), dv(b, v), out(b, q.size() * 4);
    belle_attention_decode_args a = {};
    a.q = dq.f32(), a.q_stride = width, a.q_head_stride = s.head_dim;
    a.k_cache = dk.f32(), a.v_cache = dv.f32(), a.cache_rows = cache_rows;
    a.lengths = lengths.data(), a.sequences = static_cast<int32_t>(lengths.size());
    a.heads = s.heads, a.kv_heads = s.kv_heads, a.head_dim = s.head_dim, a.scale = s.scale;
    a.alibi_slopes = s.slopes.data(), a.out = out.f32();
    CHECK_OK(from_c(b.attention_decode(b.context, &a)));
    const auto decoded = out.read();
    for (size_t i = 0; i < lengths.size(); ++i) {
      const std::vector<float> expected(forward.begin() + (lengths[i] - 1) * width,
                                        forward.begin() + lengths[i] * width);
      const std::vector<float> got(decoded.begin() + i * width, decoded.begin() + (i + 1) * width);
      if (!same_bits(got, expected)) fail(__FILE__, __LINE__, isa + ": length " + std::to_string(lengths[i]));
    }
  });
}

TEST("attention: errors") {
  const auto device = backend::open_cpu(*backend::usable_kernels().front(), 1);
  belle_backend& b = *device;
  std::vector<float> x(1024);
  const std::vector<int32_t> good_seqlens = {0, 2, 4}, falling = {0, 3, 2}, late = {1, 2, 4};
  belle_attention_args good = {};
  good.q = good.k = good.v = x.data(), good.out = x.data() + 512, good.lse = x.data() + 900;
  good.q_stride = good.kv_stride = 16, good.q_head_stride = good.kv_head_stride = 4;
  good.cu_seqlens = good_seqlens.data(), good.documents = 2;
  good.heads = good.kv_heads = 4, good.head_dim = 4, good.scale = 1;
  CHECK_OK(from_c(b.attention(b.context, &good)));
  auto refused = [&](auto change, StatusCode code, const std::string& text) {
    belle_attention_args bad = good;
    change(bad);
    CHECK_REFUSED(b.attention(b.context, &bad), code, "attention: " + text);
    belle_attention_backward_args backward = {};
    backward.forward = bad;
    CHECK_REFUSED(b.attention_backward(b.context, &backward), code, "attention_backward: " + text);
  };
  refused([&](auto& a) { a.cu_seqlens = falling.data(); }, StatusCode::invalid_argument,
          "cu_seqlens falls from 3 to 2 at entry 2");
  refused([&](auto& a) { a.cu_seqlens = late.data(); }, StatusCode::invalid_argument,
          "cu_seqlens starts with 1; it must start with 0");
  refused([](auto& a) { a.kv_heads = 3; }, StatusCode::invalid_argument,
          "4 heads cannot share 3 kv heads evenly");
  refused([](auto& a) { a.head_dim = 0; }, StatusCode::invalid_argument, "head_dim is 0");
  refused([](auto& a) { a.head_dim = 5000; }, StatusCode::invalid_argument, "head_dim is 5000; at most 4096");
  refused([](auto& a) { a.k = nullptr; }, StatusCode::invalid_argument, "k is NULL");
  refused([](auto& a) { a.lse = nullptr; }, StatusCode::invalid_argument, "lse is NULL");
  refused([](auto& a) { a.type = BELLE_BF16; }, StatusCode::unsupported,
          "the CPU backend computes in float32");

  const std::vector<int32_t> lengths = {3, 9};
  belle_attention_decode_args decode = {};
  decode.q = decode.k_cache = decode.v_cache = x.data(), decode.out = x.data() + 512;
  decode.q_stride = 16, decode.q_head_stride = 4, decode.cache_rows = 8, decode.lengths = lengths.data(),
  decode.sequences = 2;
  decode.heads = decode.kv_heads = 4, decode.head_dim = 4, decode.scale = 1;
  CHECK_REFUSED(b.attention_decode(b.context, &decode), StatusCode::invalid_argument,
                "attention_decode: sequence 1 has length 9, its cache holds 1 to 8 rows");
}

}  // namespace belle::test
