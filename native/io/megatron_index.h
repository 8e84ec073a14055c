#pragma once
// The constants of Megatron-LM's .idx (core/datasets/indexed_dataset.py): 9-byte magic, u64 version, u8 dtype
// code, u64 sequences, u64 document boundaries, then int32 lengths, int64 byte pointers, int64 document
// boundaries.
#include <cstdint>
#include <string>
#include <string_view>

namespace belle::io {

inline constexpr std::string_view kIndexMagic("MMIDIDX\0\0", 9);
inline constexpr uint64_t kIndexVersion = 1;
inline constexpr uint8_t kIndexInt32 = 4, kIndexUint16 = 8;
inline constexpr uint64_t kIndexHeader = 34;

// shard-00000 and so on; without the suffix.
inline std::string shard_stem(size_t number) {
  const std::string digits = std::to_string(number);
  return "shard-" + std::string(digits.size() < 5 ? 5 - digits.size() : 0, '0') + digits;
}

}  // namespace belle::io
