#include "native/addon/job.h"

#include <exception>
#include <new>
#include <utility>

#include "native/addon/errors.h"
#include "native/addon/instance.h"

namespace belle::addon {
namespace {

// How far the worker may run ahead of the JS thread: enough that a busy event loop costs no step, small
// enough that memory stays bounded.
constexpr size_t kMaxQueuedEvents = 4096;

}  // namespace

Job::Job(Napi::Env env, Work work, StopFlag stop)
    : deferred_(Napi::Promise::Deferred::New(env)), stop_(std::move(stop)), work_(std::move(work)) {}

Job::~Job() {
  if (thread_.joinable()) thread_.join();
}

Napi::Promise Job::start(Napi::Env env, Work work, StopFlag stop, Napi::Value on_event) {
  auto owner = std::make_unique<Job>(env, std::move(work), std::move(stop));
  Job* job = owner.get();
  if (!on_event.IsEmpty() && on_event.IsFunction()) {
    job->on_event_ = Napi::Persistent(on_event.As<Napi::Function>());
    job->listening_ = true;
  }
  const Napi::Promise promise = job->deferred_.Promise();
  const napi_status status =
      napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, "belle-train job"), 0, 1,
                                      job, &Job::finalize, job, &Job::call_js, &job->function_);
  if (status != napi_ok) throw Napi::Error::New(env);
  static_cast<void>(owner.release());  // finalize() owns it now: it runs after the last call_js()
  auto& jobs = instance(env).jobs;
  try {
    jobs.insert(job);  // before the thread starts: the end of the environment must find it
    job->thread_ = std::thread([job] { job->run(); });
  } catch (const std::exception& error) {
    jobs.erase(job);
    job->work_ = nullptr;  // what it holds (a model) is free at once
    napi_release_threadsafe_function(job->function_, napi_tsfn_abort);
    throw make_error(env,
                     Status(StatusCode::out_of_memory, std::string("The system refused a new thread (") +
                                                           error.what() + "); lower the number of jobs."));
  }
  return promise;
}

void Job::run() {
  Result<Settle> outcome = Status(StatusCode::internal, "the job ended without a result");
  // Made while there is memory.
  Status exhausted(StatusCode::out_of_memory, "Memory ran out; use a smaller batch, model or vocabulary.");
  try {
    outcome = work_(*this);
  } catch (const std::bad_alloc&) {
    outcome = std::move(exhausted);
  } catch (const std::exception& error) {
    outcome = Status(StatusCode::internal, std::string("unexpected native error: ") + error.what());
  } catch (...) {
    outcome = Status(StatusCode::internal, "unexpected native error of unknown type");
  }
  work_ = nullptr;
  const std::lock_guard lock(mutex_);
  outcome_ = std::move(outcome);
  finished_ = true;
  wake();
}

void Job::emit(Event event) {
  if (!listening_) return;
  std::unique_lock lock(mutex_);
  drained_.wait(lock, [this] { return closing_ || events_.size() < kMaxQueuedEvents; });
  if (closing_) return;
  events_.push_back(std::move(event));
  wake();
}

// mutex_ is held. One wake-up serves everything that is queued when it arrives.
void Job::wake() {
  if (waking_ || closing_) return;
  waking_ = true;
  // The queue of the function is unbounded, so this neither blocks nor drops; any failure means it is
  // closing.
  if (napi_call_threadsafe_function(function_, nullptr, napi_tsfn_nonblocking) != napi_ok) closing_ = true;
}

void Job::call_js(napi_env env, napi_value, void* context, void*) {
  if (env != nullptr) static_cast<Job*>(context)->drain(env);
}

void Job::finalize(napi_env, void* data, void*) { const std::unique_ptr<Job> job(static_cast<Job*>(data)); }

void Job::drain(Napi::Env env) {
  std::deque<Event> batch;
  bool finished;
  {
    const std::lock_guard lock(mutex_);
    if (closing_) return;
    waking_ = false;
    batch.swap(events_);
    finished = finished_;
  }
  drained_.notify_all();
  for (const Event& event : batch) deliver(env, event);
  if (finished) settle(env);
}

void Job::deliver(Napi::Env env, const Event& event) {
  if (threw_) return;
  try {
    const Napi::HandleScope scope(env);
    const std::vector<napi_value> arguments = event(env);
    // napi_call_function itself: Napi::Function::Call aborts the process when the callback throws null.
    napi_value result = nullptr;
    if (napi_call_function(env, env.Undefined(), on_event_.Value(), arguments.size(), arguments.data(),
                           &result) == napi_ok) {
      return;
    }
    threw_ = true;
    stop_->store(true);
    napi_value thrown = nullptr;
    if (napi_get_and_clear_last_exception(env, &thrown) != napi_ok) return;
    Napi::Object holder = Napi::Object::New(env);
    holder.Set("value", thrown);
    thrown_ = Napi::Persistent(holder);
  } catch (...) {  // the environment is being torn down; its cleanup hook ends the job
    threw_ = true;
    stop_->store(true);
  }
}

void Job::settle(Napi::Env env) {
  thread_.join();
  instance(env).jobs.erase(this);
  try {
    const Napi::HandleScope scope(env);
    if (!thrown_.IsEmpty()) {
      deferred_.Reject(thrown_.Get("value"));
    } else if (!outcome_.ok()) {
      deferred_.Reject(make_error(env, outcome_.status()).Value());
    } else {
      resolve(env);
    }
  } catch (...) {  // only an environment that is ending refuses to settle; nobody is left to hear it
  }
  // The job itself lives until the function is finalized, a tick later; what it holds (a model) need not.
  outcome_ = Status(StatusCode::internal, "the promise has settled");
  napi_release_threadsafe_function(function_, napi_tsfn_release);
}

void Job::resolve(Napi::Env env) {
  Napi::Value value;
  try {
    value = outcome_.value()(env);
  } catch (const Napi::Error& error) {
    deferred_.Reject(error.Value());
    return;
  } catch (const std::bad_alloc&) {
    deferred_.Reject(
        make_error(env, Status(StatusCode::out_of_memory, "The result does not fit in memory.")).Value());
    return;
  }
  deferred_.Resolve(value);
}

Job::Settle Job::nothing() {
  return [](Napi::Env env) { return env.Undefined(); };
}

void Job::end_all(void* data) {
  auto& jobs = static_cast<Instance*>(data)->jobs;
  for (Job* job : jobs) {
    job->stop_->store(true);
    {
      const std::lock_guard lock(job->mutex_);
      job->closing_ = true;
    }
    job->drained_.notify_all();
  }
  for (Job* job : jobs) job->thread_.join();
  jobs.clear();
}

}  // namespace belle::addon
