#include "native/addon/errors.h"

namespace belle::addon {

const char* error_code(StatusCode code) {
  switch (code) {
    case StatusCode::ok:
    case StatusCode::internal:
      return "ERR_BELLE_INTERNAL";
    case StatusCode::invalid_argument:
      return "ERR_BELLE_INVALID_ARGUMENT";
    case StatusCode::invalid_data:
      return "ERR_BELLE_INVALID_DATA";
    case StatusCode::not_found:
      return "ERR_BELLE_NOT_FOUND";
    case StatusCode::io:
      return "ERR_BELLE_IO";
    case StatusCode::out_of_memory:
      return "ERR_BELLE_OUT_OF_MEMORY";
    case StatusCode::unsupported:
      return "ERR_BELLE_UNSUPPORTED";
    case StatusCode::aborted:
      return "ERR_BELLE_ABORTED";
    case StatusCode::disk_full:
      return "ERR_BELLE_DISK_FULL";
    case StatusCode::busy:
      return "ERR_BELLE_BUSY";
    case StatusCode::numeric:
      return "ERR_BELLE_NUMERIC";
  }
  return "ERR_BELLE_INTERNAL";
}

Napi::Error make_error(Napi::Env env, const char* code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  return error;
}

Napi::Error make_error(Napi::Env env, const Status& status) {
  return make_error(env, error_code(status.code()), status.message());
}

void throw_argument(Napi::Env env, const std::string& message) {
  throw make_error(env, error_code(StatusCode::invalid_argument), message);
}

}  // namespace belle::addon
