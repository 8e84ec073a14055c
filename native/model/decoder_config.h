#pragma once
// DecoderConfig: the one decoder's shape, read from a Hugging Face config.json of LLaMA, LLaMA-2, Yi or
// BLOOM(Z).
#include <cstdint>
#include <string>
#include <vector>

#include "native/core/json.h"
#include "native/core/status.h"

namespace belle::model {

enum class Family { llama, bloom };  // decides weight names and config spelling only

// The most rows a vocabulary may have; no published one comes near.
inline constexpr int64_t kMaxVocabulary = 1 << 24;

struct DecoderConfig {
  Family family = Family::llama;
  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t num_hidden_layers = 0;
  int64_t num_attention_heads = 0;
  int64_t num_key_value_heads = 0;
  int64_t head_dim = 0;
  int64_t max_position_embeddings = 0;  // 0: unlimited (ALiBi)
  float norm_eps = 1e-6f;
  float rope_theta = 10000.0f;  // unused with ALiBi
  float initializer_range = 0.02f;
  bool tie_word_embeddings = false;
  int64_t bos_token_id = -1, pad_token_id = -1;
  std::vector<int64_t> eos_token_ids;

  bool layer_norm() const { return family == Family::bloom; }  // else RMSNorm
  bool alibi() const { return family == Family::bloom; }       // else RoPE
  bool gelu() const { return family == Family::bloom; }        // else SwiGLU
  bool biases() const { return family == Family::bloom; }
  bool fused_qkv() const { return family == Family::bloom; }  // rows [head][q|k|v][head_dim]
  bool embedding_norm() const { return family == Family::bloom; }
};

// Accepts both spellings of each key (rope_theta / rope_parameters, n_head / num_attention_heads, n_embed /
// hidden_size, torch_dtype / dtype, ...). Anything the decoder would compute differently (rope scaling, other
// activations, apply_residual_connection_post_layernorm) is an `unsupported` error that names the key.
Result<DecoderConfig> parse_decoder_config(const Json& config);

// What parse_decoder_config checks of sizes, for configs that were built in code: invalid_data naming the
// key.
Status check_decoder_config(const DecoderConfig& config);

// A config.json that transformers loads; starts from `original` (may be null) so that keys we do not use
// survive.
Json write_decoder_config(const DecoderConfig& config, const Json& original, std::string_view dtype);

}  // namespace belle::model
