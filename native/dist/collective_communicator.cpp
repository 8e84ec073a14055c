#include "native/dist/collective_communicator.h"

#include <thread>

#include "native/backend/registry.h"

namespace belle::dist {

namespace {

using Clock = std::chrono::steady_clock;
using backend::from_c;

// Calls `done` until it is true, fails or the limit has passed: at once, then ever more seldom, up to every
// millisecond. *in_time: it was true.
template <class Done>
Status poll_until(Milliseconds limit, bool* in_time, Done done) {
  const Clock::time_point end = Clock::now() + limit;
  for (std::chrono::microseconds pause{1};; pause = std::min(pause * 2, std::chrono::microseconds(1000))) {
    *in_time = false;
    BELLE_TRY(done(in_time));
    if (*in_time || Clock::now() >= end) return {};
    std::this_thread::sleep_for(pause);
  }
}

std::string show_limit(Milliseconds limit) {
  return limit.count() % 1000 == 0 ? std::to_string(limit.count() / 1000) + " s"
                                   : std::to_string(limit.count()) + " ms";
}

}  // namespace

Result<belle_collective_id> make_collective_id(const belle_backend& backend) {
  BELLE_ASSIGN(const backend::CollectiveLibrary library, backend::collective_library(backend));
  belle_collective_id id = {};
  BELLE_TRY(from_c(library.make_id(&id)));
  return id;
}

Result<std::unique_ptr<CollectiveCommunicator>> CollectiveCommunicator::open(
    std::shared_ptr<belle_backend> backend, const CommunicatorOptions& options) {
  if (options.world < 1 || options.rank < 0 || options.rank >= options.world) {
    return Status(StatusCode::invalid_argument, "rank is " + std::to_string(options.rank) + ", world size " +
                                                    std::to_string(options.world) +
                                                    "; ranks count from 0 and are fewer than the world size");
  }
  std::unique_ptr<CollectiveCommunicator> opened(new CollectiveCommunicator(std::move(backend), options));
  if (Status status = opened->begin(); !status.ok()) {
    opened->abort(status);
    return status;
  }
  return opened;
}

Status CollectiveCommunicator::begin() {
  BELLE_ASSIGN(const backend::CollectiveLibrary library, backend::collective_library(*backend_));
  const belle_collective_options options = {.abi_version = BELLE_COLLECTIVE_ABI_VERSION,
                                            .rank = options_.rank,
                                            .world = options_.world,
                                            .id = options_.id};
  const auto told = [&](const Status& why) {
    return why.ok() ? why : Status(why.code(), show_rank() + ": " + why.message());
  };
  belle_collective* raw = nullptr;
  BELLE_TRY(told(from_c(library.open(backend_.get(), &options, &raw))));
  if (!raw) return {StatusCode::internal, show_rank() + ": no communicator was opened, for no reason given"};
  std::unique_ptr<belle_collective, belle_collective_close_fn> table(raw, library.close);
  BELLE_TRY(told(backend::check_collective(*table)));
  table_ = std::move(table);
  BELLE_TRY(told(from_c(backend_->alloc(backend_->context, sizeof(float), &token_))));
  bool in_time = false;
  BELLE_TRY(told(settle(options_.open_limit, &in_time)));
  if (in_time) return {};
  return {
      StatusCode::aborted,
      show_rank() + ": not every rank joined in " + show_limit(options_.open_limit) +
          "; look for a rank that did not start or failed, and check that all use one id and one network"};
}

CollectiveCommunicator::~CollectiveCommunicator() {
  if (table_) {
    // In order where all is well; what is not finished, close aborts.
    bool in_time = false;
    if (wait(options_.close_limit).ok() && from_c(table_->finish(table_->context)).ok())
      static_cast<void>(settle(options_.close_limit, &in_time));
    table_.reset();
  }
  if (token_) backend_->free(backend_->context, token_);
}

Status CollectiveCommunicator::poll(bool* starting) {
  belle_collective_progress progress = {};
  BELLE_TRY(from_c(table_->poll(table_->context, &progress)));
  for (; completed_ < progress.completed && !running_.empty(); ++completed_) running_.pop_front();
  *starting = progress.starting != 0;
  return {};
}

Status CollectiveCommunicator::settle(Milliseconds limit, bool* in_time) {
  return poll_until(limit, in_time, [&](bool* done) {
    bool starting = true;
    const Status status = poll(&starting);
    *done = !starting;
    return status;
  });
}

Status CollectiveCommunicator::late(const Collective& c, Milliseconds limit, const char* what) const {
  return {StatusCode::aborted,
          show(c) + " " + what + " in " + show_limit(limit) +
              " and was aborted; look for a rank that failed, or that is at another collective, in the "
              "other ranks' output"};
}

// What the backend takes next goes behind the collective only once that is on the stream.
Status CollectiveCommunicator::started(const Collective& c, const belle_status& status) {
  bool in_time = false;
  Status failed = from_c(status);
  if (failed.ok()) {
    running_.push_back(c);
    failed = settle(options_.start_limit, &in_time);
  }
  if (!failed.ok()) return {failed.code(), show(c) + ": " + failed.message()};
  return in_time ? Status() : late(c, options_.start_limit, "did not start");
}

Status CollectiveCommunicator::start_all_reduce(const Collective& c, void* out, const void* in) {
  return started(c, table_->all_reduce(table_->context, out, in, c.count, c.type));
}
Status CollectiveCommunicator::start_reduce_scatter(const Collective& c, void* out, const void* in) {
  return started(c, table_->reduce_scatter(table_->context, out, in, c.count, c.type));
}
Status CollectiveCommunicator::start_all_gather(const Collective& c, void* out, const void* in) {
  return started(c, table_->all_gather(table_->context, out, in, c.count, c.type));
}
Status CollectiveCommunicator::start_broadcast(const Collective& c, void* data, int root) {
  return started(c, table_->broadcast(table_->context, data, c.count, c.type, root));
}

Status CollectiveCommunicator::finish_barrier(const Collective& c, Milliseconds limit) {
  BELLE_TRY(started(c, table_->all_reduce(table_->context, token_, token_, 1, BELLE_F32)));
  return finish_all(limit);
}

Status CollectiveCommunicator::finish_all(Milliseconds limit) {
  bool in_time = false;
  const Status status = poll_until(limit, &in_time, [&](bool* done) {
    bool starting = false;
    const Status polled = poll(&starting);
    *done = running_.empty();
    return polled;
  });
  if (!status.ok()) {
    return {status.code(),
            (running_.empty() ? show_rank() : show(running_.front())) + ": " + status.message()};
  }
  return in_time ? Status() : late(running_.front(), limit, "did not end");
}

Status CollectiveCommunicator::abort_all() {
  return table_ ? from_c(table_->abort(table_->context)) : Status();
}

}  // namespace belle::dist
