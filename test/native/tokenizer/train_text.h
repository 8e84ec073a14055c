#pragma once
// Corpora for training tests.
#include <cstdint>
#include <fstream>
#include <string>

#include "native/core/philox.h"
#include "native/core/utf8.h"
#include "test/native/check.h"

namespace belle::tokenizer {

inline std::string write_file(const std::string& name, const std::string& text) {
  const std::string path = test::temporary_folder() + "/" + name;
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

// Lines of words with repeats, Han and Latin, always the same for a seed; `letters` of each script.
inline std::string random_text(uint64_t seed, size_t lines, uint64_t letters = 26) {
  const Philox random(seed, RngStream::test);
  uint64_t index = 0;
  const auto below = [&](uint64_t n) {
    return static_cast<uint64_t>(random.uniform(index++) * static_cast<double>(n));
  };
  std::string text;
  for (size_t line = 0; line < lines; ++line) {
    for (uint64_t word = 0, words = 1 + below(12); word < words; ++word) {
      const bool han = below(2) == 0;
      for (uint64_t i = 0, size = 1 + below(7); i < size; ++i) {
        const uint64_t pick =
            letters > 30 ? below(letters) * below(letters) / letters : below(30) * below(30) / 30;
        append_utf8(static_cast<uint32_t>((han ? 0x4E00 : 'a') + pick % (han ? letters : 26)), &text);
      }
      if (below(3) == 0) text += below(2) == 0 ? " " : "，";
    }
    text += '\n';
  }
  return text;
}

}  // namespace belle::tokenizer
