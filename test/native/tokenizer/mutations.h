#pragma once
// Small files with everything in them, and edits that break them.
#include <algorithm>
#include <cstring>
#include <string>

#include "native/core/philox.h"
#include "test/native/tokenizer/small_model.h"

namespace belle::tokenizer {

// A model with every kind of piece and a charsmap "A" -> "x". An unused piece is left to the heap encoder.
inline std::string seed_model(bool unused) {
  SentencePieceModel model = small_model(
      {piece_of("a", -1), piece_of("b", -2), piece_of("ab", -3), piece_of("x", -4),
       piece_of("abx", -5, unused ? PieceType::unused : PieceType::normal), piece_of("\xE4\xBD\xA0", -6),
       piece_of("\xE2\x96\x81", -7), piece_of("<t>", 0, PieceType::user_defined)});
  std::vector<uint32_t> units(256);
  units[0] = 1u << 10;
  units[0x40] = 0x41u | 1u << 8 | (0x40u ^ 0xC0u) << 10;
  units[0xC0] = 1u << 31;
  const uint32_t size = 1024;
  std::string& blob = model.normalizer_spec.precompiled_charsmap;
  blob.append(reinterpret_cast<const char*>(&size), 4);
  blob.append(reinterpret_cast<const char*>(units.data()), 1024);
  blob.append("x\0yz\0", 5);
  model.normalizer_spec.add_dummy_prefix = true;
  model.trainer_spec.control_symbols = {"<s>"};
  return serialize_model(model);
}

// Edit number `index` of the sequence.
inline void mutate(std::string* bytes, const Philox& random, uint64_t index) {
  uint32_t draw = 0;
  const auto below = [&](uint64_t limit) {
    return static_cast<size_t>(random.block(index, draw++)[0] % limit);
  };
  for (size_t edits = 1 + below(3); edits-- > 0 && !bytes->empty();) {
    // The charsmap is most of the file: every other edit aims at what stands before it.
    const size_t at = below(below(2) ? bytes->size() : std::min<size_t>(bytes->size(), 160));
    switch (below(12)) {
      case 1:
        (*bytes)[at] = static_cast<char>(below(256));
        break;
      case 2:
        bytes->erase(at, 1 + below(8));
        break;
      case 3:
        bytes->insert(at, 1 + below(8), static_cast<char>(below(256)));
        break;
      case 4:
        bytes->resize(at);
        break;
      case 5:
        bytes->insert(below(bytes->size() + 1), bytes->substr(at, 1 + below(64)));
        break;
      default:  // most often a bit flip, which leaves the lengths right
        (*bytes)[at] ^= static_cast<char>(1u << below(8));
        break;
    }
  }
}

}  // namespace belle::tokenizer
