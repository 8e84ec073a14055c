#pragma once
// The communicator over a backend library's collectives: NCCL's, for the CUDA backend.
#include <deque>
#include <memory>

#include "native/backend/collective_library.h"
#include "native/dist/communicator.h"

namespace belle::dist {

struct CommunicatorOptions {
  int rank = 0, world = 1;
  belle_collective_id id = {};        // from make_collective_id() on rank 0
  Milliseconds open_limit{300'000};   // until every rank has joined
  Milliseconds start_limit{600'000};  // until a collective is on the stream: the first ones connect ranks
  Milliseconds close_limit{10'000};   // of the orderly end; then it is aborted
};

// Rank 0 makes it and gives it to every rank; each communicator needs its own.
Result<belle_collective_id> make_collective_id(const belle_backend& backend);

class CollectiveCommunicator final : public Communicator {
 public:
  // Waits until every rank has joined.
  static Result<std::unique_ptr<CollectiveCommunicator>> open(std::shared_ptr<belle_backend> backend,
                                                              const CommunicatorOptions& options);
  ~CollectiveCommunicator() override;
  const char* name() const override { return table_->name; }
  const char* description() const { return table_->description; }

 private:
  CollectiveCommunicator(std::shared_ptr<belle_backend> backend, const CommunicatorOptions& options)
      : Communicator(options.rank, options.world), backend_(std::move(backend)), options_(options) {}
  Status start_all_reduce(const Collective& c, void* out, const void* in) override;
  Status start_reduce_scatter(const Collective& c, void* out, const void* in) override;
  Status start_all_gather(const Collective& c, void* out, const void* in) override;
  Status start_broadcast(const Collective& c, void* data, int root) override;
  Status finish_barrier(const Collective& c, Milliseconds limit) override;
  Status finish_all(Milliseconds limit) override;
  Status abort_all() override;

  Status begin();
  Status started(const Collective& c, const belle_status& status);
  Status poll(bool* starting);
  Status settle(Milliseconds limit, bool* in_time);
  Status late(const Collective& c, Milliseconds limit, const char* what) const;

  std::shared_ptr<belle_backend> backend_;  // closed after table_
  const CommunicatorOptions options_;
  std::unique_ptr<belle_collective, belle_collective_close_fn> table_{nullptr, nullptr};
  void* token_ = nullptr;           // one float that barriers sum
  std::deque<Collective> running_;  // on the stream, not known to be done
  uint64_t completed_ = 0;          // as poll() counts them
};

}  // namespace belle::dist
