#pragma once
// Status across the C boundary.
#include <algorithm>
#include <cstring>
#include <string_view>

#include "native/core/status.h"
#include "native/include/belle/backend.h"

namespace belle::abi {

inline Status from_c(const belle_status& status) {
  return status.code == 0 ? Status() : Status(static_cast<StatusCode>(status.code), status.message);
}

// A message too long is cut at a character's border. Allocates nothing.
inline belle_status to_c(StatusCode code, std::string_view text) {
  belle_status out = {};
  out.code = static_cast<int32_t>(code);
  size_t length = std::min(text.size(), sizeof(out.message) - 1);
  while (length < text.size() && length > 0 && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80)
    --length;
  std::memcpy(out.message, text.data(), length);
  return out;
}
inline belle_status to_c(const Status& status) { return to_c(status.code(), status.message()); }

}  // namespace belle::abi
