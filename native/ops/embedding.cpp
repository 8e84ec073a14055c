#include "native/ops/embedding.h"

#include "native/ops/vector.h"

namespace belle::ops::BELLE_ISA {

void embedding(float* out, const float* table, const int32_t* ids, int64_t rows, int64_t d) {
  for (int64_t r = 0; r < rows; ++r)
    __builtin_memcpy(out + r * d, table + ids[r] * d, static_cast<uint64_t>(d) * 4);
}

void embedding_backward(float* dtable, const float* dout, const int32_t* ids, int64_t rows, int64_t d,
                        int64_t first, int64_t last) {
  for (int64_t r = 0; r < rows; ++r) {
    float* to = dtable + ids[r] * d + first;
    const float* from = dout + r * d + first;
    for_vectors(last - first, [&](int64_t i, int64_t count) {
      store_first(to + i, load_first(to + i, count) + load_first(from + i, count), count);
    });
  }
}

}  // namespace belle::ops::BELLE_ISA
