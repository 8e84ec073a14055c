#include "native/ops/reduce.h"

#include "native/ops/typed.h"
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

// Four rows a pass: the sums are read and written once for the four.
template <class T>
static void sum_columns(float* sums, const T* x, int64_t rows, int64_t d) {
  __builtin_memset(sums, 0, static_cast<uint64_t>(d) * 4);
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4, x += 4 * d) {
    for_vectors(d, [&](int64_t i, int64_t count) {
      vf sum = load_first(sums + i, count);
      for (int64_t k = 0; k < 4; ++k) sum = sum + load_first(x + k * d + i, count);
      store_first(sums + i, sum, count);
    });
  }
  for (; r < rows; ++r, x += d) {
    for_vectors(d, [&](int64_t i, int64_t count) {
      store_first(sums + i, load_first(sums + i, count) + load_first(x + i, count), count);
    });
  }
}

void column_sums(float* sums, const void* dout, int64_t rows, int64_t d, Type type) {
  with_type(type, [&]<class T>(T) { sum_columns(sums, static_cast<const T*>(dout), rows, d); });
}

void add_partial_sums(float* out, const float* partial, int64_t parts, int64_t d, int64_t first,
                      int64_t last) {
  for_vectors(last - first, [&](int64_t i, int64_t count) {
    const int64_t c = first + i;
    vf sum = {};
    for (int64_t part = 0; part < parts; ++part) sum = sum + load_first(partial + part * d + c, count);
    store_first(out + c, load_first(out + c, count) + sum, count);
  });
}

}  // namespace belle::ops::BELLE_ISA
