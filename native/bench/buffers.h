#pragma once
// The device memory of one measurement, filled with the same values every time.
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <vector>

#include "native/backend/registry.h"
#include "native/core/status.h"

namespace belle::bench {

// The product of sizes; out_of_memory where it does not fit.
Result<int64_t> elements(std::initializer_list<int64_t> sizes);

class Buffers {
 public:
  explicit Buffers(std::shared_ptr<belle_backend> backend);
  ~Buffers();
  Buffers(const Buffers&) = delete;
  Buffers& operator=(const Buffers&) = delete;

  // normal(0, deviation); buffers of different sizes or order hold the same stretch of draws.
  Result<void*> normal(std::initializer_list<int64_t> sizes, belle_dtype type, float deviation = 1);
  // Squares of such draws: second moments are not negative.
  Result<float*> squares(std::initializer_list<int64_t> sizes, float deviation);
  Result<void*> zeros(std::initializer_list<int64_t> sizes, size_t element_bytes);  // as alloc() gives it
  // Ids spread over [0, below).
  Result<int32_t*> ids(int64_t count, int64_t below);
  // ALiBi's of a power of two heads (Press et al. 2022): the values do not change the work.
  Result<float*> slopes(int64_t heads);

 private:
  Status fill(void* to, int64_t bytes, const void* block, int64_t block_bytes);

  std::shared_ptr<belle_backend> backend_;
  std::vector<void*> owned_;
  std::vector<float> draws_;
};

inline size_t size_of(belle_dtype type) { return type == BELLE_BF16 ? 2 : 4; }

}  // namespace belle::bench
