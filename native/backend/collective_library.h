#pragma once
// The collectives that a backend's library exports beside the backend: native/include/belle/collective.h.
#include "native/core/status.h"
#include "native/include/belle/collective.h"

namespace belle::backend {

struct CollectiveLibrary {
  belle_collective_make_id_fn make_id = nullptr;
  belle_collective_open_fn open = nullptr;
  belle_collective_close_fn close = nullptr;
};

// Of the library that opened `backend`; unsupported when it exports none.
Result<CollectiveLibrary> collective_library(const belle_backend& backend);

// unsupported when the ABI version differs or an entry is NULL.
Status check_collective(const belle_collective& collective);

}  // namespace belle::backend
