#pragma once
// Is a file one that the loader can map? A file cut off inside a segment ends dlopen's process by SIGBUS.
#include <string>

#include "native/core/status.h"

namespace belle::backend {

// Reads the ELF header and tables. The message has no path: it stands where dlerror's text would.
Status check_shared_object(const std::string& path);

}  // namespace belle::backend
