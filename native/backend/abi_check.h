#pragma once
// Is a backend from elsewhere whole?
#include "native/core/status.h"
#include "native/include/belle/backend.h"

namespace belle::backend {

// unsupported when it is not this build's.
Status check_abi_version(uint32_t version);

// unsupported when the ABI version differs or an entry is NULL; the message names them.
Status check_abi(const belle_backend& backend);

}  // namespace belle::backend
