#pragma once
// LoraConfig: which linear layers get low-rank adapters (Hu et al., "LoRA", ICLR 2022), and its spelling in
// PEFT's adapter_config.json.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "native/core/json.h"
#include "native/core/status.h"

namespace belle::model {

inline constexpr int64_t kMaxLoraRank = 1 << 16;

// A module is named by the end of its name, as in PEFT: "q_proj", "self_attn.q_proj",
// "model.layers.0.self_attn.q_proj".
struct LoraConfig {
  int64_t r = 8;                                  // rank
  double alpha = 16;                              // the adapter's output is scaled by alpha / r
  std::vector<std::string> target_modules;        // linear layers of the blocks, or just "all-linear"
  std::vector<std::string> modules_to_save = {};  // the embeddings, all of them: trained whole beside it
  uint64_t seed = 0;                              // of A; B starts at 0
  // Ranks and alphas of single modules; the first name that fits wins.
  std::vector<std::pair<std::string, int64_t>> rank_pattern = {};
  std::vector<std::pair<std::string, double>> alpha_pattern = {};

  int64_t rank_of(const std::string& module) const;
  double scale_of(const std::string& module) const;  // alpha / rank
  bool operator==(const LoraConfig&) const = default;
};

inline constexpr const char* kAllLinear = "all-linear";

// True where `name` names the module.
bool names_module(const std::string& name, const std::string& module);

// invalid_argument, naming the key: a rank below 1, an alpha that is not positive, no target.
Status check_lora_config(const LoraConfig& config);

// Of an adapter_config.json. `unsupported` names the first key that asks for what is computed otherwise here
// (use_dora, use_rslora, lora_bias, layer selections, ...); invalid_data a value that is no adapter's.
Result<LoraConfig> parse_lora_config(const Json& json);

// The keys that PEFT writes, in its order. tied: input and output embeddings are one matrix.
Json write_lora_config(const LoraConfig& config, const std::string& base_model, bool tied);

}  // namespace belle::model
