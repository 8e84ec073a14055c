#include "native/model/weight_map.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <string_view>
#include <utility>

namespace belle::model {
namespace {

class Builder {
 public:
  explicit Builder(WeightMap& map) : map_(map) {}

  int64_t add(std::string name, std::vector<int64_t> shape) {
    align();
    return add_adjacent(std::move(name), std::move(shape));
  }
  // Directly after the previous parameter, so that both are one matrix to a GEMM.
  int64_t add_adjacent(std::string name, std::vector<int64_t> shape) {
    map_.parameters.push_back(parameter(std::move(name), std::move(shape)));
    return place(map_.parameters.back());
  }
  // Named here, placed by place_embeddings.
  void add_embedding(std::string name, std::vector<int64_t> shape) {
    map_.parameters.push_back(parameter(std::move(name), std::move(shape)));
    map_.parameters.back().embedding = true;
  }
  void place_embeddings() {
    align();
    map_.embeddings = map_.elements;
    for (Parameter& parameter : map_.parameters) {
      if (!parameter.embedding) continue;
      align();
      map_.head = place(parameter);  // the last one: the head, or the tied embedding
      if (map_.embedding < 0) map_.embedding = parameter.offset;
    }
    align();
    map_.adapters = map_.elements;
  }

 private:
  static Parameter parameter(std::string name, std::vector<int64_t> shape) {
    Parameter made{std::move(name), std::move(shape), -1, 1, false};
    for (const int64_t size : made.shape) made.elements *= size;
    return made;
  }
  void align() {
    map_.elements = (map_.elements + kParameterAlignment - 1) / kParameterAlignment * kParameterAlignment;
  }
  int64_t place(Parameter& parameter) {
    parameter.offset = map_.elements;
    map_.elements += parameter.elements;
    return parameter.offset;
  }
  WeightMap& map_;
};

void add_llama(Builder& add, const DecoderConfig& c, WeightMap& map) {
  const int64_t d = c.hidden_size, ff = c.intermediate_size, q = c.num_attention_heads * c.head_dim,
                kv = c.num_key_value_heads * c.head_dim;
  add.add_embedding("model.embed_tokens.weight", {c.vocab_size, d});
  for (int64_t i = 0; i < c.num_hidden_layers; ++i) {
    const std::string layer = "model.layers." + std::to_string(i) + ".";
    LayerOffsets at;
    at.attention_norm = add.add(layer + "input_layernorm.weight", {d});
    at.qkv = add.add(layer + "self_attn.q_proj.weight", {q, d});
    add.add_adjacent(layer + "self_attn.k_proj.weight", {kv, d});
    add.add_adjacent(layer + "self_attn.v_proj.weight", {kv, d});
    at.attention_out = add.add(layer + "self_attn.o_proj.weight", {d, q});
    at.mlp_norm = add.add(layer + "post_attention_layernorm.weight", {d});
    at.expand = add.add(layer + "mlp.gate_proj.weight", {ff, d});
    add.add_adjacent(layer + "mlp.up_proj.weight", {ff, d});
    at.down = add.add(layer + "mlp.down_proj.weight", {d, ff});
    map.layers.push_back(at);
  }
  map.final_norm = add.add("model.norm.weight", {d});
}

void add_bloom(Builder& add, const DecoderConfig& c, WeightMap& map) {
  const int64_t d = c.hidden_size, ff = c.intermediate_size;
  add.add_embedding("transformer.word_embeddings.weight", {c.vocab_size, d});
  map.embedding_norm = add.add("transformer.word_embeddings_layernorm.weight", {d});
  map.embedding_norm_bias = add.add("transformer.word_embeddings_layernorm.bias", {d});
  for (int64_t i = 0; i < c.num_hidden_layers; ++i) {
    const std::string layer = "transformer.h." + std::to_string(i) + ".";
    LayerOffsets at;
    at.attention_norm = add.add(layer + "input_layernorm.weight", {d});
    at.attention_norm_bias = add.add(layer + "input_layernorm.bias", {d});
    at.qkv = add.add(layer + "self_attention.query_key_value.weight", {3 * d, d});
    at.qkv_bias = add.add(layer + "self_attention.query_key_value.bias", {3 * d});
    at.attention_out = add.add(layer + "self_attention.dense.weight", {d, d});
    at.attention_out_bias = add.add(layer + "self_attention.dense.bias", {d});
    at.mlp_norm = add.add(layer + "post_attention_layernorm.weight", {d});
    at.mlp_norm_bias = add.add(layer + "post_attention_layernorm.bias", {d});
    at.expand = add.add(layer + "mlp.dense_h_to_4h.weight", {ff, d});
    at.expand_bias = add.add(layer + "mlp.dense_h_to_4h.bias", {ff});
    at.down = add.add(layer + "mlp.dense_4h_to_h.weight", {d, ff});
    at.down_bias = add.add(layer + "mlp.dense_4h_to_h.bias", {d});
    map.layers.push_back(at);
  }
  map.final_norm = add.add("transformer.ln_f.weight", {d});
  map.final_norm_bias = add.add("transformer.ln_f.bias", {d});
}

constexpr std::string_view kBloomPrefix = "transformer.", kHead = "lm_head.weight";

const io::TensorView* find_weight(const io::SafetensorsFolder& tensors, const DecoderConfig& config,
                                  const std::string& name) {
  if (const io::TensorView* found = tensors.find(name)) return found;
  if (config.family == Family::bloom && name.starts_with(kBloomPrefix)) {
    return tensors.find(name.substr(kBloomPrefix.size()));
  }
  return nullptr;
}

Status check_shape(const io::TensorView& found, const std::vector<int64_t>& expected,
                   const std::string& folder) {
  if (found.shape == expected) return {};
  return {StatusCode::invalid_data, "weights in " + folder + ": " + found.name + " has shape " +
                                        show_shape(found.shape) + ", but config.json asks for " +
                                        show_shape(expected) +
                                        "; use the config.json that was saved with these weights"};
}

Status check_redundant_head(const io::TensorView& head, const io::TensorView& embedding,
                            const std::string& folder) {
  BELLE_TRY(check_shape(head, embedding.shape, folder));
  const bool same = head.dtype == embedding.dtype && head.bytes.size() == embedding.bytes.size() &&
                    std::memcmp(head.bytes.data(), embedding.bytes.data(), head.bytes.size()) == 0;
  if (same) return {};
  return {StatusCode::invalid_data,
          "weights in " + folder + ": lm_head.weight differs from " + embedding.name +
              ", but config.json says tie_word_embeddings; set it to false to keep both"};
}

}  // namespace

WeightMap make_weight_map(const DecoderConfig& config) {
  WeightMap map;
  Builder add(map);
  config.family == Family::bloom ? add_bloom(add, config, map) : add_llama(add, config, map);
  if (!config.tie_word_embeddings) {
    add.add_embedding(std::string(kHead), {config.vocab_size, config.hidden_size});
  }
  add.place_embeddings();
  map.lora.resize(map.layers.size());
  return map;
}

std::string show_shape(std::span<const int64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

Result<std::vector<const io::TensorView*>> match_tensors(const WeightMap& map, const DecoderConfig& config,
                                                         const io::SafetensorsFolder& tensors,
                                                         const std::string& folder) {
  std::vector<const io::TensorView*> matched;
  std::set<std::string, std::less<>> used;
  for (const Parameter& parameter : map.parameters) {
    const io::TensorView* found = find_weight(tensors, config, parameter.name);
    if (found == nullptr) {
      return Status(StatusCode::invalid_data,
                    "weights in " + folder + ": " + parameter.name + " with shape " +
                        show_shape(parameter.shape) +
                        " is missing; the checkpoint is incomplete or belongs to another config.json");
    }
    BELLE_TRY(check_shape(*found, parameter.shape, folder));
    used.insert(found->name);
    matched.push_back(found);
  }
  for (const std::string& name : tensors.names()) {
    if (used.contains(name) || name.ends_with("rotary_emb.inv_freq")) continue;
    const io::TensorView* extra = tensors.find(name);
    if (config.tie_word_embeddings && name == kHead && extra != nullptr) {
      BELLE_TRY(check_redundant_head(*extra, *matched.front(), folder));
      continue;
    }
    return Status(StatusCode::invalid_data,
                  "weights in " + folder + ": " + name +
                      (extra ? " with shape " + show_shape(extra->shape) : "") +
                      " does not belong to the model of config.json; remove it or correct config.json");
  }
  return matched;
}

}  // namespace belle::model
