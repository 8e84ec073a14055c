#include "native/ops/rms_norm.h"

#include "native/ops/rows.h"
#include "native/ops/typed.h"
#include "native/ops/vector.h"

namespace belle::ops::BELLE_ISA {

template <class T>
static void normalise(T* out, float* rstd, const T* x, const T* weight, float eps, int64_t rows, int64_t d) {
  for_row_groups(rows, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) {
      const T* row = x + r * d;
      float squares[1];
      sum_row(d, squares, [&](int64_t i, int64_t count, vf(&sum)[1]) {
        const vf v = load_first(row + i, count);
        sum[0] = mul_add(v, v, sum[0]);
      });
      rstd[r] = 1.0f / __builtin_sqrtf(squares[0] / static_cast<float>(d) + eps);
    }
    for (int64_t r = first; r < last; ++r) {
      const T* row = x + r * d;
      T* to = out + r * d;
      const vf scale = splat(rstd[r]);
      for_vectors(d, [&](int64_t i, int64_t count) {
        store_first(to + i, load_first(row + i, count) * scale * load_first(weight + i, count), count);
      });
    }
  });
}

template <class T>
static void backward(T* dx, float* dweight, const T* dout, const T* x, const T* weight, const float* rstd,
                     const T* residual, int64_t rows, int64_t d) {
  if (dweight) __builtin_memset(dweight, 0, static_cast<uint64_t>(d) * 4);
  for_row_groups(rows, [&](int64_t first, int64_t last) {
    float pulls[kRowGroup];
    for (int64_t r = first; r < last; ++r) {
      const T *row = x + r * d, *gradient = dout + r * d;
      float products[1];
      sum_row(d, products, [&](int64_t i, int64_t count, vf(&sum)[1]) {
        sum[0] = mul_add(load_first(gradient + i, count) * load_first(weight + i, count),
                         load_first(row + i, count), sum[0]);
      });
      pulls[r - first] = -(products[0] / static_cast<float>(d) * rstd[r] * rstd[r]);
    }
    for (int64_t r = first; r < last; ++r) {
      const T *row = x + r * d, *gradient = dout + r * d, *more = residual ? residual + r * d : nullptr;
      T* to = dx + r * d;
      const vf pull = splat(pulls[r - first]), scale = splat(rstd[r]);
      for_vectors(d, [&](int64_t i, int64_t count) {
        const vf g = load_first(gradient + i, count), v = load_first(row + i, count);
        if (dweight) store_first(dweight + i, mul_add(g * v, scale, load_first(dweight + i, count)), count);
        vf sum = scale * mul_add(v, pull, g * load_first(weight + i, count));
        if (more) sum = sum + load_first(more + i, count);
        store_first(to + i, sum, count);
      });
    }
  });
}

void rms_norm(void* out, float* rstd, const void* x, const void* weight, float eps, int64_t rows, int64_t d,
              Type type) {
  with_type(type, [&]<class T>(T) {
    normalise(static_cast<T*>(out), rstd, static_cast<const T*>(x), static_cast<const T*>(weight), eps, rows,
              d);
  });
}

void rms_norm_backward(void* dx, float* dweight, const void* dout, const void* x, const void* weight,
                       const float* rstd, const void* residual, int64_t rows, int64_t d, Type type) {
  with_type(type, [&]<class T>(T) {
    backward(static_cast<T*>(dx), dweight, static_cast<const T*>(dout), static_cast<const T*>(x),
             static_cast<const T*>(weight), rstd, static_cast<const T*>(residual), rows, d);
  });
}

}  // namespace belle::ops::BELLE_ISA
