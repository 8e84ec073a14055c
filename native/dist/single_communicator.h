#pragma once
// The communicator of a job of one rank: copies on its backend, any backend, without a library.
#include <memory>

#include "native/dist/communicator.h"

namespace belle::dist {

class SingleCommunicator final : public Communicator {
 public:
  explicit SingleCommunicator(std::shared_ptr<belle_backend> backend)
      : Communicator(0, 1), backend_(std::move(backend)) {}
  const char* name() const override { return "single"; }

 private:
  Status start_all_reduce(const Collective& c, void* out, const void* in) override;
  Status start_reduce_scatter(const Collective& c, void* out, const void* in) override;
  Status start_all_gather(const Collective& c, void* out, const void* in) override;
  Status start_broadcast(const Collective& c, void* data, int root) override;
  // There is no peer to wait for: the limits do not matter.
  Status finish_barrier(const Collective& c, Milliseconds limit) override;
  Status finish_all(Milliseconds limit) override;
  Status abort_all() override { return {}; }
  Status copy(const Collective& c, void* out, const void* in);

  std::shared_ptr<belle_backend> backend_;
};

}  // namespace belle::dist
