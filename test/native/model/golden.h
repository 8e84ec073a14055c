#pragma once
// One model of the shared goldens: the checkpoint, golden.json and golden.safetensors.
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "native/core/json.h"
#include "native/io/commit.h"
#include "native/io/safetensors.h"
#include "native/model/model.h"
#include "test/native/backend_name.h"
#include "test/native/check.h"

namespace belle::test {

inline constexpr std::array<const char*, 5> kGoldenModels = {"llama-mha", "yi-gqa", "llama-hd128", "bloom-h4",
                                                             "bloom-h6"};

struct Golden {
  std::string folder;
  Json json;
  std::unique_ptr<io::SafetensorsFile> tensors;
  std::unique_ptr<model::Model> model;

  const io::TensorView& tensor(const std::string& name) const {
    const io::TensorView* found = tensors->find(name);
    if (found == nullptr) {
      std::cout << "golden tensor " << name << " is missing\n";
      std::abort();
    }
    return *found;
  }
  std::vector<float> floats(const std::string& name) const {
    const io::TensorView& view = tensor(name);
    std::vector<float> out(static_cast<size_t>(view.elements()));
    CHECK_OK(io::to_float32(view, out.data()));
    return out;
  }
  std::vector<int32_t> ids(const std::string& name) const {
    const io::TensorView& view = tensor(name);
    std::vector<int32_t> out;
    for (int64_t i = 0; i < view.elements(); ++i) {
      int64_t wide = 0;
      if (view.dtype == DType::i64) {
        std::memcpy(&wide, view.bytes.data() + 8 * i, 8);
      } else {
        int32_t narrow = 0;
        std::memcpy(&narrow, view.bytes.data() + 4 * i, 4);
        wide = narrow;
      }
      out.push_back(static_cast<int32_t>(wide));
    }
    return out;
  }
  const Json& at(std::initializer_list<const char*> path) const {
    const Json* value = &json;
    for (const char* key : path) {
      value = value->find(key);
      if (value == nullptr) {
        std::cout << "golden.json lacks " << key << "\n";
        std::abort();
      }
    }
    return *value;
  }
  double number(std::initializer_list<const char*> path) const {
    double out = 0;
    CHECK(at(path).number(&out));
    return out;
  }
  std::vector<std::vector<int32_t>> lists(std::initializer_list<const char*> path) const {
    std::vector<std::vector<int32_t>> out;
    for (const Json& row : *at(path).array()) {
      out.emplace_back();
      for (const Json& id : *row.array()) out.back().push_back(static_cast<int32_t>(*id.integer()));
    }
    return out;
  }
};

inline std::unique_ptr<model::Model> load_model(const std::string& folder, DType dtype = DType::f32) {
  auto loaded = model::Model::load(folder, {.backend = test::backend_name(), .threads = 0, .dtype = dtype});
  CHECK_OK(loaded.status());
  return loaded.ok() ? loaded.take() : nullptr;
}

// Runs `body` on each golden model; skips the case where the shared folder is absent.
template <class Body>
void for_each_golden(Body body, DType dtype = DType::f32) {
  const std::string shared = shared_folder();
  if (shared.empty()) return skip("no ../shared/goldens; set BELLE_SHARED");
  for (const char* name : kGoldenModels) {
    Golden golden;
    golden.folder = shared + "/goldens/" + name;
    auto json = io::read_json_file(golden.folder + "/golden.json");
    auto tensors = io::SafetensorsFile::open(golden.folder + "/golden.safetensors");
    CHECK_OK(json.status());
    CHECK_OK(tensors.status());
    golden.model = load_model(golden.folder, dtype);
    if (!json.ok() || !tensors.ok() || !golden.model) continue;
    golden.json = json.take();
    golden.tensors = std::make_unique<io::SafetensorsFile>(tensors.take());
    body(golden);
  }
}

inline double largest(const std::vector<float>& values) {
  double out = 0;
  for (const float v : values) out = std::max(out, std::fabs(static_cast<double>(v)));
  return out;
}
inline double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return INFINITY;
  double out = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double gap = std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (!(gap <= out)) out = std::isnan(gap) ? INFINITY : gap;
  }
  return out;
}
// |a - b| / |b|
inline double relative_difference(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return INFINITY;
  double gap = 0, norm = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    gap += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
    norm += std::pow(static_cast<double>(b[i]), 2);
  }
  return norm == 0 ? std::sqrt(gap) : std::sqrt(gap / norm);
}
inline double cosine(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return NAN;
  double product = 0, norm_a = 0, norm_b = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    product += x * y, norm_a += x * x, norm_b += y * y;
  }
  return product / std::sqrt(norm_a * norm_b);
}
inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

// `rows` documents of `length` tokens.
inline std::vector<int32_t> even_bounds(int32_t rows, int32_t length) {
  std::vector<int32_t> bounds;
  for (int32_t i = 0; i <= rows; ++i) bounds.push_back(i * length);
  return bounds;
}

}  // namespace belle::test
