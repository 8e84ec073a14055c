#pragma once
// WeightMap: where each Hugging Face weight lives in the flat parameter buffer: everything else first, then
// the embeddings, then LoRA adapters, so that what is trained together lies together.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "native/core/status.h"
#include "native/io/safetensors.h"
#include "native/model/decoder_config.h"
#include "native/model/lora_config.h"
#include "native/model/model.h"

namespace belle::model {

// Offsets, in elements, of one block's weights. A matrix is [out, in] as torch.nn.Linear keeps it; -1: not in
// this family.
struct LayerOffsets {
  int64_t attention_norm = -1, attention_norm_bias = -1;  // [d]
  int64_t qkv = -1;       // LLaMA: q [H*hd, d], k [KV*hd, d], v [KV*hd, d] back to back; BLOOM: [H*3*hd, d]
  int64_t qkv_bias = -1;  // [3*d]
  int64_t attention_out = -1, attention_out_bias = -1;  // [d, H*hd], [d]
  int64_t mlp_norm = -1, mlp_norm_bias = -1;            // [d]
  // [E, d]: LLaMA: gate [ff, d] and up [ff, d] back to back; BLOOM: dense_h_to_4h [ff, d], bias [ff]
  int64_t expand = -1, expand_bias = -1;
  int64_t down = -1, down_bias = -1;  // [d, ff], [d]
};

// The adapter of one linear layer: y[:, column, column + out) += scale * (x A^T) B^T. A's rows are `row` to
// row
// + r of its group's.
struct LoraSite {
  int64_t weight;  // offset of the layer's own matrix [out, in]
  int64_t b;       // offset of B [out, r]
  int64_t r, row, column, out;
  float scale;  // alpha / r
};

// The adapters of linear layers that are one matrix in memory and read the same x. Their A's lie back to
// back, so that one product makes all of x A^T.
struct LoraGroup {
  int64_t a = -1;    // offset of [rank, in]
  int64_t rank = 0;  // of all sites together; 0: no adapters
  int64_t in = 0;
  int64_t width = 0;  // of a row of y
  std::vector<LoraSite> sites;
};

struct LoraLayer {
  LoraGroup qkv, attention_out, expand, down;
};

// Elements: parameters start at multiples of it, one 64-byte line, so that kernels start aligned. The gaps
// stay zero.
inline constexpr int64_t kParameterAlignment = 16;

struct WeightMap {
  std::vector<Parameter> parameters;  // in the order of Hugging Face: input to output; then the adapters
  int64_t elements = 0;               // of the flat buffer
  int64_t embedding = -1;             // [vocab, d]
  int64_t embedding_norm = -1, embedding_norm_bias = -1;  // [d]
  std::vector<LayerOffsets> layers;
  int64_t final_norm = -1, final_norm_bias = -1;  // [d]
  int64_t head = -1;                              // [vocab, d]; the embedding's offset when tied
  int64_t embeddings = 0;                         // where the embeddings begin
  int64_t adapters = 0;                           // where they end and the adapters begin
  std::vector<LoraLayer> lora;                    // of each layer
  int64_t lora_rank = 0;                          // the most of a group
  bool embeddings_adapted = false;                // the adapter trains the embeddings, too (modules_to_save)

  ParameterRange all() const { return {0, elements}; }
  ParameterRange embedding_range() const { return {embeddings, adapters}; }
  // What an adapter folder holds and `trainable: lora` trains.
  ParameterRange adapter_range() const { return {embeddings_adapted ? embeddings : adapters, elements}; }
};

// Without adapters.
WeightMap make_weight_map(const DecoderConfig& config);

// Appends the adapters that `lora` asks for and returns it with "all-linear" and the embeddings of
// modules_to_save spelt out. invalid_argument names a module that cannot be adapted, or that the decoder does
// not have: any of target_modules with `every_target`; without, as in PEFT, it is enough that one fits.
Result<LoraConfig> add_adapters(const DecoderConfig& config, const LoraConfig& lora, bool every_target,
                                WeightMap* map);

// "[512, 64]"
std::string show_shape(std::span<const int64_t> shape);

// The tensor of each parameter, in order. BLOOM names are accepted with and without `transformer.`;
// rotary_emb.inv_freq is ignored; a tied checkpoint may repeat the embedding as lm_head.weight, bit for bit.
// invalid_data: a tensor that is missing, has another shape or does not belong to the model, named with its
// folder.
Result<std::vector<const io::TensorView*>> match_tensors(const WeightMap& map, const DecoderConfig& config,
                                                         const io::SafetensorsFolder& tensors,
                                                         const std::string& folder);

}  // namespace belle::model
