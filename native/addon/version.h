#pragma once

namespace belle::addon {

inline constexpr const char* kVersion = "0.1.0";  // of package.json; a test compares them

}  // namespace belle::addon
