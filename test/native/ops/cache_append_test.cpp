// cache_append: where each token's keys and values end up, for the layouts of LLaMA and BLOOM, and that
// nothing else of the cache is touched.
#include "test/native/ops/kit.h"

namespace belle::test {

struct Layout {
  int heads, kv_heads, head_dim;
  bool interleaved;  // [head][q|k|v] as BLOOM has it, not [q heads][k heads][v heads]
};

static void check_append(const Layout& s, int32_t type) {
  const std::vector<int32_t> rows = {5, 0, 11, 6, 2};
  const int64_t cache_rows = 12, row = s.kv_heads * s.head_dim, tokens = static_cast<int64_t>(rows.size());
  const int64_t width = (s.heads + 2 * s.kv_heads) * s.head_dim;
  const int64_t head_stride = s.interleaved ? 3 * s.head_dim : s.head_dim;
  const int64_t k_at = s.interleaved ? s.head_dim : s.heads * s.head_dim;
  const int64_t v_at = s.interleaved ? 2 * s.head_dim : k_at + row;
  const auto qkv = rounded(random_normal(tokens * width, 1), type),
             before = rounded(random_normal(cache_rows * row, 2), type);
  const auto appended = [&](int64_t from) {
    std::vector<float> cache = before;
    for (int64_t t = 0; t < tokens; ++t) {
      for (int64_t h = 0; h < s.kv_heads; ++h) {
        const auto head = qkv.begin() + t * width + from + h * head_stride;
        std::copy_n(head, s.head_dim, cache.begin() + rows[t] * row + h * s.head_dim);
      }
    }
    return cache;
  };
  on_every_isa(2, [&](belle_backend& b, const std::string& isa) {
    Buffer in(b, qkv, type), places(b, rows), k(b, before, type), v(b, before, type);
    const auto part = [&](int64_t at) { return static_cast<char*>(in.data()) + at * type_bytes(type); };
    const belle_cache_append_args args = {.k = part(k_at),
                                          .v = part(v_at),
                                          .kv_stride = width,
                                          .kv_head_stride = head_stride,
                                          .tokens = tokens,
                                          .rows = places.i32(),
                                          .k_cache = k.data(),
                                          .v_cache = v.data(),
                                          .kv_heads = s.kv_heads,
                                          .head_dim = s.head_dim,
                                          .type = type};
    CHECK_OK(from_c(b.cache_append(b.context, &args)));
    if (!same_bits(k.read(type), appended(k_at)) || !same_bits(v.read(type), appended(v_at)))
      fail(__FILE__, __LINE__, isa + ", " + type_name(type) + " head_dim " + std::to_string(s.head_dim));
  });
}

TEST("cache_append: every token to its row, for the layouts of LLaMA and BLOOM") {
  const Layout layouts[] = {{4, 2, 64, false}, {3, 3, 16, true}, {2, 1, 5, false}, {2, 2, 3, true}};
  for (const auto& s : layouts) {
    for (const int32_t type : kTypes) check_append(s, type);
  }
}

TEST("cache_append: errors") {
  on_every_isa(1, [](belle_backend& b, const std::string&) {
    Buffer x(b, std::vector<float>(64)), places(b, std::vector<int32_t>{0, -1});
    const belle_cache_append_args good = {.k = x.data(),
                                          .v = x.data(),
                                          .kv_stride = 8,
                                          .kv_head_stride = 4,
                                          .tokens = 1,
                                          .rows = places.i32(),
                                          .k_cache = x.f32() + 16,
                                          .v_cache = x.f32() + 32,
                                          .kv_heads = 1,
                                          .head_dim = 4,
                                          .type = BELLE_F32};
    CHECK_OK(from_c(b.cache_append(b.context, &good)));
    const auto refused = [&](auto change, const std::string& text) {
      belle_cache_append_args bad = good;
      change(bad);
      CHECK_REFUSED(b.cache_append(b.context, &bad), StatusCode::invalid_argument, "cache_append: " + text);
    };
    refused([](auto& a) { a.rows = nullptr; }, "rows is NULL");
    refused([](auto& a) { a.k_cache = nullptr; }, "k_cache is NULL");
    refused([](auto& a) { a.head_dim = 0; }, "head_dim is 0");
    refused([](auto& a) { a.type = 3; }, "dtype 3 is unknown");
    if (!on_library())
      refused([](auto& a) { a.tokens = 2; }, "the row of token 1 is -1; it must be one of the cache's");
    CHECK_REFUSED(b.cache_append(b.context, nullptr), StatusCode::invalid_argument,
                  "cache_append: args is NULL");
  });
}

}  // namespace belle::test
