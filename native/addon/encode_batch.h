#pragma once
// encodeBatch: many texts in one call, on all cores when it pays. The result does not depend on the number of
// threads.
#include <string>
#include <vector>

#include "native/core/status.h"
#include "native/tokenizer/tokenizer.h"

namespace belle::addon {

struct EncodedBatch {
  std::vector<int32_t> ids;       // of all texts, back to back
  std::vector<uint32_t> offsets;  // texts + 1
};

// The error names the text: "texts[3]: ...".
Result<EncodedBatch> encode_batch(const tokenizer::Tokenizer& tokenizer,
                                  const std::vector<std::string>& texts);

}  // namespace belle::addon
