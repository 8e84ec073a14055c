#pragma once
// The ranks of a job as threads of this process, each with a backend of its own.
#include <dlfcn.h>

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "native/backend/registry.h"
#include "native/core/dtype.h"
#include "native/dist/collective_communicator.h"
#include "test/native/backend_name.h"
#include "test/native/check.h"
#include "test/native/dist/fake/fake_nccl.h"

namespace belle::test {

using dist::CollectiveCommunicator;
using dist::Communicator;
using dist::CommunicatorOptions;
using dist::Milliseconds;

constexpr Milliseconds kEnough{20'000};  // for what is to succeed
constexpr Milliseconds kShort{100};      // for what is to be late

inline std::shared_ptr<belle_backend> open_backend(const std::string& name) {
  auto opened = backend::open(name, 1);
  CHECK_OK(opened.status());
  return opened.ok() ? opened.take() : nullptr;
}

// Device memory with values of a type.
class Values {
 public:
  Values(belle_backend& backend, const std::vector<float>& values, int32_t type = BELLE_F32)
      : Values(backend, values.size(), type) {
    std::vector<char> bytes(values.size() * width());
    for (size_t i = 0; i < values.size(); ++i) {
      const uint16_t half = f32_to_bf16(values[i]);
      const void* from = type == BELLE_BF16 ? static_cast<const void*>(&half) : &values[i];
      if (type == BELLE_BYTES) bytes[i] = static_cast<char>(values[i]);
      if (type != BELLE_BYTES) std::memcpy(bytes.data() + i * width(), from, width());
    }
    good_ = good_ && backend_.write(backend_.context, data_, bytes.data(), bytes.size()).code == 0;
  }
  Values(belle_backend& backend, size_t count, int32_t type = BELLE_F32)
      : backend_(backend), count_(count), type_(type) {
    good_ = backend_.alloc(backend_.context, count * width(), &data_).code == 0;
  }
  ~Values() { backend_.free(backend_.context, data_); }
  Values(const Values&) = delete;
  Values& operator=(const Values&) = delete;

  void* at(size_t element) const { return static_cast<char*>(data_) + element * width(); }
  void* data() const { return data_; }
  // Empty when anything went wrong.
  std::vector<float> read() const {
    std::vector<char> bytes(count_ * width());
    if (!good_ || backend_.read(backend_.context, bytes.data(), data_, bytes.size()).code != 0) return {};
    std::vector<float> out(count_);
    for (size_t i = 0; i < count_; ++i) {
      uint16_t half;
      if (type_ == BELLE_BYTES) out[i] = bytes[i];
      if (type_ == BELLE_F32) std::memcpy(&out[i], bytes.data() + 4 * i, 4);
      if (type_ == BELLE_BF16) std::memcpy(&half, bytes.data() + 2 * i, 2), out[i] = bf16_to_f32(half);
    }
    return out;
  }

 private:
  size_t width() const { return type_ == BELLE_F32 ? 4 : type_ == BELLE_BF16 ? 2 : 1; }
  belle_backend& backend_;
  size_t count_;
  int32_t type_;
  void* data_ = nullptr;
  bool good_ = true;
};

// The stand-in for NCCL, as good as new, when it is what BELLE_NCCL names; else null.
inline FakeNccl* find_stand_in() {
  const char* path = std::getenv("BELLE_NCCL");
  void* library = path && *path ? dlopen(path, RTLD_NOW) : nullptr;
  auto* get = library ? reinterpret_cast<FakeNccl* (*)()>(dlsym(library, "fake_nccl")) : nullptr;
  if (!get) return nullptr;
  FakeNccl* fake = get();
  for (auto* fault : {&fake->init_held, &fake->start_held, &fake->stuck, &fake->async_error,
                      &fake->refuse_config, &fake->aborted, &fake->finalized, &fake->destroyed})
    *fault = 0;
  return fake;
}
// Skips the test where there is none.
inline FakeNccl* stand_in() {
  FakeNccl* fake = backend_name() == std::string("cpu") ? nullptr : find_stand_in();
  if (!fake) skip("needs the emulated CUDA backend and the stand-in for NCCL in BELLE_NCCL");
  return fake;
}

struct Rank {
  int rank, world;
  std::shared_ptr<belle_backend> backend;
  CommunicatorOptions options;
  std::unique_ptr<CollectiveCommunicator> communicator;  // null when open failed
  Status opened;
};

// body on a thread for each rank, with its communicator; what it returns, by rank. No CHECK inside: those are
// for one thread.
template <class Out>
std::vector<Out> on_ranks(int world, CommunicatorOptions options, const std::function<Out(Rank&)>& body) {
  std::vector<std::shared_ptr<belle_backend>> backends;
  for (int rank = 0; rank < world; ++rank) backends.push_back(open_backend("cuda"));
  auto id = dist::make_collective_id(*backends[0]);
  CHECK_OK(id.status());
  if (id.ok()) options.id = id.value();
  std::vector<Out> out(static_cast<size_t>(world));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < world; ++rank) {
    threads.emplace_back([&, rank] {
      Rank r{.rank = rank,
             .world = world,
             .backend = backends[static_cast<size_t>(rank)],
             .options = options,
             .communicator = nullptr,
             .opened = {}};
      r.options.rank = rank;
      r.options.world = world;
      auto opened = CollectiveCommunicator::open(r.backend, r.options);
      r.opened = opened.status();
      if (opened.ok()) r.communicator = opened.take();
      out[static_cast<size_t>(rank)] = body(r);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return out;
}

inline bool holds(const Status& status, const std::string& text) {
  return status.message().find(text) != std::string::npos;
}
#define CHECK_STATUS(status, expected, text)                                                      \
  do {                                                                                            \
    const ::belle::Status belle_s = (status);                                                     \
    if (belle_s.code() != (expected) || !::belle::test::holds(belle_s, (text)))                   \
      ::belle::test::fail(                                                                        \
          __FILE__, __LINE__,                                                                     \
          "code " + std::to_string(static_cast<int>(belle_s.code())) + ": " + belle_s.message()); \
  } while (0)

}  // namespace belle::test
