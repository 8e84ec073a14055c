#include "cuda/collective/collective.h"

namespace belle::cuda {

namespace {

int nccl_type(int32_t type) {
  return type == BELLE_F32 ? kNcclFloat32 : type == BELLE_BF16 ? kNcclBfloat16 : kNcclInt8;
}

bool begun(int result) { return result == kNcclSuccess || result == kNcclInProgress; }

}  // namespace

Result<std::unique_ptr<Collective>> Collective::open(Context& cuda, const belle_collective_options& options) {
  NcclLibrary library = find_nccl();
  if (!library.loaded) return Status(StatusCode::not_found, library.sentence);
  std::unique_ptr<Collective> opened(new Collective(cuda, std::move(library), options.world));
  NcclId id;
  static_assert(sizeof id == sizeof options.id);
  std::memcpy(&id, &options.id, sizeof id);
  NcclConfig config;
  const int result =
      opened->library_.functions.init(&opened->comm_, options.world, id, options.rank, &config);
  if (!begun(result)) return opened->error("open", result);
  if (!opened->comm_) return Status(StatusCode::internal, "open: NCCL gave no communicator and no error");
  return opened;
}

Collective::~Collective() {
  if (!comm_) return;
  cudaSetDevice(cuda_.device);
  if (phase_ == Phase::finished) {
    library_.functions.destroy(comm_);
  } else {
    library_.functions.abort(comm_);
  }
}

Status Collective::error(const char* op, int result) const {
  StatusCode code = StatusCode::internal;
  if (result == kNcclSystemError || result == kNcclRemoteError) code = StatusCode::io;
  if (result == kNcclInvalidArgument || result == kNcclInvalidUsage) code = StatusCode::invalid_argument;
  const char* name = library_.functions.error_string(result);
  const char* more = library_.functions.last_error(comm_);
  return {code, std::string(op) + ": NCCL says " + (name ? name : "error " + std::to_string(result)) +
                    (more && *more ? " (" + std::string(more) + ")" : "") + "; NCCL_DEBUG=WARN shows more"};
}

Status Collective::usable(const char* op) const {
  if (phase_ == Phase::open && !launching_) return {};
  if (phase_ == Phase::aborted)
    return {StatusCode::aborted, std::string(op) + ": the communicator was aborted; open a new one"};
  if (phase_ == Phase::finished || phase_ == Phase::finishing)
    return {StatusCode::invalid_argument, std::string(op) + ": the communicator is finished; open a new one"};
  return {StatusCode::busy, std::string(op) + ": the communicator is still starting; poll until it is not"};
}

template <class Call>
Status Collective::start(const char* op, Call call) {
  const std::lock_guard lock(mutex_);
  BELLE_TRY(usable(op));
  if (const int result = call(library_.functions); !begun(result)) return error(op, result);
  launching_ = true;
  return settle();
}

Status Collective::all_reduce(void* out, const void* in, int64_t count, int32_t type) {
  return start("all_reduce", [&](const NcclFunctions& nccl) {
    return nccl.all_reduce(in, out, static_cast<size_t>(count), nccl_type(type), kNcclSum, comm_,
                           cuda_.stream);
  });
}
Status Collective::reduce_scatter(void* out, const void* in, int64_t count, int32_t type) {
  return start("reduce_scatter", [&](const NcclFunctions& nccl) {
    return nccl.reduce_scatter(in, out, static_cast<size_t>(count), nccl_type(type), kNcclSum, comm_,
                               cuda_.stream);
  });
}
Status Collective::all_gather(void* out, const void* in, int64_t count, int32_t type) {
  return start("all_gather", [&](const NcclFunctions& nccl) {
    return nccl.all_gather(in, out, static_cast<size_t>(count), nccl_type(type), comm_, cuda_.stream);
  });
}
Status Collective::broadcast(void* data, int64_t count, int32_t type, int32_t root) {
  return start("broadcast", [&](const NcclFunctions& nccl) {
    return nccl.broadcast(data, data, static_cast<size_t>(count), nccl_type(type), root, comm_, cuda_.stream);
  });
}

// An event behind the collective that has just reached the stream.
Status Collective::mark() {
  Event event;
  if (free_.empty()) {
    cudaEvent_t made = nullptr;
    BELLE_TRY(check_cuda("collective", cudaEventCreateWithFlags(&made, cudaEventDisableTiming)));
    event.reset(made);
  } else {
    event = std::move(free_.back());
    free_.pop_back();
  }
  BELLE_TRY(check_cuda("collective", cudaEventRecord(event.get(), cuda_.stream)));
  running_.push_back(std::move(event));
  return {};
}

// How far NCCL is with what it began.
Status Collective::settle() {
  int state = kNcclSuccess;
  if (const int result = library_.functions.async_error(comm_, &state); result != kNcclSuccess)
    return error("poll", result);
  if (state == kNcclInProgress) return {};
  if (state != kNcclSuccess) return error("collective", state);
  if (phase_ == Phase::opening) phase_ = Phase::open;
  if (phase_ == Phase::finishing) phase_ = Phase::finished;
  if (launching_) {
    BELLE_TRY(mark());
    launching_ = false;
  }
  return {};
}

Status Collective::poll(belle_collective_progress* out) {
  const std::lock_guard lock(mutex_);
  if (phase_ == Phase::aborted) return usable("poll");
  BELLE_TRY(check_cuda("poll", cudaSetDevice(cuda_.device)));
  if (phase_ != Phase::finished) BELLE_TRY(settle());
  while (!running_.empty()) {
    const cudaError_t state = cudaEventQuery(running_.front().get());
    if (state == cudaErrorNotReady) break;
    BELLE_TRY(check_cuda("collective", state));
    free_.push_back(std::move(running_.front()));
    running_.pop_front();
    ++completed_;
  }
  out->starting = launching_ || phase_ == Phase::opening || phase_ == Phase::finishing;
  out->completed = completed_;
  return {};
}

Status Collective::finish() {
  const std::lock_guard lock(mutex_);
  BELLE_TRY(usable("finish"));
  if (!running_.empty())
    return {StatusCode::busy, "finish: " + std::to_string(running_.size()) +
                                  " collectives still run; poll until they are completed"};
  BELLE_TRY(check_cuda("finish", cudaSetDevice(cuda_.device)));
  if (const int result = library_.functions.finalize(comm_); !begun(result)) return error("finish", result);
  phase_ = Phase::finishing;
  return settle();
}

Status Collective::abort() {
  const std::lock_guard lock(mutex_);
  if (phase_ == Phase::aborted) return {};
  BELLE_TRY(check_cuda("abort", cudaSetDevice(cuda_.device)));
  const int result = library_.functions.abort(comm_);
  comm_ = nullptr;  // NCCL has freed it, or nothing more can be done with it
  phase_ = Phase::aborted;
  running_.clear();
  return begun(result) ? Status() : error("abort", result);
}

}  // namespace belle::cuda
