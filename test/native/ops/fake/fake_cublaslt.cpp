// A libcublasLt in plain loops, for the emulated CUDA backend: BELLE_CUBLASLT=<this library>
// lets the op tests see the layouts, types and epilogues that the backend asks cublasLt for.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "test/cuda/emulated/stream.h"

namespace {

constexpr int kOk = 0, kInvalid = 7, kUnsupported = 15;
constexpr int kFloat = 0, kBfloat16 = 14;

struct Layout {
  int type;
  int64_t rows, cols, ld;
};
struct Product {
  int32_t transpose_a = 0, transpose_b = 0;
  uint32_t epilogue = 1;
  const void* bias = nullptr;
};
struct Wish {
  uint64_t workspace = 0;
  uint32_t reduction = 0xffffffffu, alignment[4] = {256, 256, 256, 256};
};
struct Heuristic {
  uint64_t algorithm[8];
  size_t workspace;
  int32_t status;
  float waves;
  int32_t reserved[4];
};

float load(const void* p, int64_t i, int type) {
  if (type == kFloat) return static_cast<const float*>(p)[i];
  const uint32_t bits = static_cast<uint32_t>(static_cast<const uint16_t*>(p)[i]) << 16;
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}
void store(void* p, int64_t i, int type, float x) {
  if (type == kFloat) {
    static_cast<float*>(p)[i] = x;
    return;
  }
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
  static_cast<uint16_t*>(p)[i] =
      static_cast<uint16_t>(nan ? 0x7fffu : (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

// op(x) is rows x cols.
bool fits(const Layout& x, bool transposed, int64_t rows, int64_t cols) {
  return (transposed ? x.cols : x.rows) == rows && (transposed ? x.rows : x.cols) == cols && x.ld >= x.rows;
}
bool aligned(const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; }

bool possible(const Product& p, const Layout& a, const Layout& b, const Layout& c) {
  const int64_t k = p.transpose_a ? a.rows : a.cols;
  return a.type == kBfloat16 && b.type == kBfloat16 && fits(a, p.transpose_a, c.rows, k) &&
         fits(b, p.transpose_b, k, c.cols) && c.ld >= c.rows && (p.epilogue == 1 || p.epilogue == 4);
}

template <class T>
int set(T* field, const void* value, size_t bytes) {
  if (bytes != sizeof(T)) return kInvalid;
  std::memcpy(field, value, bytes);
  return kOk;
}

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT int cublasLtCreate(void** handle) {
  *handle = new int(0);
  return kOk;
}
EXPORT int cublasLtDestroy(void* handle) {
  delete static_cast<int*>(handle);
  return kOk;
}
EXPORT size_t cublasLtGetVersion() { return 130000; }
EXPORT int cublasLtMatrixLayoutCreate(void** layout, int type, uint64_t rows, uint64_t cols, int64_t ld) {
  *layout = new Layout{type, static_cast<int64_t>(rows), static_cast<int64_t>(cols), ld};
  return kOk;
}
EXPORT int cublasLtMatrixLayoutDestroy(void* layout) {
  delete static_cast<Layout*>(layout);
  return kOk;
}
EXPORT int cublasLtMatrixLayoutSetAttribute(void* layout, int attribute, const void* value, size_t bytes) {
  return attribute == 3 ? set(&static_cast<Layout*>(layout)->cols, value, bytes) : kInvalid;
}
EXPORT int cublasLtMatmulDescCreate(void** product, int compute, int scale) {
  *product = new Product;
  return compute == 68 && scale == kFloat ? kOk : kUnsupported;
}
EXPORT int cublasLtMatmulDescDestroy(void* product) {
  delete static_cast<Product*>(product);
  return kOk;
}
EXPORT int cublasLtMatmulDescSetAttribute(void* product, int attribute, const void* value, size_t bytes) {
  auto& p = *static_cast<Product*>(product);
  switch (attribute) {
    case 3:
      return set(&p.transpose_a, value, bytes);
    case 4:
      return set(&p.transpose_b, value, bytes);
    case 7:
      return set(&p.epilogue, value, bytes);
    case 8:
      return set(&p.bias, value, bytes);
    default:
      return kInvalid;
  }
}
EXPORT int cublasLtMatmulPreferenceCreate(void** wish) {
  *wish = new Wish;
  return kOk;
}
EXPORT int cublasLtMatmulPreferenceDestroy(void* wish) {
  delete static_cast<Wish*>(wish);
  return kOk;
}
EXPORT int cublasLtMatmulPreferenceSetAttribute(void* wish, int attribute, const void* value, size_t bytes) {
  auto& w = *static_cast<Wish*>(wish);
  if (attribute == 1) return set(&w.workspace, value, bytes);
  if (attribute == 3) return set(&w.reduction, value, bytes);
  if (attribute >= 5 && attribute <= 8) return set(&w.alignment[attribute - 5], value, bytes);
  return kInvalid;
}
EXPORT int cublasLtMatmulAlgoGetHeuristic(void*, void* product, void* a, void* b, void* c, void* d,
                                          void* wish, int most, Heuristic* found, int* count) {
  const auto& w = *static_cast<Wish*>(wish);
  *count = 0;
  if (most < 1 || c != d || w.reduction != 0 || w.workspace < (1u << 20)) return kInvalid;
  for (const uint32_t alignment : w.alignment)
    if (alignment < 16 || alignment > 256) return kInvalid;
  if (!possible(*static_cast<Product*>(product), *static_cast<Layout*>(a), *static_cast<Layout*>(b),
                *static_cast<Layout*>(c)))
    return kUnsupported;
  *found = {};
  found->algorithm[0] = 0xbe11e;
  *count = 1;
  return kOk;
}
EXPORT int cublasLtMatmulAlgoCheck(void*, void* product, void* a, void* b, void* c, void* d,
                                   const uint64_t* algorithm, Heuristic* result) {
  *result = {};
  return c == d && algorithm[0] == 0xbe11e &&
                 possible(*static_cast<Product*>(product), *static_cast<Layout*>(a), *static_cast<Layout*>(b),
                          *static_cast<Layout*>(c))
             ? kOk
             : kUnsupported;
}
// How many products were asked for, for the test that asks.
static int64_t products = 0;
EXPORT int64_t fake_cublaslt_products() { return products; }

EXPORT int cublasLtMatmul(void*, void* product, const void* alpha, const void* a, void* a_layout,
                          const void* b, void* b_layout, const void* beta, const void* c, void* c_layout,
                          void* d, void*, const uint64_t* algorithm, void* workspace, size_t,
                          belle_emulated_stream* stream) {
  const Product p = *static_cast<Product*>(product);
  const Layout la = *static_cast<Layout*>(a_layout), lb = *static_cast<Layout*>(b_layout),
               lc = *static_cast<Layout*>(c_layout);
  if (!possible(p, la, lb, lc) || algorithm[0] != 0xbe11e || !aligned(a) || !aligned(b) || !aligned(c) ||
      !aligned(d) || !aligned(workspace))
    return kInvalid;
  ++products;
  const int64_t depth = p.transpose_a ? la.rows : la.cols;
  const float scale = *static_cast<const float*>(alpha), keep = *static_cast<const float*>(beta);
  return stream->submit(stream, [=] {
    stream->open_memory();
    for (int64_t col = 0; col < lc.cols; ++col) {
      for (int64_t row = 0; row < lc.rows; ++row) {
        float sum = 0;
        for (int64_t k = 0; k < depth; ++k) {
          sum += load(a, p.transpose_a ? row * la.ld + k : k * la.ld + row, la.type) *
                 load(b, p.transpose_b ? k * lb.ld + col : col * lb.ld + k, lb.type);
        }
        float x = scale * sum;
        if (keep != 0) x += keep * load(c, col * lc.ld + row, lc.type);
        if (p.epilogue == 4) x += load(p.bias, row, lc.type);
        store(d, col * lc.ld + row, lc.type, x);
      }
    }
    stream->close_memory();
    return kOk;
  });
}
