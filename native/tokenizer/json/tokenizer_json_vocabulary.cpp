#include "native/tokenizer/json/tokenizer_json_vocabulary.h"

#include <algorithm>
#include <cstring>

#include "native/core/utf8.h"

namespace belle::tokenizer {

uint64_t JsonVocabulary::hash(std::string_view text) const {
  uint64_t state = seed_ ^ text.size();
  size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, text.data() + at, 8);
    state = mixed(word, state);
  }
  uint64_t word = 0;
  if (at < text.size()) std::memcpy(&word, text.data() + at, text.size() - at);
  return mixed(mixed(word, state), seed_);
}

size_t JsonVocabulary::slot(std::string_view text, uint64_t hashed) const {
  const auto tag = static_cast<uint32_t>(hashed >> 32);
  size_t at = hashed & (slots_.size() - 1);
  while (slots_[at].id >= 0 && (slots_[at].tag != tag || this->text(slots_[at].id) != text))
    at = (at + 1) & (slots_.size() - 1);
  return at;
}

void JsonVocabulary::rehash(size_t slots) {
  slots_.assign(slots, Slot{});
  for (int32_t id = 0; id < size(); ++id) {
    if (!has(id)) continue;
    const uint64_t hashed = hash(text(id));
    size_t at = hashed & (slots - 1);
    while (slots_[at].id >= 0) at = (at + 1) & (slots - 1);
    slots_[at] = {id, static_cast<uint32_t>(hashed >> 32)};
  }
}

Status JsonVocabulary::add(std::string_view text, int64_t id) {
  const auto quoted = [](std::string_view piece) { return "\"" + printable(piece.substr(0, 100)) + "\""; };
  const auto refuse = [&](const std::string& what) { return Status(StatusCode::invalid_data, what); };
  if (id < 0 || id > kMaxId)
    return refuse("the id " + std::to_string(id) + " of " + quoted(text) + " is outside 0.." +
                  std::to_string(kMaxId));
  if (bytes_.size() + text.size() > kMaxBytes) return refuse("the pieces are over 1 GiB in all");
  if (has(static_cast<int32_t>(id))) {
    return refuse("the id " + std::to_string(id) + " stands for both " +
                  quoted(this->text(static_cast<int32_t>(id))) + " and " + quoted(text));
  }
  if (2 * (count_ + 1) > slots_.size()) rehash(std::max<size_t>(1024, 2 * slots_.size()));
  const uint64_t hashed = hash(text);
  const size_t at = slot(text, hashed);
  if (slots_[at].id >= 0) return refuse("the piece " + quoted(text) + " is there twice");
  const auto index = static_cast<size_t>(id);
  if (index >= pieces_.size()) pieces_.resize(index + 1);
  pieces_[index] = {static_cast<uint32_t>(bytes_.size()), static_cast<uint32_t>(text.size())};
  bytes_ += text;
  slots_[at] = {static_cast<int32_t>(id), static_cast<uint32_t>(hashed >> 32)};
  ++count_;
  return {};
}

int32_t JsonVocabulary::find(std::string_view text) const {
  return slots_.empty() ? -1 : slots_[slot(text, hash(text))].id;
}

}  // namespace belle::tokenizer
