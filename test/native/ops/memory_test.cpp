// write: what the caller does with its memory afterwards changes nothing, however many are under way.
#include "test/native/ops/kit.h"

namespace belle::test {

TEST("write: host memory may change at once") {
  on_every_isa(1, [](belle_backend& b, const std::string& isa) {
    constexpr size_t kRows = 40;
    for (const size_t elements : {16u, 2000u, 100'000u}) {  // the last are more than is staged
      Buffer rows(b, kRows * elements * sizeof(float));
      std::vector<float> host(elements);
      for (size_t r = 0; r < kRows; ++r) {
        host.assign(elements, static_cast<float>(r + elements));
        const Status sent =
            from_c(b.write(b.context, rows.f32() + r * elements, host.data(), elements * sizeof(float)));
        CHECK_OK(sent);
        host.assign(elements, NAN);
      }
      const std::vector<float> got = rows.read();
      for (size_t i = 0; i < got.size(); ++i) {
        if (got[i] != static_cast<float>(i / elements + elements)) {
          fail(__FILE__, __LINE__,
               isa + ": element " + std::to_string(i) + " of " + std::to_string(elements));
          break;
        }
      }
    }
  });
}

TEST("write: arrays that grow, one behind the other, and what comes after them reads them") {
  on_every_isa(1, [](belle_backend& b, const std::string& isa) {
    Buffer x(b, std::vector<float>(20'000)), sum(b, std::vector<float>(20'000));
    float expected = 0;
    for (size_t n = 1; n <= 20'000; n = n * 3 / 2 + 1) {
      const std::vector<float> values(n, static_cast<float>(n));
      CHECK_OK(from_c(b.write(b.context, x.data(), values.data(), n * sizeof(float))));
      CHECK_OK(
          from_c(b.add(b.context, sum.data(), sum.data(), x.data(), static_cast<int64_t>(n), BELLE_F32)));
      expected += static_cast<float>(n);
    }
    if (sum.read()[0] != expected) fail(__FILE__, __LINE__, isa);
  });
}

}  // namespace belle::test
