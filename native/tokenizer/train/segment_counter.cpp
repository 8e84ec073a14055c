#include "native/tokenizer/train/segment_counter.h"

#include <cstring>

#include "native/core/utf8.h"

namespace belle::tokenizer {
namespace {

constexpr size_t kPendingBytes = 1 << 13;

}  // namespace

SegmentCounter::SegmentCounter(const PieceRules& rules, int threads) : rules_(rules), shards_(kShards) {
  for (int i = 0; i < threads; ++i) threads_.push_back(std::make_unique<Thread>());
}

void SegmentCounter::add(std::string_view text, uint64_t frequency, int number) {
  Thread& thread = *threads_[static_cast<size_t>(number)];
  size_t begin = 0, characters = 0, in_segment = 0;
  PieceRules::Traits before;
  const auto close = [&](size_t end) {
    if (in_segment > 1) {
      const std::string_view segment = text.substr(begin, end - begin);
      const Header header{TextCounter::hash(segment), frequency, segment.size()};
      const size_t shard = header.hash >> 58;
      std::string& pending = thread.pending[shard];
      pending.append(reinterpret_cast<const char*>(&header), sizeof header);
      pending.append(segment);
      if (pending.size() >= kPendingBytes) hand_over(&pending, shard);
    }
    begin = end;
    in_segment = 0;
  };
  for (size_t at = 0; at < text.size(); ++characters) {
    const Utf8Char c = decode_utf8(text.substr(at));
    const uint32_t index = thread.characters.index(static_cast<char32_t>(c.code_point));
    if (index == thread.traits.size())
      thread.traits.push_back(rules_.traits(static_cast<char32_t>(c.code_point)));
    thread.characters.count(index) += frequency;
    const PieceRules::Traits traits = thread.traits[index];
    if (in_segment > 0 && rules_.separates(before, traits)) close(at);
    ++in_segment;
    before = traits;
    at += c.length;
  }
  close(text.size());
  thread.characters.add_total(characters, frequency);
  thread.sentences += characters > 0;
}

void SegmentCounter::hand_over(std::string* pending, size_t index) {
  Shard& shard = shards_[index];
  const std::lock_guard lock(shard.mutex);
  for (size_t at = 0; at < pending->size();) {
    Header header;
    std::memcpy(&header, pending->data() + at, sizeof header);
    at += sizeof header;
    shard.segments.add_hashed(std::string_view(*pending).substr(at, header.size), header.hash,
                              header.frequency);
    at += header.size;
  }
  pending->clear();
}

void SegmentCounter::settle() {
  for (const auto& thread : threads_)
    for (size_t shard = 0; shard < kShards; ++shard) hand_over(&thread->pending[shard], shard);
}

uint64_t SegmentCounter::bytes() const {
  uint64_t sum = 0;
  for (const Shard& shard : shards_) sum += shard.segments.bytes();
  return sum;
}

uint64_t SegmentCounter::sentences() const {
  uint64_t sum = 0;
  for (const auto& thread : threads_) sum += thread->sentences;
  return sum;
}

CharacterCounts SegmentCounter::characters() const {
  CharacterCounts counts;
  for (const auto& thread : threads_) thread->characters.add_to(&counts);
  return counts;
}

void SegmentCounter::clear() {
  for (Shard& shard : shards_) shard.segments = TextCounter();
  for (auto& thread : threads_) thread = std::make_unique<Thread>();
}

}  // namespace belle::tokenizer
