// A libnccl that adds on host memory, for the emulated CUDA backend: its ranks are threads of one process.
// Collectives end when every rank has started the same one; one that differs hangs, as NCCL's does.
// FAKE_OLD: NCCL 2.17. FAKE_PARTIAL: without two of the functions.
#include "test/native/dist/fake/fake_nccl.h"

#include <climits>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "native/core/dtype.h"
#include "test/cuda/emulated/stream.h"

namespace {

enum { kSuccess = 0, kInvalidArgument = 4, kInvalidUsage = 5, kInProgress = 7 };
enum { kInt8 = 0, kFloat32 = 7, kBfloat16 = 9 };

struct Id {
  char bytes[128];
};
struct Config {
  size_t size;
  unsigned magic, version;
  int blocking, cga, min_ctas, max_ctas;
  const char* net;
  int split_share, traffic_class;
};

enum class Kind { all_reduce, reduce_scatter, all_gather, broadcast };
struct Request {
  Kind kind;
  const char* in;
  char* out;
  size_t count;
  int type, root;
  belle_emulated_stream* stream;
  bool same(const Request& o) const {
    return kind == o.kind && count == o.count && type == o.type && root == o.root;
  }
};
struct Round {  // one collective of all ranks
  std::vector<std::optional<Request>> ranks;
  bool stuck = false;
};
struct Group {
  std::mutex mutex;
  std::vector<bool> joined;
  std::map<uint64_t, Round> rounds;
};
struct Comm {
  std::shared_ptr<Group> group;
  int rank;
  uint64_t next = 0;
  std::optional<Request> held;
};

size_t bytes_of(int type) { return type == kFloat32 ? 4 : type == kBfloat16 ? 2 : 1; }

float load(const std::vector<char>& from, size_t i, int type) {
  float x;
  uint16_t half;
  if (type == kFloat32) return std::memcpy(&x, from.data() + 4 * i, 4), x;
  return std::memcpy(&half, from.data() + 2 * i, 2), belle::bf16_to_f32(half);
}
void store(char* to, size_t i, int type, float x) {
  const uint16_t half = belle::f32_to_bf16(x);
  if (type == kFloat32)
    std::memcpy(to + 4 * i, &x, 4);
  else
    std::memcpy(to + 2 * i, &half, 2);
}

void compute(const Round& round) {
  const Request& first = *round.ranks[0];
  const size_t world = round.ranks.size(), bytes = first.count * bytes_of(first.type);
  const size_t parts = first.kind == Kind::reduce_scatter ? world : 1;
  first.stream->open_memory();
  std::vector<std::vector<char>> in;  // of every rank, before any is overwritten
  for (const auto& r : round.ranks) in.emplace_back(r->in, r->in + parts * bytes);
  for (size_t rank = 0; rank < world; ++rank) {
    char* out = round.ranks[rank]->out;
    if (first.kind == Kind::broadcast) std::memcpy(out, in[static_cast<size_t>(first.root)].data(), bytes);
    if (first.kind == Kind::all_gather)
      for (size_t r = 0; r < world; ++r) std::memcpy(out + r * bytes, in[r].data(), bytes);
    if (first.kind != Kind::all_reduce && first.kind != Kind::reduce_scatter) continue;
    const size_t begin = first.kind == Kind::reduce_scatter ? rank * first.count : 0;
    for (size_t i = 0; i < first.count; ++i) {
      float sum = 0;
      for (size_t r = 0; r < world; ++r) sum += load(in[r], begin + i, first.type);
      store(out, i, first.type, sum);
    }
  }
  first.stream->close_memory();
}

// The group's mutex is held.
void put_on_stream(Comm& comm, const Request& request) {
  Group& group = *comm.group;
  const uint64_t number = comm.next++;
  Round& round = group.rounds[number];
  round.ranks.resize(group.joined.size());
  round.ranks[static_cast<size_t>(comm.rank)] = request;
  request.stream->arrive(request.stream);
  ++request.stream->begun;
  if (fake_nccl()->stuck) round.stuck = true;
  for (const auto& r : round.ranks)
    if (round.stuck || !r || !r->same(request)) return;
  compute(round);
  for (const auto& r : round.ranks) ++r->stream->done;
  group.rounds.erase(number);
}

int start(Comm* comm, const Request& request) {
  const std::lock_guard lock(comm->group->mutex);
  if (comm->held) return kInvalidUsage;
  if (fake_nccl()->start_held) {
    comm->held = request;
    return kInProgress;
  }
  put_on_stream(*comm, request);
  return kSuccess;
}

std::shared_ptr<Group> group_of(const Id& id, int world) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<Group>> groups;
  const std::lock_guard lock(mutex);
  std::weak_ptr<Group>& known = groups[std::string(id.bytes, sizeof id.bytes)];
  auto group = known.lock();
  if (!group) {
    known = group = std::make_shared<Group>();
    group->joined.resize(static_cast<size_t>(world));
  }
  return group;
}

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT FakeNccl* fake_nccl() {
  static FakeNccl only;
  return &only;
}

