#pragma once
// JsonVocabulary: the pieces of a tokenizer.json by text and by id. Ids may have holes.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "native/core/random_seed.h"
#include "native/core/status.h"

namespace belle::tokenizer {

class JsonVocabulary {
 public:
  static constexpr int64_t kMaxId = 1'000'000;
  static constexpr size_t kMaxBytes = 1u << 30;  // of all pieces together

  // invalid_data, a sentence without place, when the id is out of range or taken, or the text is there
  // already.
  Status add(std::string_view text, int64_t id);
  int32_t find(std::string_view text) const;  // -1 when absent
  bool has(int32_t id) const {
    return id >= 0 && id < size() && pieces_[static_cast<size_t>(id)].length != kAbsent;
  }
  std::string_view text(int32_t id) const {  // id must be there
    const Entry& entry = pieces_[static_cast<size_t>(id)];
    return {bytes_.data() + entry.begin, entry.length};
  }
  int32_t size() const { return static_cast<int32_t>(pieces_.size()); }  // greatest id + 1
  size_t count() const { return count_; }

 private:
  static constexpr uint32_t kAbsent = ~0u;
  struct Entry {
    uint32_t begin = 0;
    uint32_t length = kAbsent;
  };
  struct Slot {
    int32_t id = -1;   // -1: free
    uint32_t tag = 0;  // upper half of the hash: another piece is seldom looked at
  };
  // The slot that holds `text` or is free for it.
  size_t slot(std::string_view text, uint64_t hashed) const;
  uint64_t hash(std::string_view text) const;
  void rehash(size_t slots);

  std::string bytes_;
  std::vector<Entry> pieces_;
  std::vector<Slot> slots_;  // open addressing, at most half full
  uint64_t seed_ = random_seed();
  size_t count_ = 0;
};

}  // namespace belle::tokenizer
