#pragma once
// Stop: the flag behind NativeStop, shared between JS and the worker threads that poll it.
#include <napi.h>

#include <atomic>
#include <memory>

namespace belle::addon {

using StopFlag = std::shared_ptr<std::atomic<bool>>;

inline StopFlag make_stop() { return std::make_shared<std::atomic<bool>>(false); }

// The flag of a NativeStop argument; throws when the value is something else.
StopFlag stop_argument(const Napi::CallbackInfo& info, size_t index, const char* name);

}  // namespace belle::addon
