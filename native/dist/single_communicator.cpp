#include "native/dist/single_communicator.h"

#include "native/backend/registry.h"

namespace belle::dist {

Status SingleCommunicator::copy(const Collective& c, void* out, const void* in) {
  if (out == in) return {};
  return backend::from_c(
      backend_->copy(backend_->context, out, in, static_cast<size_t>(c.count) * type_bytes(c.type)));
}

Status SingleCommunicator::start_all_reduce(const Collective& c, void* out, const void* in) {
  return copy(c, out, in);
}
Status SingleCommunicator::start_reduce_scatter(const Collective& c, void* out, const void* in) {
  return copy(c, out, in);
}
Status SingleCommunicator::start_all_gather(const Collective& c, void* out, const void* in) {
  return copy(c, out, in);
}
Status SingleCommunicator::start_broadcast(const Collective&, void*, int) { return {}; }
Status SingleCommunicator::finish_barrier(const Collective&, Milliseconds limit) { return finish_all(limit); }
Status SingleCommunicator::finish_all(Milliseconds) {
  return backend::from_c(backend_->synchronize(backend_->context));
}

}  // namespace belle::dist
