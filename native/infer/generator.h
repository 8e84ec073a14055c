#pragma once
// Batched generation with a KV cache.
#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "native/core/status.h"
#include "native/model/model.h"

namespace belle::infer {

struct GenerateRequest {
  int64_t max_new_tokens = 64;
  double temperature = 0;  // 0 = greedy
  int64_t top_k = 0;       // 0 = off
  double top_p = 1.0;
  double repetition_penalty = 1.0;  // over prompt and new tokens, as transformers
  uint64_t seed = 0;
  std::vector<int32_t> stop = {};  // token ids; the stop token is not returned
  int64_t vocabulary = 0;          // sample only ids below this; 0 = all rows
};

// Called on the generating thread after each token of a prompt.
using TokenCallback = std::function<void(size_t prompt, int32_t token)>;

// The new tokens of each prompt; a sequence that fills max_position_embeddings ends there. A sequence's
// tokens do not depend on what else is in the batch. aborted when *stop becomes true.
Result<std::vector<std::vector<int32_t>>> generate(model::Model& model,
                                                   std::span<const std::vector<int32_t>> prompts,
                                                   const GenerateRequest& request,
                                                   const std::atomic<bool>& stop,
                                                   const TokenCallback& on_token);

}  // namespace belle::infer
