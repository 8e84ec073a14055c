#include "native/ops/layer_norm.h"

#include "native/ops/rows.h"
#include "native/ops/typed.h"
#include "native/ops/vector.h"

namespace belle::ops::BELLE_ISA {

// Lanes past the end must not count: a zero there would become 0 - mean.
template <class T>
BELLE_INLINE vf centred(const T* x, float mean, int64_t count) {
  const vf v = load_first(x, count) - splat(mean);
  if (count >= kLanes) return v;
  return lane_numbers() < static_cast<int32_t>(count) ? v : vf{};
}

template <class T>
static void normalise(T* out, float* mean, float* rstd, const T* x, const T* weight, const T* bias, float eps,
                      int64_t rows, int64_t d) {
  for_row_groups(rows, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) {
      const T* row = x + r * d;
      float total[1];
      sum_row(d, total,
              [&](int64_t i, int64_t count, vf(&sum)[1]) { sum[0] = sum[0] + load_first(row + i, count); });
      mean[r] = total[0] / static_cast<float>(d);
    }
    for (int64_t r = first; r < last; ++r) {
      const T* row = x + r * d;
      float squares[1];
      sum_row(d, squares, [&, middle = mean[r]](int64_t i, int64_t count, vf(&sum)[1]) {
        const vf v = centred(row + i, middle, count);
        sum[0] = mul_add(v, v, sum[0]);
      });
      rstd[r] = 1.0f / __builtin_sqrtf(squares[0] / static_cast<float>(d) + eps);
    }
    for (int64_t r = first; r < last; ++r) {
      const T* row = x + r * d;
      T* to = out + r * d;
      const float middle = mean[r];
      const vf scale = splat(rstd[r]);
      for_vectors(d, [&](int64_t i, int64_t count) {
        const vf h = centred(row + i, middle, count) * scale;
        store_first(to + i, mul_add(h, load_first(weight + i, count), load_first(bias + i, count)), count);
      });
    }
  });
}

template <class T>
static void backward(T* dx, float* dweight, float* dbias, const T* dout, const T* x, const T* weight,
                     const float* mean, const float* rstd, const T* residual, int64_t rows, int64_t d) {
  if (dweight) __builtin_memset(dweight, 0, static_cast<uint64_t>(d) * 4);
  if (dbias) __builtin_memset(dbias, 0, static_cast<uint64_t>(d) * 4);
  for_row_groups(rows, [&](int64_t first, int64_t last) {
    float shifts[kRowGroup], pulls[kRowGroup];
    for (int64_t r = first; r < last; ++r) {
      const T *row = x + r * d, *gradient = dout + r * d;
      const float middle = mean[r];
      float sums[2];  // of g, and of g * (x - mean)
      sum_row(d, sums, [&](int64_t i, int64_t count, vf(&sum)[2]) {
        const vf g = load_first(gradient + i, count) * load_first(weight + i, count);
        sum[0] = sum[0] + g;
        sum[1] = mul_add(g, centred(row + i, middle, count), sum[1]);
      });
      shifts[r - first] = sums[0] / static_cast<float>(d);
      pulls[r - first] = -(sums[1] / static_cast<float>(d) * rstd[r] * rstd[r]);
    }
    for (int64_t r = first; r < last; ++r) {
      const T *row = x + r * d, *gradient = dout + r * d, *more = residual ? residual + r * d : nullptr;
      T* to = dx + r * d;
      const float middle = mean[r];
      const vf shift = splat(shifts[r - first]), pull = splat(pulls[r - first]), scale = splat(rstd[r]);
      for_vectors(d, [&](int64_t i, int64_t count) {
        const vf g = load_first(gradient + i, count), v = centred(row + i, middle, count);
        if (dweight) store_first(dweight + i, mul_add(g * v, scale, load_first(dweight + i, count)), count);
        if (dbias) store_first(dbias + i, load_first(dbias + i, count) + g, count);
        vf sum = scale * mul_add(v, pull, g * load_first(weight + i, count) - shift);
        if (more) sum = sum + load_first(more + i, count);
        store_first(to + i, sum, count);
      });
    }
  });
}

void layer_norm(void* out, float* mean, float* rstd, const void* x, const void* weight, const void* bias,
                float eps, int64_t rows, int64_t d, Type type) {
  with_type(type, [&]<class T>(T) {
    normalise(static_cast<T*>(out), mean, rstd, static_cast<const T*>(x), static_cast<const T*>(weight),
              static_cast<const T*>(bias), eps, rows, d);
  });
}

void layer_norm_backward(void* dx, float* dweight, float* dbias, const void* dout, const void* x,
                         const void* weight, const float* mean, const float* rstd, const void* residual,
                         int64_t rows, int64_t d, Type type) {
  with_type(type, [&]<class T>(T) {
    backward(static_cast<T*>(dx), dweight, dbias, static_cast<const T*>(dout), static_cast<const T*>(x),
             static_cast<const T*>(weight), mean, rstd, static_cast<const T*>(residual), rows, d);
  });
}

}  // namespace belle::ops::BELLE_ISA