EXPORT int ncclGetVersion(int* version) {
#ifdef FAKE_OLD
  *version = 21705;
#else
  *version = 23007;
#endif
  return kSuccess;
}
EXPORT int ncclGetUniqueId(Id* id) {
  static std::atomic<int> next{0};
  std::memset(id->bytes, 0x5a, sizeof id->bytes);
  const int number = ++next;
  std::memcpy(id->bytes + 124, &number, 4);
  return kSuccess;
}
EXPORT int ncclCommInitRankConfig(Comm** out, int world, Id id, int rank, Config* c) {
  *out = nullptr;
  if (fake_nccl()->refuse_config || c->size != 48 || c->magic != 0xcafebeef || c->version != 21800 ||
      c->blocking != 0 || c->cga != INT_MIN || c->min_ctas != INT_MIN || c->max_ctas != INT_MIN || c->net ||
      c->split_share != INT_MIN || c->traffic_class != INT_MIN)
    return kInvalidArgument;
  auto group = group_of(id, world);
  const std::lock_guard lock(group->mutex);
  if (group->joined.size() != static_cast<size_t>(world) || group->joined[static_cast<size_t>(rank)])
    return kInvalidUsage;
  group->joined[static_cast<size_t>(rank)] = true;
  *out = std::make_unique<Comm>(Comm{group, rank, 0, {}}).release();
  return kInProgress;
}
EXPORT int ncclCommGetAsyncError(Comm* comm, int* out) {
  const std::lock_guard lock(comm->group->mutex);
  *out = kSuccess;
  if (const int error = fake_nccl()->async_error) *out = error;
  if (*out != kSuccess) return kSuccess;
  for (const bool joined : comm->group->joined)
    if (!joined) *out = kInProgress;
  if (fake_nccl()->init_held) *out = kInProgress;
  if (comm->held && !fake_nccl()->start_held) {
    put_on_stream(*comm, *comm->held);
    comm->held.reset();
  }
  if (comm->held) *out = kInProgress;
  return kSuccess;
}
EXPORT int ncclCommAbort(Comm* comm) {
  ++fake_nccl()->aborted;
  const std::unique_ptr<Comm> owned(comm);
  const std::lock_guard lock(comm->group->mutex);
  for (auto& [number, round] : comm->group->rounds) {
    auto& mine = round.ranks[static_cast<size_t>(comm->rank)];
    if (!mine) continue;
    ++mine->stream->done;
    mine.reset();
    round.stuck = true;
  }
  return kSuccess;
}
EXPORT int ncclCommDestroy(Comm* comm) {
  ++fake_nccl()->destroyed;
  const std::unique_ptr<Comm> owned(comm);
  return kSuccess;
}
EXPORT const char* ncclGetErrorString(int result) {
  switch (result) {
    case kInvalidArgument:
      return "invalid argument";
    case kInvalidUsage:
      return "invalid usage";
    case 6:
      return "remote process exited or there was a network error";
    default:
      return "unhandled error";
  }
}
#ifndef FAKE_PARTIAL
EXPORT int ncclCommFinalize(Comm*) {
  ++fake_nccl()->finalized;
  return kSuccess;
}
EXPORT const char* ncclGetLastError(Comm*) { return fake_nccl()->async_error ? "a peer is gone" : ""; }
#endif

EXPORT int ncclAllReduce(const void* in, void* out, size_t count, int type, int op, Comm* comm,
                         belle_emulated_stream* stream) {
  if (op != 0 || type == kInt8) return kInvalidArgument;
  return start(comm, {Kind::all_reduce, static_cast<const char*>(in), static_cast<char*>(out), count, type, 0,
                      stream});
}
EXPORT int ncclReduceScatter(const void* in, void* out, size_t count, int type, int op, Comm* comm,
                             belle_emulated_stream* stream) {
  if (op != 0 || type == kInt8) return kInvalidArgument;
  return start(comm, {Kind::reduce_scatter, static_cast<const char*>(in), static_cast<char*>(out), count,
                      type, 0, stream});
}
EXPORT int ncclAllGather(const void* in, void* out, size_t count, int type, Comm* comm,
                         belle_emulated_stream* stream) {
  return start(comm, {Kind::all_gather, static_cast<const char*>(in), static_cast<char*>(out), count, type, 0,
                      stream});
}
EXPORT int ncclBroadcast(const void* in, void* out, size_t count, int type, int root, Comm* comm,
                         belle_emulated_stream* stream) {
  return start(comm, {Kind::broadcast, static_cast<const char*>(in), static_cast<char*>(out), count, type,
                      root, stream});
}
