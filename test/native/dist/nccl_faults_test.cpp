// NCCL that is missing, does not start, fails or hangs: what is said, and that nothing stays behind.
#include <atomic>
#include <filesystem>

#include "test/native/dist/ranks.h"

namespace belle::test {

namespace {

// BELLE_NCCL for this scope.
class Named {
 public:
  explicit Named(const std::string& file) : before_(std::getenv("BELLE_NCCL")) {
    setenv("BELLE_NCCL", file.c_str(), 1);
  }
  ~Named() { setenv("BELLE_NCCL", before_.c_str(), 1); }
  Named(const Named&) = delete;
  Named& operator=(const Named&) = delete;

 private:
  const std::string before_;
};

std::string beside_the_stand_in(const char* file) {
  return std::filesystem::path(std::getenv("BELLE_NCCL")).parent_path() / file;
}

CommunicatorOptions short_limits() {
  return {
      .rank = 0, .world = 1, .id = {}, .open_limit = kShort, .start_limit = kShort, .close_limit = kShort};
}

// One float a rank through all_reduce, waited for.
Status reduce_one(Rank& r, Milliseconds limit) {
  if (!r.opened.ok()) return r.opened;
  const Values x(*r.backend, std::vector<float>{1});
  BELLE_TRY(r.communicator->all_reduce(x.data(), x.data(), 1, BELLE_F32));
  return r.communicator->wait(limit);
}

}  // namespace

TEST("nccl: a library that does not do is named, and what to do") {
  if (!stand_in()) return;
  const auto says = [](const std::string& file, const std::string& text) {
    const Named named(file);
    const auto backend = open_backend("cuda");
    CHECK_STATUS(dist::make_collective_id(*backend).status(), StatusCode::not_found, text);
    CHECK_STATUS(CollectiveCommunicator::open(backend, {}).status(), StatusCode::not_found, text);
    CHECK(std::string(backend->description).find("; " + text) != std::string::npos);
  };
  says("off", "NCCL is turned off by BELLE_NCCL");
  says("", "NCCL is not installed (pip install nvidia-nccl-cu13, or name the file in BELLE_NCCL)");
  says("/nowhere/libnccl.so.2", "NCCL cannot be loaded (/nowhere/libnccl.so.2: cannot open");
  const std::string partial = beside_the_stand_in("libfake_nccl_partial.so");
  says(partial, partial + " lacks ncclCommFinalize, ncclGetLastError; install a newer nvidia-nccl-cu13 or");
  const std::string old = beside_the_stand_in("libfake_nccl_old.so");
  says(old, "NCCL 2.17.5 in " + old + " is older than 2.18; pip install nvidia-nccl-cu13");
}

TEST("nccl: a refused config is told at open") {
  FakeNccl* fake = stand_in();
  if (!fake) return;
  fake->refuse_config = 1;
  const auto status = on_ranks<Status>(1, {}, [](Rank& r) { return r.opened; });
  CHECK_STATUS(status[0], StatusCode::invalid_argument,
               "rank 0 of 1: open: NCCL says invalid argument; NCCL_DEBUG=WARN shows more");
}

TEST("nccl: an open may take its time, up to its limit") {
  FakeNccl* fake = stand_in();
  if (!fake) return;
  fake->init_held = 1;
  std::thread release([&] {
    std::this_thread::sleep_for(kShort);
    fake->init_held = 0;
  });
  for (const Status& status : on_ranks<Status>(2, {}, [](Rank& r) { return reduce_one(r, kEnough); }))
    CHECK_OK(status);
  release.join();
  CHECK_EQ(fake->aborted, 0);

  fake->init_held = 1;
  const auto late = on_ranks<Status>(2, short_limits(), [](Rank& r) { return r.opened; });
  CHECK_STATUS(late[1], StatusCode::aborted, "rank 1 of 2: not every rank joined in 100 ms; look for a rank");
  CHECK_STATUS(late[0], StatusCode::aborted, "rank 0 of 2: not every rank joined in 100 ms");
  CHECK_EQ(fake->aborted, 2);
}

TEST("nccl: a rank that does not come is waited for and told") {
  FakeNccl* fake = stand_in();
  if (!fake) return;
  const auto backend = open_backend("cuda");
  auto id = dist::make_collective_id(*backend);
  CHECK_OK(id.status());
  CommunicatorOptions options = short_limits();
  options.world = 2;
  if (id.ok()) options.id = id.value();
  CHECK_STATUS(CollectiveCommunicator::open(backend, options).status(), StatusCode::aborted,
               "rank 0 of 2: not every rank joined in 100 ms");
  CHECK_EQ(fake->aborted, 1);
  options.rank = 2;
  CHECK_STATUS(CollectiveCommunicator::open(backend, options).status(), StatusCode::invalid_argument,
               "rank is 2, world size 2");
}

TEST("nccl: a collective may start late; past its limit it is aborted") {
  FakeNccl* fake = stand_in();
  if (!fake) return;
  const auto hold = [&](CommunicatorOptions options) {
    return on_ranks<Status>(2, options, [&](Rank& r) -> Status {
      BELLE_TRY(r.opened);
      BELLE_TRY(r.communicator->barrier(kEnough));
      fake->start_held = 1;
      return reduce_one(r, kEnough);
    });
  };
  std::thread release([&] {
    while (!fake->start_held) std::this_thread::yield();
    std::this_thread::sleep_for(kShort);
    fake->start_held = 2;  // seen, so that no rank sets it again
    fake->start_held = 0;
  });
  const auto in_time = on_ranks<Status>(1, {}, [&](Rank& r) -> Status {
    BELLE_TRY(r.opened);
    fake->start_held = 1;
    return reduce_one(r, kEnough);
  });
  CHECK_OK(in_time[0]);
  release.join();
  CHECK_EQ(fake->aborted, 0);
  const auto late = hold(short_limits());
  CHECK_STATUS(
      late[0], StatusCode::aborted,
      "rank 0 of 2: all_reduce 2 (1 float32) did not start in 100 ms and was aborted; look for a rank");
  CHECK_STATUS(late[1], StatusCode::aborted, "rank 1 of 2: all_reduce 2 (1 float32) did not start");
  CHECK_EQ(fake->aborted, 2);
}

TEST("nccl: an error on the way ends the communicator, and every call tells it") {
  FakeNccl* fake = stand_in();
  if (!fake) return;
  std::atomic<int> started{0};
  const auto status = on_ranks<Status>(2, {}, [&](Rank& r) -> Status {
    BELLE_TRY(r.opened);
    BELLE_TRY(r.communicator->barrier(kEnough));
    fake->stuck = 1;
    const Values x(*r.backend, size_t{4}, BELLE_BF16);
    const Status start = r.communicator->all_reduce(x.data(), x.data(), 4, BELLE_BF16);
    for (++started; started < 2;) std::this_thread::yield();
    fake->async_error = 6;
    const Status first = start.ok() ? r.communicator->wait(kEnough) : start;
    const Status second = r.communicator->all_reduce(x.data(), x.data(), 4, BELLE_BF16);
    return second.message() == first.message() ? second : Status(StatusCode::internal, second.message());
  });
  for (int rank = 0; rank < 2; ++rank)
    CHECK_STATUS(status[static_cast<size_t>(rank)], StatusCode::io,
                 "rank " + std::to_string(rank) +
                     " of 2: all_reduce 2 (4 bfloat16): collective: NCCL says remote process exited or there "
                     "was a network error (a peer is gone); NCCL_DEBUG=WARN shows more");
  CHECK_EQ(fake->aborted, 2);
  CHECK_EQ(fake->destroyed, 0);
}

TEST("nccl: a rank that stays away is told by the others, which then go on with their device") {
  FakeNccl* fake = stand_in();
  if (!fake) return;
  std::atomic<bool> told{false};
  const auto status = on_ranks<Status>(2, {}, [&](Rank& r) -> Status {
    BELLE_TRY(reduce_one(r, kEnough));
    if (r.rank == 1) {  // it does not call the second
      while (!told) std::this_thread::yield();
      return {};
    }
    const Values x(*r.backend, std::vector<float>{1, 2, 3});
    const Values other(*r.backend, size_t{3});
    Status late = r.communicator->reduce_scatter(other.data(), x.data(), 1, BELLE_F32);
    if (late.ok()) late = r.communicator->all_reduce(x.data(), x.data(), 3, BELLE_F32);  // behind the first
    if (late.ok()) late = r.communicator->wait(kShort);
    told = true;
    return x.read() == std::vector<float>({1, 2, 3}) ? late : Status(StatusCode::internal, "x has changed");
  });
  CHECK_STATUS(status[0], StatusCode::aborted,
               "rank 0 of 2: reduce_scatter 2 (1 float32) did not end in 100 ms and was aborted; look for a "
               "rank that failed, or that is at another collective");
  CHECK_OK(status[1]);
  CHECK_EQ(fake->aborted, 1);
}

TEST("nccl: ranks that differ in a count each name their own") {
  if (!stand_in()) return;
  const auto status = on_ranks<Status>(2, {}, [](Rank& r) -> Status {
    BELLE_TRY(r.opened);
    const Values x(*r.backend, size_t{8});
    BELLE_TRY(r.communicator->broadcast(x.data(), 4 + r.rank, BELLE_F32, 0));
    return r.communicator->wait(kShort);
  });
  CHECK_STATUS(status[0], StatusCode::aborted, "rank 0 of 2: broadcast 1 (4 float32) did not end in 100 ms");
  CHECK_STATUS(status[1], StatusCode::aborted, "rank 1 of 2: broadcast 1 (5 float32) did not end in 100 ms");
}

TEST("nccl: abort from another thread ends a wait, and a read that hangs") {
  FakeNccl* fake = stand_in();
  if (!fake) return;
  const auto status = on_ranks<Status>(1, {}, [&](Rank& r) -> Status {
    BELLE_TRY(r.opened);
    fake->stuck = 1;
    const Values x(*r.backend, std::vector<float>{7});
    BELLE_TRY(r.communicator->all_reduce(x.data(), x.data(), 1, BELLE_F32));
    std::thread watchdog([&] {
      std::this_thread::sleep_for(kShort);
      r.communicator->abort({StatusCode::aborted, "the job was cancelled"});
    });
    const std::vector<float> read = x.read();  // waits without a limit
    watchdog.join();
    if (read != std::vector<float>{7}) return {StatusCode::internal, "x has changed"};
    return r.communicator->wait(kEnough);
  });
  CHECK_STATUS(status[0], StatusCode::aborted, "the job was cancelled");
  CHECK_EQ(fake->aborted, 1);
}

TEST("nccl: a communicator that is closed while something hangs aborts it") {
  FakeNccl* fake = stand_in();
  if (!fake) return;
  const auto status = on_ranks<Status>(1, short_limits(), [&](Rank& r) -> Status {
    BELLE_TRY(r.opened);
    fake->stuck = 1;
    const Values x(*r.backend, std::vector<float>{7});
    BELLE_TRY(r.communicator->all_reduce(x.data(), x.data(), 1, BELLE_F32));
    r.communicator.reset();
    return x.read() == std::vector<float>{7} ? Status() : Status(StatusCode::internal, "x has changed");
  });
  CHECK_OK(status[0]);
  CHECK_EQ(fake->aborted, 1);
  CHECK_EQ(fake->destroyed, 0);
}

TEST("collective.h: wrong arguments, wrong versions, calls out of turn") {
  FakeNccl* fake = stand_in();
  if (!fake) return;
  const auto backend = open_backend("cuda");
  auto found = backend::collective_library(*backend);
  CHECK_OK(found.status());
  if (!found.ok()) return;
  const backend::CollectiveLibrary& library = found.value();
  const auto wrong = StatusCode::invalid_argument;
  CHECK_STATUS(backend::from_c(library.make_id(nullptr)), wrong, "make_id: out is NULL");
  belle_collective_options options = {};
  belle_collective* c = nullptr;
  const auto open = [&] { return backend::from_c(library.open(backend.get(), &options, &c)); };
  CHECK_STATUS(open(), StatusCode::unsupported, "install the one of the same release");
  options.abi_version = BELLE_COLLECTIVE_ABI_VERSION;
  CHECK_STATUS(open(), wrong, "open: world is 0; it must be from 1");
  options.world = 2, options.rank = 2;
  CHECK_STATUS(open(), wrong, "open: rank is 2; it must be from 0 to 1");
  CHECK(c == nullptr);
  options.world = 1, options.rank = 0;
  CHECK_OK(backend::from_c(library.make_id(&options.id)));
  fake->init_held = 1;
  CHECK_OK(open());
  if (!c) return;
  CHECK_OK(backend::check_collective(*c));
  const Values x(*backend, size_t{4});
  const auto reduce = [&](int32_t type) {
    return backend::from_c(c->all_reduce(c->context, x.data(), x.data(), 4, type));
  };
  CHECK_STATUS(reduce(BELLE_F32), StatusCode::busy, "all_reduce: the communicator is still starting; poll");
  fake->init_held = 0;
  belle_collective_progress progress = {};
  CHECK_STATUS(backend::from_c(c->poll(c->context, nullptr)), wrong, "poll: out is NULL");
  CHECK_OK(backend::from_c(c->poll(c->context, &progress)));
  CHECK_EQ(progress.starting, 0);
  CHECK_STATUS(reduce(BELLE_BYTES), wrong, "all_reduce: bytes cannot be summed");
  CHECK_STATUS(reduce(9), wrong, "all_reduce: type 9 is unknown");
  CHECK_STATUS(backend::from_c(c->broadcast(c->context, x.data(), 4, BELLE_F32, 1)), wrong,
               "broadcast: there is no rank 1");
  fake->stuck = 1;
  CHECK_OK(reduce(BELLE_F32));
  CHECK_STATUS(backend::from_c(c->finish(c->context)), StatusCode::busy, "finish: 1 collectives still run");
  CHECK_OK(backend::from_c(c->abort(c->context)));
  CHECK_OK(backend::from_c(c->abort(c->context)));
  CHECK_STATUS(reduce(BELLE_F32), StatusCode::aborted, "all_reduce: the communicator was aborted");
  CHECK_STATUS(backend::from_c(c->poll(c->context, &progress)), StatusCode::aborted, "was aborted");
  CHECK_EQ(fake->aborted, 1);
  library.close(c);
  library.close(nullptr);
  CHECK_EQ(fake->aborted, 1);
  belle_collective other = {};
  CHECK_STATUS(backend::check_collective(other), StatusCode::unsupported, "collective ABI version is 0");
  other.abi_version = BELLE_COLLECTIVE_ABI_VERSION;
  CHECK_STATUS(backend::check_collective(other), StatusCode::unsupported, "it lacks entries of collective.h");
}

}  // namespace belle::test
