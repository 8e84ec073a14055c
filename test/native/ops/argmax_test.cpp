// argmax: the first of the largest of each row, and rows that have none.
#include <limits>

#include "test/native/ops/kit.h"

namespace belle::test {

static std::vector<int32_t> run_argmax(belle_backend& b, const std::vector<float>& x, int64_t rows, int64_t n,
                                       int64_t stride) {
  Buffer in(b, x), out(b, static_cast<size_t>(rows) * 4);
  CHECK_OK(from_c(b.argmax(b.context, out.i32(), in.f32(), rows, n, stride)));
  std::vector<int32_t> places(static_cast<size_t>(rows));
  CHECK_OK(from_c(b.read(b.context, places.data(), out.data(), places.size() * 4)));
  return places;
}

TEST("argmax: the place of the largest, the first of equals") {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  struct Row {
    std::vector<float> x;
    int32_t place;
  };
  const Row kinds[] = {{{1, 3, 3, 2}, 1},
                       {{-4, -3, -2, -2}, 2},
                       {{-0.0f, 0.0f, -1, -2}, 0},
                       {{-kInf, -kInf, 5, -kInf}, 2},
                       {{1e-45f, 0, -1e-45f, 0}, 0},
                       {{-3e38f, -3.4e38f, -3.3e38f, -3.4e38f}, 0},
                       {{1, kInf, 2, 3}, -1},
                       {{-kInf, -kInf, -kInf, -kInf}, -1},
                       {{1, 2, NAN, 3}, -1},
                       {{-NAN, kInf, 2, 3}, -1}};
  std::vector<float> x;
  std::vector<int32_t> expected;
  for (const Row& row : kinds) {
    x.insert(x.end(), row.x.begin(), row.x.end());
    expected.push_back(row.place);
  }
  on_every_isa(2, [&](belle_backend& b, const std::string& isa) {
    if (run_argmax(b, x, std::ssize(expected), 4, 4) != expected) fail(__FILE__, __LINE__, isa);
  });
}

TEST("argmax: rows of every length, some of a longer stride") {
  for (const int64_t n : {1, 31, 513, 5000}) {
    const int64_t rows = 7, stride = n + 3;
    std::vector<float> x = random_normal(rows * stride, static_cast<uint64_t>(n));
    std::vector<int32_t> expected;
    for (int64_t r = 0; r < rows; ++r) {
      const auto row = x.begin() + r * stride;
      std::fill_n(row + n, 3, 100.0f);  // not the row's
      if (r % 2) row[(r * 977) % n] = row[n - 1] = 9;
      expected.push_back(static_cast<int32_t>(std::max_element(row, row + n) - row));
    }
    on_every_isa(2, [&](belle_backend& b, const std::string& isa) {
      if (run_argmax(b, x, rows, n, stride) != expected)
        fail(__FILE__, __LINE__, isa + ", " + std::to_string(n));
    });
  }
}

TEST("argmax: errors") {
  on_every_isa(1, [](belle_backend& b, const std::string&) {
    Buffer x(b, std::vector<float>(8)), out(b, 8);
    const auto call = [&](int64_t rows, int64_t n, int64_t stride) {
      return b.argmax(b.context, out.i32(), x.f32(), rows, n, stride);
    };
    CHECK_OK(from_c(call(0, 4, 4)));
    CHECK_REFUSED(call(2, 0, 4), StatusCode::invalid_argument, "argmax: n is 0");
    CHECK_REFUSED(call(2, 4, 3), StatusCode::invalid_argument, "argmax: stride is 3; it must be from 4");
    CHECK_REFUSED(call(1, int64_t{1} << 31, int64_t{1} << 31), StatusCode::invalid_argument,
                  "argmax: n is 2147483648; a place is an int32");
    CHECK_REFUSED(b.argmax(b.context, nullptr, x.f32(), 1, 4, 4), StatusCode::invalid_argument,
                  "argmax: out is NULL");
  });
}

}  // namespace belle::test
