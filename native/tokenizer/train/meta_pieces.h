#pragma once
// MetaPieces: the pieces that are not learned (unknown, control, user-defined, byte) at their ids
// (sentencepiece src/trainer_interface.cc: InitMetaPieces).
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "native/core/status.h"
#include "native/tokenizer/sentencepiece_model.h"

namespace belle::tokenizer {

class MetaPieces {
 public:
  // unk, bos, eos, pad at their ids, then control_symbols, user_defined_symbols and (byte_fallback)
  // <0x00>..<0xFF>, each at the next free id, all with score 0.
  static Result<MetaPieces> create(const TrainerSpec& spec);
  const std::map<int32_t, Piece>& by_id() const { return by_id_; }
  int32_t size() const { return static_cast<int32_t>(by_id_.size()); }
  std::vector<std::string> texts() const;

 private:
  MetaPieces() = default;
  std::map<int32_t, Piece> by_id_;
};

}  // namespace belle::tokenizer
