#include "test/native/ops/kit.h"

#include <algorithm>
#include <cstdlib>

#include "native/core/dtype.h"
#include "test/native/backend_name.h"

namespace belle::test {

constexpr unsigned char kBandByte = 0xA5;
static size_t band = 68;  // of buffers made from now on

bool on_library() { return backend_name() != std::string("cpu"); }

static std::shared_ptr<belle_backend> open_library() {
  auto opened = backend::open(backend_name(), 0);
  CHECK_OK(opened.status());
  return opened.ok() ? opened.take() : nullptr;
}

Buffer::Buffer(belle_backend& backend, size_t bytes) : backend_(backend), bytes_(bytes), band_(band) {
  void* base = nullptr;
  CHECK_OK(from_c(backend.alloc(backend.context, bytes + 2 * band_, &base)));
  base_ = static_cast<char*>(base);
  data_ = base_ + band_;
  const std::vector<unsigned char> bytes_of_band(band_, kBandByte);
  for (char* at : {base_, data_ + bytes})
    CHECK_OK(from_c(backend.write(backend.context, at, bytes_of_band.data(), band_)));
}

void Buffer::write(const void* values) {
  if (bytes_ > 0) CHECK_OK(from_c(backend_.write(backend_.context, data_, values, bytes_)));
}

Buffer::Buffer(belle_backend& backend, const std::vector<float>& values, int32_t type)
    : Buffer(backend, values.size(), type) {
  std::vector<uint16_t> halves(type == BELLE_BF16 ? values.size() : 0);
  std::transform(values.begin(), values.begin() + static_cast<ptrdiff_t>(halves.size()), halves.begin(),
                 f32_to_bf16);
  write(type == BELLE_BF16 ? static_cast<const void*>(halves.data()) : values.data());
}

Buffer::~Buffer() {
  std::vector<unsigned char> all(bytes_ + 2 * band_);
  CHECK_OK(from_c(backend_.read(backend_.context, all.data(), base_, all.size())));
  for (size_t i = 0; i < band_; ++i) {
    if (all[i] != kBandByte || all[band_ + bytes_ + i] != kBandByte) {
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
  std::vector<uint16_t> halves(type == BELLE_BF16 ? values.size() : 0);
  void* to = type == BELLE_BF16 ? static_cast<void*>(halves.data()) : values.data();
  if (bytes_ > 0) CHECK_OK(from_c(backend_.read(backend_.context, to, data_, bytes_)));
  std::transform(halves.begin(), halves.end(), values.begin(), bf16_to_f32);
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

static void check_outputs(const std::string& name, const std::vector<Output>& outputs,
                          const std::vector<Expected>& expected) {
  CHECK_EQ(outputs.size(), expected.size());
  for (size_t i = 0; i < outputs.size() && i < expected.size(); ++i)
    check_error(name + " " + outputs[i].name, outputs[i].values, expected[i]);
}

static void check_same(const std::string& name, const std::vector<Output>& a, const std::vector<Output>& b,
                       const std::string& what) {
  for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
    if (!same_bits(a[i].values, b[i].values))
      fail(__FILE__, __LINE__, name + " " + a[i].name + ": " + what + " give different bits");
  }
}

static void check_on_library(const std::string& name,
                             const std::function<std::vector<Output>(belle_backend&)>& run,
                             const std::vector<Expected>& expected) {
  const auto device = open_library();
  if (!device) return;
  for (const size_t bytes : {64, 68}) {
    band = bytes;
    const std::string where = name + (bytes == 64 ? ", aligned," : ", not aligned,");
    const std::vector<Output> outputs = run(*device);
    check_outputs(where, outputs, expected);
    if (!on_emulated_device()) check_same(where, outputs, run(*device), "two runs");
  }
}

void check_op(const std::string& name, const std::function<std::vector<Output>(belle_backend&)>& run,
              const std::vector<Expected>& expected) {
  if (on_library()) return check_on_library(name, run, expected);
  for (const auto* kernels : backend::usable_kernels()) {
    const std::string where = name + " on " + kernels->isa;
    std::vector<Output> first;
    for (const int threads : {1, 2, 3}) {
      const auto device = backend::open_cpu(*kernels, threads);
      const std::vector<Output> outputs = run(*device);
      if (threads == 1) {
        check_outputs(where, outputs, expected);
        first = outputs;
      } else {
        check_same(where, first, outputs, "1 and " + std::to_string(threads) + " threads");
      }
    }
  }
}

void on_every_isa(int threads, const std::function<void(belle_backend&, const std::string&)>& f) {
  if (on_library()) {
    if (const auto device = open_library()) f(*device, device->name);
    return;
  }
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
