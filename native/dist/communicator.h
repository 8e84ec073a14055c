#pragma once
// Communicator: sums and copies between the ranks of a job, on a backend's buffers and stream.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

#include "native/core/status.h"
#include "native/include/belle/collective.h"

namespace belle::dist {

using Milliseconds = std::chrono::milliseconds;

// Every rank calls the same collectives in the same order with the same counts. They are put on the backend's
// stream, in order with its ops, and the caller goes on; wait() before the backend's read() or synchronize(),
// which know no limit. One thread at a time; abort() from any.
//
// After a collective that failed or passed its limit the communicator is aborted: every later call returns
// that first error.
class Communicator {
 public:
  virtual ~Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  int rank() const { return rank_; }
  int world() const { return world_; }
  virtual const char* name() const = 0;  // "single", "nccl"

  // `type` is BELLE_F32, BELLE_BF16 or, where nothing is summed, BELLE_BYTES.
  // out[count] = the sum over the ranks of in[count]; in may be out.
  Status all_reduce(void* out, const void* in, int64_t count, int32_t type);
  // out[count] = part `rank` of the sum over the ranks of in[world * count]; out may be that part of in.
  Status reduce_scatter(void* out, const void* in, int64_t count, int32_t type);
  // out[world * count] = in[count] of every rank; in may be part `rank` of out.
  Status all_gather(void* out, const void* in, int64_t count, int32_t type);
  // data[count] of rank `root` to every rank.
  Status broadcast(void* data, int64_t count, int32_t type, int root);

  // Until every rank is here and what was put on the stream before is done.
  Status barrier(Milliseconds limit);
  // Until all collectives so far are done on this rank.
  Status wait(Milliseconds limit);
  // Ends what runs and what waits on this rank. `why` is what later calls return.
  void abort(const Status& why);

 protected:
  Communicator(int rank, int world) : rank_(rank), world_(world) {}

  struct Collective {
    const char* name = "";
    uint64_t number = 0;  // from 1, the same on every rank
    int64_t count = 0;
    int32_t type = BELLE_F32;
  };
  // The arguments are right and count > 0.
  virtual Status start_all_reduce(const Collective& c, void* out, const void* in) = 0;
  virtual Status start_reduce_scatter(const Collective& c, void* out, const void* in) = 0;
  virtual Status start_all_gather(const Collective& c, void* out, const void* in) = 0;
  virtual Status start_broadcast(const Collective& c, void* data, int root) = 0;
  virtual Status finish_barrier(const Collective& c, Milliseconds limit) = 0;
  virtual Status finish_all(Milliseconds limit) = 0;
  virtual Status abort_all() = 0;

  static size_t type_bytes(int32_t type);
  // "rank 1 of 4: all_reduce 17 (1024 float32)"
  std::string show(const Collective& c) const;
  std::string show_rank() const;

 private:
  struct Arguments;
  template <class Start>
  Status collective(const Arguments& a, Start start);
  Status keep(Status status);
  Status broken() const;

  const int rank_, world_;
  uint64_t number_ = 0;
  mutable std::mutex mutex_;  // over broken_, which abort() sets from any thread
  Status broken_;
};

}  // namespace belle::dist
