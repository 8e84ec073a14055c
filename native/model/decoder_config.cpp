#include "native/model/decoder_config.h"

#include <charconv>
#include <cmath>
#include <initializer_list>
#include <string_view>

namespace belle::model {
namespace {

using Spellings = std::initializer_list<std::string_view>;

// Large enough for every published decoder; small enough that no product of sizes leaves int64.
constexpr int64_t kMaxWidth = 1 << 17, kMaxFeedForward = 1 << 20, kMaxLayers = 4096, kMaxHeads = 4096,
                  kMaxHeadDim = 4096, kMaxPositions = 1 << 28;

Status bad(std::string_view key, const std::string& what) {
  return {StatusCode::invalid_data, "config.json: " + std::string(key) + " " + what};
}

Status cannot(std::string_view key, const Json& value, const std::string& only) {
  const std::string text = value.object() != nullptr ? "set" : value.dump();
  return {StatusCode::unsupported,
          "config.json: " + std::string(key) + " is " + text + "; this decoder computes only " + only};
}

struct Found {
  std::string_view key;
  const Json* value = nullptr;  // null when no spelling is there, or the value is null
};

Result<Found> find_one(const Json& config, Spellings spellings) {
  Found found{*spellings.begin(), nullptr};
  for (const std::string_view key : spellings) {
    const Json* value = config.find(key);
    if (value == nullptr || value->is_null()) continue;
    if (found.value != nullptr && found.value->dump() != value->dump()) {
      return bad(key, "is " + value->dump() + " but " + std::string(found.key) + " is " +
                          found.value->dump() + "; they are two spellings of one key, remove the wrong one");
    }
    if (found.value == nullptr) found = {key, value};
  }
  return found;
}

// fallback < 0: the key must be there.
Status read_size(const Json& config, Spellings spellings, int64_t limit, int64_t fallback, int64_t* out) {
  BELLE_ASSIGN(const Found found, find_one(config, spellings));
  if (found.value == nullptr) {
    if (fallback < 0) return bad(found.key, "is missing; add it, as the model's publisher gives it");
    *out = fallback;
    return {};
  }
  const int64_t* value = found.value->integer();
  if (value == nullptr || *value < 1 || *value > limit) {
    return bad(found.key,
               "is " + found.value->dump() + "; expected an integer from 1 to " + std::to_string(limit));
  }
  *out = *value;
  return {};
}

Status read_positive(const Json& config, Spellings spellings, double fallback, float* out) {
  BELLE_ASSIGN(const Found found, find_one(config, spellings));
  double value = fallback;
  if (found.value != nullptr && !found.value->number(&value)) {
    return bad(found.key, "is " + found.value->dump() + "; expected a number");
  }
  if (!(value > 0) || !std::isfinite(static_cast<float>(value))) {
    return bad(found.key, "is " + found.value->dump() + "; expected a finite number above 0");
  }
  *out = static_cast<float>(value);
  return {};
}

Status read_flag(const Json& config, std::string_view key, bool fallback, bool* out) {
  const Json* value = config.find(key);
  *out = fallback;
  if (value == nullptr || value->is_null()) return {};
  if (value->boolean() == nullptr) return bad(key, "is " + value->dump() + "; expected true or false");
  *out = *value->boolean();
  return {};
}

Status read_token(const Json& config, std::string_view key, int64_t* out) {
  const Json* value = config.find(key);
  if (value == nullptr || value->is_null()) return {};
  if (value->integer() == nullptr) return bad(key, "is " + value->dump() + "; expected a token id or null");
  *out = *value->integer();
  return {};
}

Status read_eos(const Json& config, std::vector<int64_t>* out) {
  const Json* value = config.find("eos_token_id");
  if (value == nullptr || value->is_null()) return {};
  if (value->integer() != nullptr) {
    out->push_back(*value->integer());
    return {};
  }
  if (value->array() == nullptr) return bad("eos_token_id", "must be a token id, a list of them or null");
  for (const Json& item : *value->array()) {
    if (item.integer() == nullptr)
      return bad("eos_token_id", "holds " + item.dump() + "; expected token ids");
    out->push_back(*item.integer());
  }
  return {};
}

Status refuse_flag(const Json& config, std::string_view key, const std::string& only) {
  bool set = false;
  BELLE_TRY(read_flag(config, key, false, &set));
  return set ? cannot(key, Json(true), only) : Status();
}

Status refuse_dropout(const Json& config, std::string_view key) {
  const Json* value = config.find(key);
  double rate = 0;
  if (value == nullptr || value->is_null()) return {};
  if (!value->number(&rate)) return bad(key, "is " + value->dump() + "; expected a number");
  return rate == 0 ? Status() : cannot(key, *value, "dropout 0; set it to 0");
}

// `name` is rope_scaling (transformers 4) or rope_parameters (transformers 5, where rope_theta lives inside).
Status read_rope_object(const Json& config, std::string_view name, float* theta) {
  const Json* rope = config.find(name);
  if (rope == nullptr || rope->is_null()) return {};
  const std::string label(name);
  if (rope->object() == nullptr) return bad(name, "is " + rope->dump() + "; expected an object or null");
  for (const char* key : {"rope_type", "type"}) {
    const Json* type = rope->find(key);
    if (type == nullptr || type->is_null()) continue;
    if (type->string() == nullptr || *type->string() != "default") {
      return cannot(label + "." + key, *type, "unscaled RoPE (\"default\")");
    }
  }
  if (rope->find("rope_type") == nullptr && rope->find("type") == nullptr &&
      rope->find("factor") != nullptr) {
    return cannot(label + ".factor", *rope->find("factor"), "unscaled RoPE");
  }
  const Json* partial = rope->find("partial_rotary_factor");
  double share = 1;
  if (partial != nullptr && !partial->is_null() && (!partial->number(&share) || share != 1)) {
    return cannot(label + ".partial_rotary_factor", *partial, "RoPE over the whole head (1.0)");
  }
  const Json* inner = rope->find("rope_theta");
  if (inner == nullptr || inner->is_null()) return {};
  const Json* outer = config.find("rope_theta");
  double inner_value = 0, outer_value = 0;
  if (outer != nullptr && inner->number(&inner_value) && outer->number(&outer_value) &&
      inner_value != outer_value) {
    return bad("rope_theta", "is " + outer->dump() + " but " + label + ".rope_theta is " + inner->dump() +
                                 "; they are two spellings of one key, remove the wrong one");
  }
  return read_positive(*rope, {"rope_theta"}, 10000.0, theta);
}

Status read_llama(const Json& config, DecoderConfig* c) {
  BELLE_TRY(read_size(config, {"num_attention_heads", "n_head"}, kMaxHeads, -1, &c->num_attention_heads));
  BELLE_TRY(
      read_size(config, {"num_key_value_heads"}, kMaxHeads, c->num_attention_heads, &c->num_key_value_heads));
  BELLE_TRY(read_size(config, {"head_dim"}, kMaxHeadDim, 0, &c->head_dim));
  BELLE_TRY(read_size(config, {"intermediate_size"}, kMaxFeedForward, -1, &c->intermediate_size));
  BELLE_TRY(read_size(config, {"max_position_embeddings", "max_sequence_length"}, kMaxPositions, 2048,
                      &c->max_position_embeddings));
  BELLE_TRY(read_positive(config, {"rms_norm_eps"}, 1e-6, &c->norm_eps));
  BELLE_TRY(read_positive(config, {"rope_theta"}, 10000.0, &c->rope_theta));
  BELLE_TRY(read_rope_object(config, "rope_scaling", &c->rope_theta));
  BELLE_TRY(read_rope_object(config, "rope_parameters", &c->rope_theta));
  BELLE_TRY(read_flag(config, "tie_word_embeddings", false, &c->tie_word_embeddings));
  const Json* activation = config.find("hidden_act");
  if (activation != nullptr && !activation->is_null()) {
    const std::string* name = activation->string();
    if (name == nullptr || (*name != "silu" && *name != "swish"))
      return cannot("hidden_act", *activation, "\"silu\"");
  }
  const Json* partial = config.find("partial_rotary_factor");
  double share = 1;
  if (partial != nullptr && !partial->is_null() && (!partial->number(&share) || share != 1)) {
    return cannot("partial_rotary_factor", *partial, "RoPE over the whole head (1.0)");
  }
  BELLE_TRY(refuse_flag(config, "attention_bias", "LLaMA projections without bias (false)"));
  return refuse_flag(config, "mlp_bias", "LLaMA projections without bias (false)");
}

Status read_bloom(const Json& config, DecoderConfig* c) {
  BELLE_TRY(read_size(config, {"n_head", "num_attention_heads"}, kMaxHeads, -1, &c->num_attention_heads));
  c->num_key_value_heads = c->num_attention_heads;
  BELLE_TRY(read_size(config, {"n_inner"}, kMaxFeedForward, 4 * c->hidden_size, &c->intermediate_size));
  if (c->intermediate_size != 4 * c->hidden_size) {
    return cannot("n_inner", Json(c->intermediate_size), "4 x hidden_size, as transformers does");
  }
  c->max_position_embeddings = 0;  // seq_length is where BLOOM was trained, not a limit of ALiBi
  BELLE_TRY(read_positive(config, {"layer_norm_epsilon"}, 1e-5, &c->norm_eps));
  BELLE_TRY(read_flag(config, "tie_word_embeddings", true, &c->tie_word_embeddings));
  BELLE_TRY(refuse_dropout(config, "hidden_dropout"));
  return refuse_flag(config, "apply_residual_connection_post_layernorm",
                     "the residual before the norm (false)");
}

Result<Family> read_family(const Json& config) {
  const Json* type = config.find("model_type");
  if (type == nullptr || type->is_null())
    return bad("model_type", "is missing; expected \"llama\" or \"bloom\"");
  if (type->string() != nullptr && *type->string() == "llama") return Family::llama;
  if (type->string() != nullptr && *type->string() == "bloom") return Family::bloom;
  return cannot("model_type", *type, "\"llama\" (LLaMA, LLaMA-2, Yi) and \"bloom\" (BLOOM, BLOOMZ)");
}

// The shortest decimal that reads back as this float, so that 1e-6f is written as 1e-06 and
// not 9.999999974752427e-07.
double decimal(float value) {
  char text[32];
  const auto written = std::to_chars(text, text + sizeof text, value);
  double out = 0;
  std::from_chars(text, written.ptr, out);
  return out;
}

void set_common(Json& out, const DecoderConfig& c) {
  const bool bloom = c.family == Family::bloom;
  out.set("architectures", Json(Json::Array{Json(bloom ? "BloomForCausalLM" : "LlamaForCausalLM")}));
  out.set("model_type", Json(bloom ? "bloom" : "llama"));
  out.set("hidden_size", Json(c.hidden_size));
  out.set("initializer_range", Json(decimal(c.initializer_range)));
  out.set("tie_word_embeddings", Json(c.tie_word_embeddings));
  out.set("use_cache", Json(true));
  const auto token = [&](const char* key, int64_t id) { out.set(key, id < 0 ? Json() : Json(id)); };
  token("bos_token_id", c.bos_token_id);
  token("pad_token_id", c.pad_token_id);
  if (c.eos_token_ids.size() <= 1) {
    token("eos_token_id", c.eos_token_ids.empty() ? -1 : c.eos_token_ids[0]);
  } else {
    out.set("eos_token_id", Json(Json::Array(c.eos_token_ids.begin(), c.eos_token_ids.end())));
  }
}

}  // namespace

Status check_decoder_config(const DecoderConfig& c) {
  const auto within = [](const char* key, int64_t value, int64_t limit) -> Status {
    if (value >= 1 && value <= limit) return {};
    return bad(key,
               "is " + std::to_string(value) + "; expected an integer from 1 to " + std::to_string(limit));
  };
  BELLE_TRY(within("vocab_size", c.vocab_size, kMaxVocabulary));
  BELLE_TRY(within("hidden_size", c.hidden_size, kMaxWidth));
  BELLE_TRY(within("intermediate_size", c.intermediate_size, kMaxFeedForward));
  BELLE_TRY(within("num_hidden_layers", c.num_hidden_layers, kMaxLayers));
  BELLE_TRY(within("num_attention_heads", c.num_attention_heads, kMaxHeads));
  BELLE_TRY(within("num_key_value_heads", c.num_key_value_heads, c.num_attention_heads));
  BELLE_TRY(within("head_dim", c.head_dim, kMaxHeadDim));
  if (c.num_attention_heads % c.num_key_value_heads != 0) {
    return bad("num_key_value_heads", "is " + std::to_string(c.num_key_value_heads) +
                                          ", which does not divide " + std::to_string(c.num_attention_heads) +
                                          " attention heads");
  }
  if (!c.alibi() && c.head_dim % 2 != 0) {
    return bad("head_dim", "is " + std::to_string(c.head_dim) + "; RoPE rotates pairs, so it must be even");
  }
  if (c.fused_qkv() && c.num_attention_heads * c.head_dim != c.hidden_size) {
    return bad("hidden_size", "is " + std::to_string(c.hidden_size) + ", not heads x head_dim = " +
                                  std::to_string(c.num_attention_heads * c.head_dim));
  }
  return {};
}

Result<DecoderConfig> parse_decoder_config(const Json& config) {
  if (config.object() == nullptr) {
    return Status(StatusCode::invalid_data, "config.json: expected an object at the top level");
  }
  DecoderConfig c;
  BELLE_ASSIGN(c.family, read_family(config));
  const Json* quantized = config.find("quantization_config");
  if (quantized != nullptr && !quantized->is_null()) {
    return cannot("quantization_config", *quantized, "unquantized weights; convert the checkpoint first");
  }
  BELLE_TRY(read_size(config, {"vocab_size"}, kMaxVocabulary, -1, &c.vocab_size));
  BELLE_TRY(read_size(config, {"hidden_size", "n_embed"}, kMaxWidth, -1, &c.hidden_size));
  BELLE_TRY(read_size(config, {"num_hidden_layers", "n_layer"}, kMaxLayers, -1, &c.num_hidden_layers));
  BELLE_TRY(read_positive(config, {"initializer_range"}, 0.02, &c.initializer_range));
  BELLE_TRY(refuse_dropout(config, "attention_dropout"));
  BELLE_TRY(c.family == Family::bloom ? read_bloom(config, &c) : read_llama(config, &c));
  if (c.head_dim == 0) {
    if (c.hidden_size % c.num_attention_heads != 0) {
      return bad("hidden_size", "is " + std::to_string(c.hidden_size) + ", not a multiple of " +
                                    std::to_string(c.num_attention_heads) + " attention heads");
    }
    c.head_dim = c.hidden_size / c.num_attention_heads;
  }
  BELLE_TRY(read_token(config, "bos_token_id", &c.bos_token_id));
  BELLE_TRY(read_token(config, "pad_token_id", &c.pad_token_id));
  BELLE_TRY(read_eos(config, &c.eos_token_ids));
  BELLE_TRY(check_decoder_config(c));
  return c;
}

Json write_decoder_config(const DecoderConfig& c, const Json& original, std::string_view dtype) {
  Json out = original.object() != nullptr ? original : Json(Json::Object{});
  if (original.object() == nullptr) {
    set_common(out, c);
    if (c.family == Family::bloom) {
      out.set("n_layer", Json(c.num_hidden_layers));
      out.set("n_head", Json(c.num_attention_heads));
      out.set("layer_norm_epsilon", Json(decimal(c.norm_eps)));
      out.set("apply_residual_connection_post_layernorm", Json(false));
      out.set("attention_dropout", Json(0.0));
      out.set("hidden_dropout", Json(0.0));
    } else {
      out.set("intermediate_size", Json(c.intermediate_size));
      out.set("num_hidden_layers", Json(c.num_hidden_layers));
      out.set("num_attention_heads", Json(c.num_attention_heads));
      out.set("num_key_value_heads", Json(c.num_key_value_heads));
      out.set("head_dim", Json(c.head_dim));
      out.set("max_position_embeddings", Json(c.max_position_embeddings));
      out.set("rms_norm_eps", Json(decimal(c.norm_eps)));
      out.set("rope_theta", Json(decimal(c.rope_theta)));
      out.set("hidden_act", Json("silu"));
      out.set("attention_bias", Json(false));
      out.set("mlp_bias", Json(false));
      out.set("attention_dropout", Json(0.0));
    }
  }
  out.set("vocab_size", Json(c.vocab_size));
  // transformers before 4.56 reads torch_dtype only, 5 writes dtype and reads both: keep the spelling that is
  // there.
  if (out.find("dtype") != nullptr) out.set("dtype", Json(std::string(dtype)));
  if (out.find("torch_dtype") != nullptr || out.find("dtype") == nullptr) {
    out.set("torch_dtype", Json(std::string(dtype)));
  }
  return out;
}

}  // namespace belle::model
