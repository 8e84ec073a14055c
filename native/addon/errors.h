#pragma once
// Status to JS errors: an Error with `code` ERR_BELLE_<NAME>; ts/native/errors.ts makes a BelleError of it.
#include <napi.h>

#include <string>

#include "native/core/status.h"

namespace belle::addon {

// ERR_BELLE_INVALID_DATA for invalid_data, and so on.
const char* error_code(StatusCode code);

Napi::Error make_error(Napi::Env env, const char* code, const std::string& message);
Napi::Error make_error(Napi::Env env, const Status& status);

// A wrong argument: ERR_BELLE_INVALID_ARGUMENT.
[[noreturn]] void throw_argument(Napi::Env env, const std::string& message);

inline void check(Napi::Env env, const Status& status) {
  if (!status.ok()) throw make_error(env, status);
}

template <class T>
T take(Napi::Env env, Result<T> result) {
  check(env, result.status());
  return result.take();
}

}  // namespace belle::addon
