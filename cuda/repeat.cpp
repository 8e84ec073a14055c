// repeat_begin and repeat_end: ops run, recorded or replayed, as graph/recordings.h has it.
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "cuda/entries.h"

namespace belle::cuda {

namespace {

// Recordings hold the addresses of scratch memory.
void forget_moved(Context& cuda) {
  const uint64_t moves = cuda.scratch.moves() + cuda.loss_scratch.moves();
  if (moves != cuda.repeats.scratch_moves) cuda.repeats.recordings.clear();
  cuda.repeats.scratch_moves = moves;
}

belle_status repeat_begin(void* context, const void* key, size_t key_bytes, int32_t* done) {
  return run_op(context, [&](Context& cuda) -> Status {
    BELLE_TRY(abi::check_repeat_begin(key, key_bytes, done));
    *done = 0;
    Repeats& repeats = cuda.repeats;
    if (!repeats.enabled) return {};
    if (repeats.open) return not_recorded("repeat_begin");
    forget_moved(cuda);
    const std::string_view name(static_cast<const char*>(key), key_bytes);
    switch (repeats.recordings.next(name)) {
      case Visit::run:
        return {};
      case Visit::replay:
        if (cudaGraphLaunch(repeats.recordings.graph(name).get(), cuda.stream) == cudaSuccess) {
          *done = 1;
          return {};
        }
        break;
      case Visit::record:
        repeats.open.emplace(name);
        cuda.mutex.lock();  // no other thread's ops come in between
        if (cudaStreamBeginCapture(cuda.stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess) return {};
        cuda.mutex.unlock();
        repeats.open.reset();
        break;
    }
    cudaGetLastError();
    repeats.recordings.refuse(name);
    return {};
  });
}

// What was begun is ended whatever else is wrong: the mutex is free and the stream does its work again.
belle_status repeat_end(void* context, int32_t failed, int32_t* again) {
  Context& cuda = *static_cast<Context*>(context);
  const std::lock_guard lock(cuda.mutex);
  Repeats& repeats = cuda.repeats;
  if (again) *again = 0;
  if (repeats.open) {
    const std::unique_lock begun(cuda.mutex, std::adopt_lock);
    const std::string key = *std::exchange(repeats.open, std::nullopt);
    Graph graph = finish_capture(cuda.stream);
    if (graph && !failed && again && cudaGraphLaunch(graph.get(), cuda.stream) == cudaSuccess) {
      repeats.recordings.keep(key, std::move(graph));
    } else {
      cudaGetLastError();
      repeats.recordings.refuse(key);
      if (again) *again = 1;
    }
  }
  return abi::to_c(abi::check_repeat_end(again));
}

}  // namespace

void set_repeat_entries(belle_backend& b) {
  b.repeat_begin = repeat_begin;
  b.repeat_end = repeat_end;
}

}  // namespace belle::cuda
