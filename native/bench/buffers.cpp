#include "native/bench/buffers.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "native/core/checked.h"
#include "native/core/dtype.h"
#include "native/core/philox.h"

namespace belle::bench {
namespace {

// A prime: rows of a power of two do not repeat each other.
constexpr int64_t kDraws = 65521;

}  // namespace

Result<int64_t> elements(std::initializer_list<int64_t> sizes) {
  uint64_t product = 1;
  for (const int64_t size : sizes) {
    if (size < 1) return Status(StatusCode::invalid_argument, "bench: every size must be at least 1");
    if (!checked_mul(product, static_cast<uint64_t>(size), &product) || product > (uint64_t{1} << 52)) {
      return Status(StatusCode::out_of_memory,
                    "bench: a buffer of these sizes fits in no memory; lower them");
    }
  }
  return static_cast<int64_t>(product);
}

Buffers::Buffers(std::shared_ptr<belle_backend> backend) : backend_(std::move(backend)), draws_(kDraws) {
  const Philox philox(0, RngStream::test);
  for (int64_t i = 0; i < kDraws; ++i)
    draws_[static_cast<size_t>(i)] = static_cast<float>(philox.normal(static_cast<uint64_t>(i)));
}

Buffers::~Buffers() {
  for (void* buffer : owned_) backend_->free(backend_->context, buffer);
}

Result<void*> Buffers::zeros(std::initializer_list<int64_t> sizes, size_t element_bytes) {
  BELLE_ASSIGN(const int64_t count, elements(sizes));
  owned_.reserve(owned_.size() + 1);  // what alloc() returns is owned at once
  void* data = nullptr;
  BELLE_TRY(
      backend::from_c(backend_->alloc(backend_->context, static_cast<size_t>(count) * element_bytes, &data)));
  owned_.push_back(data);
  return data;
}

Status Buffers::fill(void* to, int64_t bytes, const void* block, int64_t block_bytes) {
  for (int64_t at = 0; at < bytes; at += block_bytes) {
    BELLE_TRY(backend::from_c(backend_->write(backend_->context, static_cast<char*>(to) + at, block,
                                              static_cast<size_t>(std::min(block_bytes, bytes - at)))));
  }
  return {};
}

Result<void*> Buffers::normal(std::initializer_list<int64_t> sizes, belle_dtype type, float deviation) {
  BELLE_ASSIGN(void* data, zeros(sizes, size_of(type)));
  BELLE_ASSIGN(const int64_t count, elements(sizes));
  const size_t period = draws_.size();
  if (type == BELLE_BF16) {
    std::vector<uint16_t> block(period);
    for (size_t i = 0; i < period; ++i) block[i] = f32_to_bf16(deviation * draws_[i]);
    BELLE_TRY(fill(data, count * 2, block.data(), kDraws * 2));
  } else {
    std::vector<float> block(period);
    for (size_t i = 0; i < period; ++i) block[i] = deviation * draws_[i];
    BELLE_TRY(fill(data, count * 4, block.data(), kDraws * 4));
  }
  return data;
}

Result<float*> Buffers::squares(std::initializer_list<int64_t> sizes, float deviation) {
  BELLE_ASSIGN(void* data, zeros(sizes, sizeof(float)));
  BELLE_ASSIGN(const int64_t count, elements(sizes));
  std::vector<float> block(draws_.size());
  for (size_t i = 0; i < block.size(); ++i) {
    const float draw = deviation * draws_[i];
    block[i] = draw * draw;
  }
  BELLE_TRY(fill(data, count * 4, block.data(), kDraws * 4));
  return static_cast<float*>(data);
}

Result<int32_t*> Buffers::ids(int64_t count, int64_t below) {
  BELLE_ASSIGN(void* data, zeros({count}, sizeof(int32_t)));
  std::vector<int32_t> ids(static_cast<size_t>(count));
  for (size_t i = 0; i < ids.size(); ++i)
    ids[i] = static_cast<int32_t>((i * 7919 + 13) % static_cast<uint64_t>(below));
  BELLE_TRY(fill(data, count * 4, ids.data(), count * 4));
  return static_cast<int32_t*>(data);
}

Result<float*> Buffers::slopes(int64_t heads) {
  BELLE_ASSIGN(void* data, zeros({heads}, sizeof(float)));
  std::vector<float> slopes;
  for (int64_t h = 0; h < heads; ++h)
    slopes.push_back(std::exp2(-8.0f * static_cast<float>(h + 1) / static_cast<float>(heads)));
  BELLE_TRY(fill(data, heads * 4, slopes.data(), heads * 4));
  return static_cast<float*>(data);
}

}  // namespace belle::bench
