// The communicator of one rank, and the argument checks that every communicator shares.
#include "native/dist/single_communicator.h"
#include "test/native/dist/ranks.h"

namespace belle::test {

using dist::SingleCommunicator;

constexpr int32_t kAll[] = {BELLE_F32, BELLE_BF16, BELLE_BYTES};

TEST("single: every collective is a copy, in order with the backend's ops") {
  const auto backend = open_backend(backend_name());
  SingleCommunicator c(backend);
  CHECK_EQ(c.rank(), 0);
  CHECK_EQ(c.world(), 1);
  CHECK_EQ(std::string(c.name()), "single");
  for (const int32_t type : kAll) {
    const std::vector<float> some = {1, -2, 3, 64, 5};
    const Values in(*backend, some, type);
    const auto gives = [&](auto call) {
      Values out(*backend, size_t{5}, type);
      CHECK_OK(call(out.data()));
      CHECK(out.read() == some);
    };
    if (type != BELLE_BYTES) {
      gives([&](void* out) { return c.all_reduce(out, in.data(), 5, type); });
      gives([&](void* out) { return c.reduce_scatter(out, in.data(), 5, type); });
    }
    gives([&](void* out) { return c.all_gather(out, in.data(), 5, type); });
    CHECK_OK(c.broadcast(in.data(), 5, type, 0));
    CHECK_OK(c.all_gather(in.data(), in.data(), 5, type));
    CHECK_OK(c.all_gather(nullptr, nullptr, 0, type));
    CHECK(in.read() == some);
  }
  CHECK_OK(c.wait(kShort));
  CHECK_OK(c.barrier(kShort));
}

TEST("single: wrong arguments are refused and break nothing") {
  const auto backend = open_backend(backend_name());
  SingleCommunicator c(backend);
  const Values x(*backend, size_t{8});
  const auto wrong = StatusCode::invalid_argument;
  CHECK_STATUS(c.all_reduce(x.data(), x.data(), 8, 7), wrong, "all_reduce: type 7 is unknown; use BELLE_F32");
  CHECK_STATUS(c.reduce_scatter(x.data(), x.data(), 8, BELLE_BYTES), wrong,
               "reduce_scatter: bytes cannot be summed; use float32 or bfloat16");
  CHECK_STATUS(c.all_gather(x.data(), x.data(), -1, BELLE_F32), wrong, "all_gather: count is -1");
  CHECK_STATUS(c.all_gather(x.data(), x.data(), int64_t{1} << 62, BELLE_F32), wrong, "no memory holds that");
  CHECK_STATUS(c.all_reduce(x.data(), nullptr, 8, BELLE_F32), wrong,
               "a buffer is NULL; pass one from alloc()");
  CHECK_STATUS(c.all_reduce(x.at(1), x.data(), 4, BELLE_F32), wrong, "all_reduce: the buffers overlap");
  CHECK_STATUS(c.broadcast(x.data(), 8, BELLE_F32, 1), wrong, "there is no rank 1; root is from 0 to 0");
  CHECK_STATUS(c.broadcast(x.data(), 8, BELLE_F32, -1), wrong, "there is no rank -1");
  CHECK_OK(c.all_reduce(x.at(4), x.data(), 4, BELLE_F32));
}

TEST("single: after an abort every call says why") {
  const auto backend = open_backend(backend_name());
  SingleCommunicator c(backend);
  const Values x(*backend, size_t{8});
  c.abort({StatusCode::numeric, "the loss is NaN"});
  c.abort({StatusCode::io, "later"});
  CHECK_STATUS(c.all_reduce(x.data(), x.data(), 8, BELLE_F32), StatusCode::numeric, "the loss is NaN");
  CHECK_STATUS(c.wait(kShort), StatusCode::numeric, "the loss is NaN");
  CHECK_STATUS(c.barrier(kShort), StatusCode::numeric, "the loss is NaN");
  SingleCommunicator other(backend);
  other.abort({});
  CHECK_STATUS(other.wait(kShort), StatusCode::aborted, "rank 0 of 1: the communicator was aborted");
}

TEST("dist: the CPU backend connects no ranks, and says so") {
  const auto backend = open_backend("cpu");
  const char* why = "the cpu backend connects no ranks; use world size 1, or the CUDA backend";
  CHECK_STATUS(dist::make_collective_id(*backend).status(), StatusCode::unsupported, why);
  CHECK_STATUS(CollectiveCommunicator::open(backend, {.rank = 0, .world = 2}).status(),
               StatusCode::unsupported, why);
}

}  // namespace belle::test
