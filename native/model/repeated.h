#pragma once
// repeated: ops that come again, at once where a backend has recorded them (backend.h, repeat_begin).
#include <cstdint>
#include <span>

#include "native/backend/registry.h"
#include "native/core/status.h"

namespace belle::model {

// body() calls the ops: a Status. It may be called a second time, and need not be called at all. The key
// holds whatever their arguments follow from, addresses included.
template <class Body>
Status repeated(const belle_backend& b, std::span<const uint64_t> key, Body body) {
  int32_t done = 0;
  BELLE_TRY(backend::from_c(b.repeat_begin(b.context, key.data(), key.size_bytes(), &done)));
  if (done) return {};
  const Status ran = body();
  int32_t again = 0;
  const Status ended = backend::from_c(b.repeat_end(b.context, ran.ok() ? 0 : 1, &again));
  if (again) return body();
  return ran.ok() ? ended : ran;
}

}  // namespace belle::model
