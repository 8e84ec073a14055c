// The communicator over NCCL: one rank with the library that is found, several with the stand-in.
#include <atomic>

#include "test/native/dist/ranks.h"

namespace belle::test {

constexpr int32_t kTypes[] = {BELLE_F32, BELLE_BF16};

// Element i of rank r's buffer; sums of them are exact in bfloat16.
static float element(int rank, size_t i) { return static_cast<float>((rank + 1) * static_cast<int>(i % 7)); }
static std::vector<float> elements(int rank, size_t count) {
  std::vector<float> out(count);
  for (size_t i = 0; i < count; ++i) out[i] = element(rank, i);
  return out;
}
static std::vector<float> summed(int world, size_t count) {
  std::vector<float> out(count);
  for (int rank = 0; rank < world; ++rank)
    for (size_t i = 0; i < count; ++i) out[i] += element(rank, i);
  return out;
}
static std::vector<float> part(const std::vector<float>& all, int rank, size_t count) {
  const auto begin = all.begin() + static_cast<ptrdiff_t>(static_cast<size_t>(rank) * count);
  return {begin, begin + static_cast<ptrdiff_t>(count)};
}
static std::vector<float> gathered(int world, size_t count) {
  std::vector<float> out;
  for (int rank = 0; rank < world; ++rank)
    for (const float x : elements(rank, count)) out.push_back(x);
  return out;
}

// What went wrong on this rank; empty when all is right.
static std::string try_all(Rank& r, int32_t type, size_t count) {
  if (!r.opened.ok()) return r.opened.message();
  Communicator& c = *r.communicator;
  belle_backend& b = *r.backend;
  const auto n = static_cast<int64_t>(count);
  const auto world = static_cast<size_t>(r.world), own = static_cast<size_t>(r.rank);
  std::string wrong;
  const auto check = [&](const char* what, const Status& status, const Values& got,
                         const std::vector<float>& expected) {
    if (!status.ok()) wrong += std::string(what) + ": " + status.message() + "; ";
    if (const Status waited = c.wait(kEnough); !waited.ok()) wrong += waited.message() + "; ";
    if (got.read() != expected) wrong += std::string(what) + ": wrong values; ";
  };
  const Values in(b, elements(r.rank, count), type), all(b, elements(r.rank, world * count), type);
  const Values sum(b, count, type), scattered(b, count, type), gather(b, world * count, type);
  const std::vector<float> total = summed(r.world, world * count);
  check("all_reduce", c.all_reduce(sum.data(), in.data(), n, type), sum, summed(r.world, count));
  check("reduce_scatter", c.reduce_scatter(scattered.data(), all.data(), n, type), scattered,
        part(total, r.rank, count));
  check("all_gather", c.all_gather(gather.data(), in.data(), n, type), gather, gathered(r.world, count));
  check("all_reduce in place", c.all_reduce(in.data(), in.data(), n, type), in, summed(r.world, count));
  const Values data(b, elements(r.rank, count), type);
  check("broadcast", c.broadcast(data.data(), n, type, r.world - 1), data, elements(r.world - 1, count));
  // The smaller buffer inside the larger.
  std::vector<float> placed = elements(r.rank, world * count);
  const Values one(b, placed, type);
  std::copy_n(total.begin() + static_cast<ptrdiff_t>(own * count), count,
              placed.begin() + static_cast<ptrdiff_t>(own * count));
  check("reduce_scatter in place", c.reduce_scatter(one.at(own * count), one.data(), n, type), one, placed);
  const Values many(b, world * count, type);
  const std::vector<float> mine = elements(r.rank, count);
  const Values from(b, mine, type);
  const size_t bytes = count * (type == BELLE_F32 ? 4 : 2);
  if (b.copy(b.context, many.at(own * count), from.data(), bytes).code != 0) wrong += "copy; ";
  check("all_gather in place", c.all_gather(many.data(), many.at(own * count), n, type), many,
        gathered(r.world, count));
  if (const Status barrier = c.barrier(kEnough); !barrier.ok()) wrong += barrier.message();
  return wrong;
}

TEST("nccl: one rank, with the library that is found") {
  if (backend_name() == std::string("cpu")) return skip("needs a CUDA backend in BELLE_TEST_BACKEND");
  find_stand_in();  // without the faults of other tests, where it is that
  const auto backend = open_backend("cuda");
  auto id = dist::make_collective_id(*backend);
  if (id.status().code() == StatusCode::not_found) return skip(id.status().message());
  CHECK_OK(id.status());
  if (!id.ok()) return;
  Rank r{.rank = 0, .world = 1, .backend = backend, .options = {}, .communicator = nullptr, .opened = {}};
  r.options.id = id.value();
  auto opened = CollectiveCommunicator::open(backend, r.options);
  CHECK_OK(opened.status());
  if (!opened.ok()) return;
  r.communicator = opened.take();
  CHECK_EQ(std::string(r.communicator->name()), "nccl");
  CHECK(std::string(r.communicator->description()).find("NCCL 2.") == 0);
  CHECK(std::string(backend->description).find("; NCCL 2.") != std::string::npos);
  for (const int32_t type : kTypes) CHECK_EQ(try_all(r, type, 1000), "");
}

TEST("nccl: ranks sum, scatter, gather and broadcast") {
  FakeNccl* fake = stand_in();
  if (!fake) return;
  for (const int world : {1, 2, 3, 4}) {
    for (const int32_t type : kTypes) {
      const auto wrong = on_ranks<std::string>(world, {}, [&](Rank& r) {
        std::string all;
        for (const size_t count : {1, 5, 1000}) all += try_all(r, type, count);
        return all;
      });
      for (const std::string& text : wrong) CHECK_EQ(text, "");
    }
  }
  // Every communicator ended in order.
  CHECK_EQ(fake->aborted, 0);
  CHECK_EQ(fake->finalized, 2 * (1 + 2 + 3 + 4));
  CHECK_EQ(fake->destroyed, 2 * (1 + 2 + 3 + 4));
}

TEST("nccl: bytes are moved") {
  if (!stand_in()) return;
  const auto got = on_ranks<std::vector<float>>(3, {}, [](Rank& r) -> std::vector<float> {
    if (!r.opened.ok()) return {};
    const Values mine(*r.backend, elements(r.rank, 3), BELLE_BYTES), all(*r.backend, size_t{9}, BELLE_BYTES);
    const Status gathers = r.communicator->all_gather(all.data(), mine.data(), 3, BELLE_BYTES);
    const Status sends = r.communicator->broadcast(all.at(6), 3, BELLE_BYTES, 0);
    const Status waits = r.communicator->wait(kEnough);
    return gathers.ok() && sends.ok() && waits.ok() ? all.read() : std::vector<float>();
  });
  for (const auto& values : got) CHECK(values == gathered(3, 3));
}

TEST("nccl: many collectives may be on the way before a wait") {
  if (!stand_in()) return;
  const auto got = on_ranks<std::vector<float>>(2, {}, [](Rank& r) -> std::vector<float> {
    if (!r.opened.ok()) return {};
    const Values x(*r.backend, std::vector<float>{1, 2});
    for (int i = 0; i < 20; ++i)
      if (!r.communicator->all_reduce(x.data(), x.data(), 2, BELLE_F32).ok()) return {};
    return r.communicator->wait(kEnough).ok() ? x.read() : std::vector<float>();
  });
  for (const auto& values : got) CHECK(values == std::vector<float>({1 << 20, 2 << 20}));
}

TEST("nccl: a barrier holds every rank until the last is there") {
  if (!stand_in()) return;
  std::atomic<int> arrived{0};
  const auto seen = on_ranks<int>(3, {}, [&](Rank& r) {
    if (!r.opened.ok()) return -1;
    if (r.rank == 1) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    ++arrived;
    return r.communicator->barrier(kEnough).ok() ? arrived.load() : -1;
  });
  for (const int count : seen) CHECK_EQ(count, 3);
}

}  // namespace belle::test
