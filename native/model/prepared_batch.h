#pragma once
// PreparedBatch: a checked PackedBatch with what the decoder needs besides the ids.
#include <cstdint>
#include <vector>

#include "native/core/status.h"
#include "native/model/model.h"

namespace belle::model {

// T = tokens.
struct PreparedBatch {
  std::vector<int32_t> positions;  // [T] from 0 in each document
  std::vector<int32_t> targets;    // [T] the next token's label inside the document, -1 = none
  int64_t supervised_tokens = 0;   // targets >= 0
};

// invalid_argument names the position and the value of the first bad id, boundary or label.
Status check_batch(const PackedBatch& batch, const DecoderConfig& config);

// The batch, checked, into `out`, whose memory is used again. Without labels `out->targets` is empty.
Status prepare_batch(const PackedBatch& batch, const DecoderConfig& config, PreparedBatch* out);

}  // namespace belle::model
