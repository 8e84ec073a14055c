#pragma once
// Collective: one rank's NCCL communicator on a context's device and stream. No call waits for a peer but
// abort(), for which NCCL promises no bound.
#include <deque>
#include <memory>
#include <mutex>
#include <type_traits>
#include <vector>

#include "cuda/collective/nccl.h"

namespace belle::cuda {

class Collective {
 public:
  // Starts; poll() tells when every rank is there.
  static Result<std::unique_ptr<Collective>> open(Context& cuda, const belle_collective_options& options);
  ~Collective();
  Collective(const Collective&) = delete;
  Collective& operator=(const Collective&) = delete;

  // As collective.h says; the context's mutex is held, its device set and the arguments are right.
  Status all_reduce(void* out, const void* in, int64_t count, int32_t type);
  Status reduce_scatter(void* out, const void* in, int64_t count, int32_t type);
  Status all_gather(void* out, const void* in, int64_t count, int32_t type);
  Status broadcast(void* data, int64_t count, int32_t type, int32_t root);

  // These need no mutex of the context, which a synchronize() that hangs may hold.
  Status poll(belle_collective_progress* out);
  Status finish();
  Status abort();

  Context& context() const { return cuda_; }
  int world() const { return world_; }
  const std::string& description() const { return library_.sentence; }

 private:
  struct FreeEvent {
    void operator()(cudaEvent_t event) const { cudaEventDestroy(event); }
  };
  using Event = std::unique_ptr<std::remove_pointer_t<cudaEvent_t>, FreeEvent>;
  enum class Phase { opening, open, finishing, finished, aborted };

  Collective(Context& cuda, NcclLibrary library, int world)
      : cuda_(cuda), library_(std::move(library)), world_(world) {}
  template <class Call>
  Status start(const char* op, Call call);
  Status usable(const char* op) const;
  Status settle();
  Status mark();
  Status error(const char* op, int result) const;

  Context& cuda_;
  NcclLibrary library_;
  const int world_;
  std::mutex mutex_;  // over all below
  NcclComm comm_ = nullptr;
  Phase phase_ = Phase::opening;
  bool launching_ = false;     // a collective is not yet on the stream
  std::deque<Event> running_;  // one behind each collective on the stream
  std::vector<Event> free_;
  uint64_t completed_ = 0;
};

}  // namespace belle::cuda
