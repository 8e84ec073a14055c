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
                                         int32_t type, bool backward = true) {
  const int64_t hd = s.head_dim, row = (s.heads + 2 * s.kv_heads) * hd, tokens = s.tokens();
  std::vector<float> fused(tokens * row);
  for (int64_t t = 0; t < tokens; ++t) {
    float* to = fused.data() + t * row;
    std::copy_n(in.q.begin() + t * s.heads * hd, s.heads * hd, to);
    std::copy_n(in.k.begin() + t * s.kv_heads * hd, s.kv_heads * hd, to + s.heads * hd);
    std::copy_n(in.v.begin() + t * s.kv_heads * hd, s.kv_heads * hd, to + (s.heads + s.kv_heads) * hd);
  }
  Buffer qkv(b, fused, type), dqkv(b, std::vector<float>(fused.size(), NAN), type), dout(b, in.dout, type);
  Buffer out(b, in.q.size(), type), lse(b, s.heads * tokens * 4), slopes(b, s.slopes);
  auto k_of = [&](Buffer& x) { return static_cast<char*>(x.data()) + s.heads * hd * type_bytes(type); };
  auto v_of = [&](Buffer& x) {
    return static_cast<char*>(x.data()) + (s.heads + s.kv_heads) * hd * type_bytes(type);
  };
  belle_attention_backward_args args = {};
  belle_attention_args& a = args.forward;
  a.q = qkv.data(), a.k = k_of(qkv), a.v = v_of(qkv), a.type = type;
  a.q_stride = a.kv_stride = row, a.q_head_stride = a.kv_head_stride = hd;
  a.out = out.data(), a.lse = lse.f32();
  a.cu_seqlens = s.cu_seqlens.data(), a.documents = static_cast<int32_t>(s.cu_seqlens.size()) - 1;
  a.heads = s.heads, a.kv_heads = s.kv_heads, a.head_dim = s.head_dim, a.scale = s.scale;
  a.alibi_slopes = s.slopes.empty() ? nullptr : slopes.f32();
  CHECK_OK(from_c(b.attention(b.context, &a)));
  std::vector<Output> result = {{"out", out.read(type)}, {"lse", lse.read()}};
  if (!backward) return result;
  args.dout = dout.data();
  args.dq = dqkv.data(), args.dk = k_of(dqkv), args.dv = v_of(dqkv);
  CHECK_OK(from_c(b.attention_backward(b.context, &args)));
  const auto gradient = dqkv.read(type);
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

struct Plain {
  std::vector<float> out, lse, dq, dk, dv;
};
// What a plain implementation of the same precision gets: float32 inside, probabilities and score gradients
// rounded to `type` where they enter a product, results rounded; backward the probabilities come from lse.
static Plain plain_attention(const AttentionShape& s, const Inputs& in, int32_t type) {
  const int64_t hd = s.head_dim;
  Plain r = {std::vector<float>(in.q.size()), std::vector<float>(s.heads * s.tokens()),
             std::vector<float>(in.q.size()), std::vector<float>(in.k.size()),
             std::vector<float>(in.k.size())};
  for (size_t document = 0; document + 1 < s.cu_seqlens.size(); ++document) {
    const int64_t start = s.cu_seqlens[document];
    for (int64_t t = start; t < s.cu_seqlens[document + 1]; ++t) {
      for (int h = 0; h < s.heads; ++h) {
        const int64_t kv = h / (s.heads / s.kv_heads), at = (t * s.heads + h) * hd, keys = t - start + 1;
        auto row = [&](const std::vector<float>& x, int64_t j) {
          return x.data() + ((start + j) * s.kv_heads + kv) * hd;
        };
        auto dot = [&](const float* x, const float* y) {
          float sum = 0;
          for (int64_t e = 0; e < hd; ++e) sum += x[e] * y[e];
          return sum;
        };
        std::vector<float> scores(keys), p(keys), ds(keys), out(hd);
        float highest = -INFINITY, sum = 0;
        for (int64_t j = 0; j < keys; ++j) {
          scores[j] = dot(in.q.data() + at, row(in.k, j)) * s.scale;
          if (!s.slopes.empty()) scores[j] += s.slopes[h] * static_cast<float>(j - keys + 1);
          highest = std::max(highest, scores[j]);
        }
        for (int64_t j = 0; j < keys; ++j) sum += p[j] = std::exp(scores[j] - highest);
        const float lse = r.lse[h * s.tokens() + t] = highest + std::log(sum);
        p = rounded(p, type);
        for (int64_t j = 0; j < keys; ++j) {
          for (int64_t e = 0; e < hd; ++e) out[e] += p[j] * row(in.v, j)[e];
        }
        for (float& x : out) x /= sum;
        out = rounded(out, type);
        std::copy(out.begin(), out.end(), r.out.begin() + at);
        const float delta = dot(out.data(), in.dout.data() + at);
        for (int64_t j = 0; j < keys; ++j) {
          p[j] = std::exp(scores[j] - lse);
          ds[j] = p[j] * (dot(in.dout.data() + at, row(in.v, j)) - delta);
        }
        p = rounded(p, type), ds = rounded(ds, type);
        for (int64_t j = 0; j < keys; ++j) {
          const int64_t at_k = row(in.k, j) - in.k.data();
          for (int64_t e = 0; e < hd; ++e) {
            r.dq[at + e] += s.scale * ds[j] * in.k[at_k + e];
            r.dk[at_k + e] += s.scale * ds[j] * in.q[at + e];
            r.dv[at_k + e] += p[j] * in.dout[at + e];
          }
        }
      }
    }
  }
  for (auto* x : {&r.dq, &r.dk, &r.dv}) *x = rounded(*x, type);
  return r;
}

static std::vector<Expected> expect_attention(const AttentionShape& s, const Inputs& in, int32_t type) {
  using namespace reference;
  const auto q = to<double>(in.q), k = to<double>(in.k), v = to<double>(in.v), dout = to<double>(in.dout);
  const auto exact = attention<double>(s, q, k, v);
  const auto gradient = attention_backward<double>(s, q, k, v, dout);
  const Plain plain = plain_attention(s, in, type);
  return {{plain.out, exact.out},
          {plain.lse, exact.lse},
          {plain.dq, gradient.dq},
          {plain.dk, gradient.dk},
          {plain.dv, gradient.dv}};
}

static const std::vector<int32_t> kBoth(std::begin(kTypes), std::end(kTypes));
static void check_attention(const AttentionShape& s, uint64_t seed, const std::vector<int32_t>& types,
                            float first_key = 1) {
  for (const int32_t type : types) {
    Inputs in = random_inputs(s, seed);
    for (int e = 0; e < s.head_dim; ++e) in.k[e] *= first_key;
    for (auto* x : {&in.q, &in.k, &in.v, &in.dout}) *x = rounded(*x, type);
    check_op(
        "attention " + type_name(type) + " head_dim " + std::to_string(s.head_dim),
        [&](belle_backend& b) { return run_attention(b, s, in, type); }, expect_attention(s, in, type));
  }
}

// Every document of the pack, computed alone, has the bits of `whole`.
static void check_documents_alone(belle_backend& b, const AttentionShape& pack, const Inputs& in,
                                  int32_t type, const std::vector<Output>& whole, const std::string& where) {
  for (size_t i = 0; i + 1 < pack.cu_seqlens.size(); ++i) {
    const int32_t from = pack.cu_seqlens[i], to = pack.cu_seqlens[i + 1];
    auto cut = [&](const std::vector<float>& x) {
      const size_t row = x.size() / pack.tokens();
      return std::vector<float>(x.begin() + from * row, x.begin() + to * row);
    };
    AttentionShape one = pack;
    one.cu_seqlens = {0, to - from};
    const auto alone = run_attention(b, one, {cut(in.q), cut(in.k), cut(in.v), cut(in.dout)}, type);
    for (const size_t output : {0, 2, 3, 4}) {
      if (!same_bits(alone[output].values, cut(whole[output].values))) {
        fail(
            __FILE__, __LINE__,
            where + ", " + type_name(type) + ": " + alone[output].name + " of document " + std::to_string(i));
      }
    }
    for (int h = 0; h < pack.heads; ++h) {
      CHECK(std::memcmp(alone[1].values.data() + h * (to - from),
                        whole[1].values.data() + h * pack.tokens() + from, (to - from) * 4) == 0);
    }
  }
}

TEST("attention: documents around the block borders, grouped heads, ALiBi, every head size") {
  const AttentionShape shapes[] = {
      {{0, 1, 6, 70, 135, 200}, 4, 2, 16, 0.25f, {}},
      {{0, 130, 403}, 2, 2, 64, 0.125f, {}},
      {{0, 63, 63, 127}, 6, 1, 20, 0.2f, {}},  // one document is empty
      {{0, 191, 192, 384, 577}, 1, 1, 8, 0.35f, {}},
      {{0, 20, 213}, 4, 4, 8, 0.35f, {0.25f, 0.0625f, 0.015625f, 0.00390625f}},
      {{0, 66, 67}, 2, 1, 33, 0.17f, {0.5f, 0.25f}},
      {{0, 97}, 2, 1, 80, 0.11f, {}},
      {{0, 45, 245}, 3, 1, 128, 0.09f, {0.5f, 0.25f, 0.125f}},
      {{0, 29}, 1, 1, 200, 0.07f, {}},
      {{0, 12}, 1, 1, 8, 0.0f, {}},
      {{0, 12}, 1, 1, 8, -0.3f, {}},
      {{0, 3}, 1, 1, 1, 1.0f, {}},
  };
  uint64_t seed = 10;
  for (const auto& s : shapes) check_attention(s, seed += 10, kBoth);
}

TEST("attention: head sizes of tensor cores, documents around the borders of their tiles") {
  const AttentionShape shapes[] = {
      {{0, 63, 127, 192, 193}, 2, 2, 64, 0.125f, {}},
      {{0, 127, 256}, 1, 1, 64, 0.125f, {0.5f}},
      {{0, 128}, 2, 1, 80, 0.11f, {0.25f, 0.0625f}},
      {{0, 3, 68}, 8, 1, 80, 0.11f, {}},
      {{0, 65, 65, 194}, 1, 1, 96, 0.1f, {}},
      {{0, 64, 81}, 8, 4, 96, 0.1f, {0.5f, 0.25f, 0.125f, 0.0625f, 0.03125f, 0.015625f, 0.0078125f, 0.0f}},
      {{0, 1, 130}, 2, 1, 128, 0.09f, {}},
      {{0, 65, 100}, 2, 2, 128, 0.09f, {0.5f, 0.00390625f}},
  };
  uint64_t seed = 200;
  for (const auto& s : shapes) check_attention(s, seed += 10, {BELLE_BF16});
}

TEST("attention: a pack gives each document the bits it has alone, on tensor cores too") {
  const AttentionShape pack{{0, 5, 70, 200}, 2, 1, 64, 0.125f, {0.5f, 0.25f}};
  Inputs in = random_inputs(pack, 11);
  for (auto* x : {&in.q, &in.k, &in.v, &in.dout}) *x = rounded(*x, BELLE_BF16);
  const auto expected = expect_attention(pack, in, BELLE_BF16);
  check_op(
      "attention of a pack",
      [&](belle_backend& b) {
        const auto whole = run_attention(b, pack, in, BELLE_BF16);
        check_documents_alone(b, pack, in, BELLE_BF16, whole, b.name);
        return whole;
      },
      expected);
}

TEST("attention: large scores neither overflow nor lose the small ones") {
  check_attention({{0, 250}, 1, 1, 8, 20.0f, {}}, 3, kBoth);
}

TEST("attention: a first key whose score the slope takes away, or which outweighs all others") {
  check_attention({{0, 500}, 1, 1, 16, 0.25f, {1.0f}}, 8, kBoth, 60);
  check_attention({{0, 500}, 1, 1, 16, 0.25f, {}}, 9, kBoth, 60);
}

TEST("attention: what is not finite stays so") {
  const AttentionShape s{{0, 40}, 1, 1, 16, 0.25f, {}};
  for (const int32_t type : kTypes) {
    Inputs in = random_inputs(s, 4);
    in.k[20 * s.head_dim + 3] = NAN;
    on_every_isa(1, [&](belle_backend& b, const std::string&) {
      const auto out = run_attention(b, s, in, type)[0].values;
      for (int t = 0; t < 40; ++t) CHECK_EQ(std::isnan(out[t * s.head_dim]), t >= 20);
    });
  }
}

TEST("attention: a pack gives each document the bits it has alone") {
  const AttentionShape pack{{0, 5, 75, 139, 300, 700}, 4, 2, 24, 0.2f, {0.5f, 0.25f, 0.125f, 0.0625f}};
  const Inputs in = random_inputs(pack, 5);
  for (const int32_t type : kTypes) {
    on_every_isa(2, [&](belle_backend& b, const std::string& isa) {
      check_documents_alone(b, pack, in, type, run_attention(b, pack, in, type), isa);
    });
  }
}

TEST("attention: a row does not see the tokens after it") {
  const AttentionShape s{{0, 450}, 2, 1, 40, 0.2f, {}};
  const Inputs in = random_inputs(s, 6);
  for (const int32_t type : kTypes) {
    on_every_isa(1, [&](belle_backend& b, const std::string& isa) {
      const auto whole = run_attention(b, s, in, type, false)[0].values;
      for (const int32_t length : {1, 50, 193, 391}) {
        AttentionShape start = s;
        start.cu_seqlens = {0, length};
        const auto out = run_attention(b, start, in, type, false)[0].values;
        const size_t n = static_cast<size_t>(length) * s.heads * s.head_dim;
        if (!same_bits({out.begin(), out.begin() + n}, {whole.begin(), whole.begin() + n}))
          fail(__FILE__, __LINE__, isa + ", " + type_name(type) + ": " + std::to_string(length) + " tokens");
      }
    });
  }
}

TEST("attention_decode: the forward pass at the last token, for every number of threads and neighbours") {
  const AttentionShape s{{0, 600}, 6, 2, 40, 0.2f, {0.5f, 0.25f, 0.125f, 0.0625f, 0.03125f, 0.0f}};
  const std::vector<int32_t> lengths = {1, 64, 65, 255, 256, 257, 600};
  const int64_t cache_rows = 601, row = s.kv_heads * s.head_dim, width = s.heads * s.head_dim;
  for (const int32_t type : kTypes) {
    Inputs in = random_inputs(s, 7);
    for (auto* x : {&in.q, &in.k, &in.v, &in.dout}) *x = rounded(*x, type);
    auto decode = [&](belle_backend& b, const std::vector<int32_t>& some, int64_t longest = 0) {
      // Rows past a sequence's length hold NaN: they must not be read into the result.
      std::vector<float> q, k(some.size() * cache_rows * row, NAN), v = k;
      std::vector<int32_t> last;
      for (size_t i = 0; i < some.size(); ++i) {
        last.push_back(some[i] - 1);
        q.insert(q.end(), in.q.begin() + (some[i] - 1) * width, in.q.begin() + some[i] * width);
        std::copy_n(in.k.begin(), some[i] * row, k.begin() + i * cache_rows * row);
        std::copy_n(in.v.begin(), some[i] * row, v.begin() + i * cache_rows * row);
      }
      Buffer dq(b, q, type), dk(b, k, type), dv(b, v, type), out(b, q.size(), type);
      Buffer positions(b, last), slopes(b, s.slopes);
      belle_attention_decode_args a = {};
      a.q = dq.data(), a.q_stride = width, a.q_head_stride = s.head_dim, a.type = type;
      a.k_cache = dk.data(), a.v_cache = dv.data(), a.cache_rows = cache_rows;
      a.positions = positions.i32(), a.sequences = static_cast<int32_t>(some.size());
      a.longest = longest > 0 ? longest : *std::max_element(some.begin(), some.end());
      a.heads = s.heads, a.kv_heads = s.kv_heads, a.head_dim = s.head_dim, a.scale = s.scale;
      a.alibi_slopes = slopes.f32(), a.out = out.data();
      CHECK_OK(from_c(b.attention_decode(b.context, &a)));
      return out.read(type);
    };
    const auto expected = expect_attention(s, in, type)[0];
    Expected rows;
    for (const int32_t n : lengths) {
      rows.plain.insert(rows.plain.end(), expected.plain.begin() + (n - 1) * width,
                        expected.plain.begin() + n * width);
      rows.exact.insert(rows.exact.end(), expected.exact.begin() + (n - 1) * width,
                        expected.exact.begin() + n * width);
    }
    check_op("attention_decode " + type_name(type),
             [&](belle_backend& b) {
               return std::vector<Output>{{"out", decode(b, lengths)}};
             },
             {rows});
    on_every_isa(2, [&](belle_backend& b, const std::string& isa) {
      const auto together = decode(b, lengths);
      for (size_t i = 0; i < lengths.size(); ++i) {
        const auto at = together.begin() + i * width;
        if (!same_bits(decode(b, {lengths[i]}), {at, at + width}))
          fail(__FILE__, __LINE__, isa + ", " + type_name(type) + ": length " + std::to_string(lengths[i]));
        // Laid out for more than there is.
        if (!same_bits(decode(b, {lengths[i]}, cache_rows), {at, at + width}))
          fail(__FILE__, __LINE__, isa + ": laid out for " + std::to_string(cache_rows));
      }
    });
  }
}

TEST("attention: errors") {
  on_every_isa(1, [&](belle_backend& b, const std::string&) {
    Buffer x(b, std::vector<float>(1024));
    const std::vector<int32_t> good_seqlens = {0, 2, 4}, falling = {0, 3, 2}, late = {1, 2, 4};
    belle_attention_args good = {};
    good.q = good.k = good.v = x.f32(), good.out = x.f32() + 512, good.lse = x.f32() + 900;
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
    refused([](auto& a) { a.head_dim = 5000; }, StatusCode::invalid_argument,
            "head_dim is 5000; at most 4096");
    refused([](auto& a) { a.k = nullptr; }, StatusCode::invalid_argument, "k is NULL");
    refused([](auto& a) { a.lse = nullptr; }, StatusCode::invalid_argument, "lse is NULL");
    refused([](auto& a) { a.type = 2; }, StatusCode::invalid_argument, "dtype 2 is unknown");

    Buffer positions(b, std::vector<int32_t>{3, 7});
    belle_attention_decode_args decode = {};
    decode.q = decode.k_cache = decode.v_cache = x.f32(), decode.out = x.f32() + 512;
    decode.q_stride = 16, decode.q_head_stride = 4, decode.cache_rows = 8, decode.longest = 9;
    decode.positions = positions.i32(), decode.sequences = 2;
    decode.heads = decode.kv_heads = 4, decode.head_dim = 4, decode.scale = 1;
    CHECK_REFUSED(b.attention_decode(b.context, &decode), StatusCode::invalid_argument,
                  "attention_decode: longest is 9, a sequence's cache holds 8 rows");
    decode.longest = 7;
    if (!on_library()) {  // a device's positions are its own
      CHECK_REFUSED(b.attention_decode(b.context, &decode), StatusCode::invalid_argument,
                    "attention_decode: sequence 1 is at position 7 of 7");
    }
  });
}

}  // namespace belle::test
