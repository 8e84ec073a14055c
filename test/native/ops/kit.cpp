#include "test/native/ops/kit.h"

#include "native/core/dtype.h"

namespace belle::test {

constexpr unsigned char kBandByte = 0xA5;

Buffer::Buffer(belle_backend& backend, size_t bytes) : backend_(backend), bytes_(bytes) {
  void* base = nullptr;
  CHECK_OK(from_c(backend.alloc(backend.context, bytes + 2 * kBand, &base)));
  base_ = static_cast<char*>(base);
  data_ = base_ + kBand;
  std::memset(base_, kBandByte, kBand);
  std::memset(data_ + bytes, kBandByte, kBand);
}

Buffer::Buffer(belle_backend& backend, const std::vector<float>& values, int32_t type)
    : Buffer(backend, values.size(), type) {
  for (size_t i = 0; i < values.size(); ++i) {
    const uint16_t half = f32_to_bf16(values[i]);
    if (type == BELLE_BF16) {
      std::memcpy(data_ + i * 2, &half, 2);
    } else {
      std::memcpy(data_ + i * 4, &values[i], 4);
    }
  }
}

Buffer::~Buffer() {
  for (size_t i = 0; i < kBand; ++i) {
    if (static_cast<unsigned char>(base_[i]) != kBandByte ||
        static_cast<unsigned char>(data_[bytes_ + i]) != kBandByte) {
      fail(__FILE__, __LINE__,
           "a guard band was written, byte " + std::to_string(i) + " of a buffer of " +
               std::to_string(bytes_));
      break;
    }
  }
  backend_.free(backend_.context, base_);
}

std::vector<float> Buffer::read(int32_t type) const {
  std::vector<float> values(bytes_ / type_bytes(type));
  for (size_t i = 0; i < values.size(); ++i) {
    uint16_t half;
    if (type == BELLE_BF16) {
      std::memcpy(&half, data_ + i * 2, 2);
      values[i] = bf16_to_f32(half);
    } else {
      std::memcpy(&values[i], data_ + i * 4, 4);
    }
  }
  return values;
}

std::vector<float> rounded(std::vector<float> values, int32_t type) {
  if (type == BELLE_BF16) {
    for (float& value : values) value = bf16_to_f32(f32_to_bf16(value));
  }
  return values;
}

std::vector<float> random_normal(size_t n, uint64_t seed, double scale, double mean) {
  const Philox random(seed, RngStream::test);
  std::vector<float> values(n);
  for (size_t i = 0; i < n; ++i) values[i] = static_cast<float>(mean + scale * random.normal(i));
  return values;
}

void check_error(const std::string& name, const std::vector<float>& got, const Expected& expected) {
  if (got.size() != expected.exact.size() || got.size() != expected.plain.size()) {
    return fail(__FILE__, __LINE__,
                name + ": " + std::to_string(got.size()) + " values, expected " +
                    std::to_string(expected.exact.size()));
  }
  double error = 0, plain = 0, largest = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double here = std::fabs(got[i] - expected.exact[i]);
    error = here <= error ? error : here;  // a NaN sticks
    plain = std::max(plain, std::fabs(expected.plain[i] - expected.exact[i]));
    largest = std::max(largest, std::fabs(expected.exact[i]));
  }
  const double bound = 2 * plain + largest * 0x1p-23;
  if (!(error <= bound)) {
    fail(__FILE__, __LINE__,
         name + ": error " + show(error) + ", bound " + show(bound) + " (plain float32 " + show(plain) + ")");
  }
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

void check_op(const std::string& name, const std::function<std::vector<Output>(belle_backend&)>& run,
              const std::vector<Expected>& expected) {
  for (const auto* kernels : backend::usable_kernels()) {
    std::vector<Output> first;
    for (const int threads : {1, 2, 3}) {
      const auto device = backend::open_cpu(*kernels, threads);
      const std::vector<Output> outputs = run(*device);
      CHECK_EQ(outputs.size(), expected.size());
      for (size_t i = 0; i < outputs.size() && i < expected.size(); ++i) {
        const std::string what = name + " " + outputs[i].name + " on " + kernels->isa;
        if (threads == 1) {
          check_error(what, outputs[i].values, expected[i]);
        } else if (!same_bits(outputs[i].values, first[i].values)) {
          fail(__FILE__, __LINE__,
               what + ": 1 and " + std::to_string(threads) + " threads give different bits");
        }
      }
      if (threads == 1) first = outputs;
    }
  }
}

void on_every_isa(int threads, const std::function<void(belle_backend&, const std::string&)>& f) {
  for (const auto* kernels : backend::usable_kernels())
    f(*backend::open_cpu(*kernels, threads), kernels->isa);
}

void check_refused(const belle_status& status, StatusCode code, const std::string& text, const char* file,
                   int line) {
  if (status.code != static_cast<int32_t>(code) ||
      std::string(status.message).find(text) == std::string::npos) {
    fail(file, line,
         "expected code " + std::to_string(static_cast<int>(code)) + " and \"" + text + "\", got code " +
             std::to_string(status.code) + " and \"" + status.message + "\"");
  }
}

}  // namespace belle::test
