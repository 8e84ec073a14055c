// attention_decode on the shapes that models have, and on odd ones; attention_test.cpp has its lengths.
#include "test/native/ops/kit.h"

namespace belle::test {

using reference::AttentionShape;
using reference::to;

struct DecodeShape {
  int heads, kv_heads, head_dim;
  std::vector<float> slopes;
  std::vector<int32_t> lengths;
};

// out [heads, head_dim] of one sequence, its probabilities rounded to `type` where T is float.
template <class T>
static std::vector<T> decoded(const DecodeShape& s, int32_t type, int32_t length, const std::vector<float>& q,
                              const std::vector<float>& k, const std::vector<float>& v) {
  const AttentionShape one = {{0, length}, s.heads, s.kv_heads, s.head_dim, 0.2f, s.slopes};
  // attention_row wants the queries of every token; only the last one's are read.
  std::vector<T> all(static_cast<size_t>(length - 1) * q.size()), out(q.size());
  all.insert(all.end(), q.begin(), q.end());
  for (int h = 0; h < s.heads; ++h) {
    T lse;
    auto p = reference::attention_row<T>(one, all, to<T>(k), 0, length - 1, h, &lse);
    if constexpr (sizeof(T) == 4) p = rounded(p, type);
    for (int64_t j = 0; j < length; ++j) {
      const size_t row = (j * s.kv_heads + h / (s.heads / s.kv_heads)) * s.head_dim;
      for (int e = 0; e < s.head_dim; ++e) out[h * s.head_dim + e] += p[j] * v[row + e];
    }
  }
  return out;
}

static void check_decode(const DecodeShape& s, int32_t type) {
  const int32_t cache_rows = 1 + *std::max_element(s.lengths.begin(), s.lengths.end());
  const size_t width = s.heads * s.head_dim, row = s.kv_heads * s.head_dim, cache = cache_rows * row,
               sequences = s.lengths.size();
  const auto q = rounded(random_normal(sequences * width, 1), type),
             k = rounded(random_normal(sequences * cache, 2), type),
             v = rounded(random_normal(sequences * cache, 3), type);
  Expected expected;
  std::vector<int32_t> last;
  for (size_t i = 0; i < sequences; ++i) {
    last.push_back(s.lengths[i] - 1);
    auto part = [&](const std::vector<float>& x, size_t size) {
      return std::vector<float>(x.begin() + i * size, x.begin() + (i + 1) * size);
    };
    const auto plain = decoded<float>(s, type, s.lengths[i], part(q, width), part(k, cache), part(v, cache));
    const auto exact = decoded<double>(s, type, s.lengths[i], part(q, width), part(k, cache), part(v, cache));
    expected.plain.insert(expected.plain.end(), plain.begin(), plain.end());
    expected.exact.insert(expected.exact.end(), exact.begin(), exact.end());
  }
  check_op("attention_decode " + type_name(type) + " head_dim " + std::to_string(s.head_dim),
           [&](belle_backend& b) {
             Buffer bq(b, q, type), bk(b, k, type), bv(b, v, type), out(b, q.size(), type);
             Buffer positions(b, last), slopes(b, s.slopes);
             belle_attention_decode_args a = {};
             a.q = bq.data(), a.q_stride = static_cast<int64_t>(width), a.q_head_stride = s.head_dim;
             a.k_cache = bk.data(), a.v_cache = bv.data(), a.cache_rows = cache_rows, a.type = type;
             a.positions = positions.i32(), a.sequences = static_cast<int32_t>(sequences);
             a.longest = cache_rows - 1;
             a.heads = s.heads, a.kv_heads = s.kv_heads, a.head_dim = s.head_dim, a.scale = 0.2f;
             a.alibi_slopes = s.slopes.empty() ? nullptr : slopes.f32(), a.out = out.data();
             CHECK_OK(from_c(b.attention_decode(b.context, &a)));
             return std::vector<Output>{{"out", out.read(type)}};
           },
           {stored_as(type, expected)});
}

TEST("attention_decode: the head sizes and groups of models, and odd ones") {
  const DecodeShape shapes[] = {
      {2, 2, 128, {}, {130, 3}},     {7, 1, 64, {}, {129}}, {4, 1, 80, {0.5f, 0.25f, 0.125f, 0.0625f}, {20}},
      {9, 1, 16, {}, {5, 128}},  // more heads than share one pass over the cache
      {6, 2, 8, {}, {40}},           {2, 1, 264, {}, {35}}, {1, 1, 1, {}, {300}},
      {2, 1, 3, {1.0f, 0.0f}, {33}},
  };
  for (const auto& s : shapes) {
    for (const int32_t type : kTypes) check_decode(s, type);
  }
}

}  // namespace belle::test
