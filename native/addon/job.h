#pragma once
// Job: one piece of work on a thread of its own, with a promise, and events on the way.
//
// Why not AsyncWorker: process.exit() and worker.terminate() would wait for the whole job, and four long jobs
// would starve the file system calls of Node. Here the environment's cleanup hook sets the stop flag and
// joins.
//
// Order: every event is delivered, in the order of emit(), before the promise settles. The queue is bounded:
// emit() waits for the JS thread when it is far behind, but never while the environment is closing.
#include <napi.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "native/addon/stop.h"
#include "native/core/status.h"

namespace belle::addon {

class Job {
 public:
  // Makes the value the promise resolves to, on the JS thread.
  using Settle = std::function<Napi::Value(Napi::Env)>;
  // Makes the arguments of one call of the event callback, on the JS thread.
  using Event = std::function<std::vector<napi_value>(Napi::Env)>;
  // Runs on the worker thread; a failed Result rejects. What it captures is destroyed on the worker thread,
  // before the promise settles: whoever awaits it finds the objects free again.
  using Work = std::function<Result<Settle>(Job&)>;

  // on_event: the JS callback or undefined. stop: polled by the work, set when the environment ends; also set
  // when the callback throws: the promise then rejects with what was thrown.
  static Napi::Promise start(Napi::Env env, Work work, StopFlag stop = make_stop(),
                             Napi::Value on_event = Napi::Value());
  Job(Napi::Env env, Work work, StopFlag stop);  // use start()
  ~Job();

  const std::atomic<bool>& stop() const { return *stop_; }
  bool has_listener() const { return listening_; }
  // Worker thread. Does nothing without a listener or when the environment is closing.
  void emit(Event event);

  // For work without a result: the promise resolves to undefined.
  static Settle nothing();

  // Cleanup hook of the environment: stops and joins every job of the instance. No JS runs in here.
  static void end_all(void* instance);

 private:
  void run();
  void wake();
  void drain(Napi::Env env);
  void deliver(Napi::Env env, const Event& event);
  void settle(Napi::Env env);
  void resolve(Napi::Env env);
  static void call_js(napi_env env, napi_value callback, void* context, void* data);
  static void finalize(napi_env env, void* data, void* hint);

  Napi::Promise::Deferred deferred_;
  Napi::FunctionReference on_event_;
  Napi::ObjectReference thrown_;  // { value }: what the callback threw; the first one wins
  bool listening_ = false;
  bool threw_ = false;
  napi_threadsafe_function function_ = nullptr;
  StopFlag stop_;
  Work work_;
  std::thread thread_;

  std::mutex mutex_;
  std::condition_variable drained_;
  std::deque<Event> events_;  // guarded by mutex_, as are the next four
  bool waking_ = false;       // a wake-up is on its way
  bool closing_ = false;      // the environment ends: function_ must not be touched any more
  bool finished_ = false;
  Result<Settle> outcome_ = Status(StatusCode::internal, "the job did not run");
};

}  // namespace belle::addon
