#include "native/ops/embedding.h"

#include "native/ops/typed.h"
#include "native/ops/vector.h"

namespace belle::ops::BELLE_ISA {

constexpr int64_t kAhead =
    4;  // rows: a table's rows are nowhere near one another, so they are asked for early

template <class T>
static void look_up(T* out, const T* table, const int32_t* ids, int64_t rows, int64_t d) {
  for (int64_t r = 0; r < rows; ++r)
    __builtin_memcpy(out + r * d, table + ids[r] * d, static_cast<uint64_t>(d) * sizeof(T));
}

template <class T>
static void add_rows(float* dtable, const T* dout, const int32_t* ids, int64_t rows, int64_t d, int64_t first,
                     int64_t last) {
  for (int64_t r = 0; r < rows; ++r) {
    if (r + kAhead < rows) {
      const float* later = dtable + ids[r + kAhead] * d;
      for (int64_t i = first; i < last; i += 16) __builtin_prefetch(later + i, 1);
    }
    float* to = dtable + ids[r] * d + first;
    const T* from = dout + r * d + first;
    for_vectors(last - first, [&](int64_t i, int64_t count) {
      store_first(to + i, load_first(to + i, count) + load_first(from + i, count), count);
    });
  }
}

void embedding(void* out, const void* table, const int32_t* ids, int64_t rows, int64_t d, Type type) {
  with_type(type,
            [&]<class T>(T) { look_up(static_cast<T*>(out), static_cast<const T*>(table), ids, rows, d); });
}

void embedding_backward(float* dtable, const void* dout, const int32_t* ids, int64_t rows, int64_t d,
                        int64_t first, int64_t last, Type type) {
  with_type(type,
            [&]<class T>(T) { add_rows(dtable, static_cast<const T*>(dout), ids, rows, d, first, last); });
}

}  // namespace belle::ops::BELLE_ISA
