#include "native/ops/reduce.h"

#include "native/ops/columns.h"
#include "native/ops/vector.h"

namespace belle::ops::BELLE_ISA {

template <class Term>
BELLE_INLINE double sum_terms(const float* x, int64_t n, Term term) {
  constexpr int kParts = 16;
  double part[kParts] = {};
  int64_t i = 0;
  for (; i + kParts <= n; i += kParts) {
    for (int p = 0; p < kParts; ++p) part[p] += term(static_cast<double>(x[i + p]));
  }
  for (int p = 0; i < n; ++i, ++p) part[p] += term(static_cast<double>(x[i]));
  for (int half = kParts / 2; half > 0; half /= 2) {
    for (int p = 0; p < half; ++p) part[p] += part[p + half];
  }
  return part[0];
}

double sum(const float* x, int64_t n) {
  return sum_terms(x, n, [](double value) { return value; });
}
double sum_squares(const float* x, int64_t n) {
  return sum_terms(x, n, [](double value) { return value * value; });
}

void bias_backward(float* dbias, const float* dout, int64_t rows, int64_t d, int64_t first, int64_t last) {
  add_column_sums(dbias, rows, first, last,
                  [&](int64_t r, int64_t c, int64_t count) { return load_first(dout + r * d + c, count); });
}

}  // namespace belle::ops::BELLE_ISA
