#include "native/model/lora_config.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <string_view>

namespace belle::model {
namespace {

// Of PEFT's keys, those that do not change what is computed here.
constexpr std::array<std::string_view, 11> kInformation = {
    "auto_mapping",  "base_model_name_or_path", "ensure_weight_tying", "eva_config",        "inference_mode",
    "lora_dropout",  "megatron_core",           "peft_version",        "qalora_group_size", "revision",
    "runtime_config"};
constexpr std::array<std::string_view, 10> kRead = {
    "peft_type",      "task_type",       "bias",         "init_lora_weights", "r", "lora_alpha",
    "target_modules", "modules_to_save", "rank_pattern", "alpha_pattern"};
// Ways to start an adapter that leave the base's weights alone.
constexpr std::array<std::string_view, 3> kInitialisations = {"gaussian", "eva", "orthogonal"};

Status invalid(const std::string& what) { return {StatusCode::invalid_data, "adapter_config.json: " + what}; }
Status unsupported(const std::string& key, const Json& value, const std::string& instead) {
  return {StatusCode::unsupported,
          "adapter_config.json: \"" + key + "\" is " + value.dump() + "; " + instead};
}

template <class List>
bool among(std::string_view word, const List& list) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// null, false, an empty list or an empty object: a feature that is not in use.
bool unused(const Json& value) {
  if (value.is_null()) return true;
  if (const bool* truth = value.boolean()) return !*truth;
  if (const Json::Array* array = value.array()) return array->empty();
  const Json::Object* object = value.object();
  return object != nullptr && object->empty();
}

bool plain(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '.';
  });
}

Status check_features(const Json& json) {
  const Json* type = json.find("peft_type");
  if (type == nullptr || type->string() == nullptr) {
    return invalid("it has no \"peft_type\"; give the folder of a PEFT adapter");
  }
  if (*type->string() != "LORA") return unsupported("peft_type", *type, "only LORA adapters are read");
  const Json* task = json.find("task_type");
  if (task != nullptr && !task->is_null() && (!task->string() || *task->string() != "CAUSAL_LM")) {
    return unsupported("task_type", *task, "only adapters of CAUSAL_LM models are read");
  }
  const Json* bias = json.find("bias");
  if (bias != nullptr && (!bias->string() || *bias->string() != "none")) {
    return unsupported("bias", *bias, "only adapters that train no bias (\"none\") are read");
  }
  const Json* init = json.find("init_lora_weights");
  if (init != nullptr && !init->boolean() && !(init->string() && among(*init->string(), kInitialisations))) {
    return unsupported(
        "init_lora_weights", *init,
        "such an adapter belongs to a base model that it changed itself; let PEFT convert it to "
        "an ordinary LoRA adapter (path_initial_model_for_weight_conversion)");
  }
  for (const auto& [key, value] : *json.object()) {
    if (among(key, kInformation) || among(key, kRead) || unused(value)) continue;
    return unsupported(key, value,
                       "this feature is not computed here; merge the adapter with PEFT and load "
                       "the merged model");
  }
  return {};
}

Status read_names(const Json& json, const char* key, std::vector<std::string>* out) {
  const Json* value = json.find(key);
  if (value == nullptr || value->is_null()) return {};
  const Json::Array* array = value->array();
  if (array == nullptr) return invalid(std::string("\"") + key + "\" is no list of names");
  for (const Json& name : *array) {
    if (!name.string() || name.string()->empty()) {
      return invalid(std::string("\"") + key + "\" holds " + name.dump() + ", which is no name");
    }
    out->push_back(*name.string());
  }
  return {};
}

Status read_targets(const Json& json, std::vector<std::string>* out) {
  const Json* value = json.find("target_modules");
  if (value == nullptr || value->string() == nullptr) return read_names(json, "target_modules", out);
  if (*value->string() != kAllLinear) {
    return unsupported("target_modules", *value, "write the list of module names instead of a pattern");
  }
  *out = {kAllLinear};
  return {};
}

template <class Read>
Status read_pattern(const Json& json, const char* key, Read read) {
  const Json* value = json.find(key);
  if (value == nullptr || value->is_null()) return {};
  if (value->object() == nullptr) return invalid(std::string("\"") + key + "\" is no object");
  for (const auto& [name, item] : *value->object()) {
    if (!plain(name)) {
      return unsupported(key, *value, "write module names instead of the pattern \"" + name + "\"");
    }
    if (!read(name, item)) {
      return invalid(std::string("\"") + key + "\" gives \"" + name + "\" " + item.dump() +
                     ", which is no number");
    }
  }
  return {};
}

Status bad_argument(const std::string& what) { return {StatusCode::invalid_argument, what}; }

Status check_rank(int64_t rank, const std::string& of) {
  if (rank >= 1 && rank <= kMaxLoraRank) return {};
  return bad_argument(of + " must be from 1 to " + std::to_string(kMaxLoraRank) + ", not " +
                      std::to_string(rank));
}
Status check_alpha(double alpha, const std::string& of) {
  if (std::isfinite(alpha) && alpha > 0) return {};
  return bad_argument(of + " must be a number above 0, not " + Json(alpha).dump());
}

Json number(double value) {
  const bool whole = std::floor(value) == value && std::fabs(value) < 0x1p53;
  return whole ? Json(static_cast<int64_t>(value)) : Json(value);
}
Json names(const std::vector<std::string>& list) { return Json(Json::Array(list.begin(), list.end())); }

}  // namespace

bool names_module(const std::string& name, const std::string& module) {
  return module == name || module.ends_with("." + name);
}

int64_t LoraConfig::rank_of(const std::string& module) const {
  for (const auto& [name, rank] : rank_pattern) {
    if (names_module(name, module)) return rank;
  }
  return r;
}

double LoraConfig::scale_of(const std::string& module) const {
  const auto fits = [&](const auto& entry) { return names_module(entry.first, module); };
  const auto own = std::find_if(alpha_pattern.begin(), alpha_pattern.end(), fits);
  return (own == alpha_pattern.end() ? alpha : own->second) / static_cast<double>(rank_of(module));
}

Status check_lora_config(const LoraConfig& config) {
  BELLE_TRY(check_rank(config.r, "r"));
  BELLE_TRY(check_alpha(config.alpha, "lora_alpha"));
  for (const auto& [name, rank] : config.rank_pattern) BELLE_TRY(check_rank(rank, "rank_pattern of " + name));
  for (const auto& [name, alpha] : config.alpha_pattern) {
    BELLE_TRY(check_alpha(alpha, "alpha_pattern of " + name));
  }
  if (!config.target_modules.empty()) return {};
  return bad_argument("target_modules is empty; name the linear layers to adapt, or all-linear");
}

Result<LoraConfig> parse_lora_config(const Json& json) {
  if (json.object() == nullptr) return invalid("it holds no object");
  BELLE_TRY(check_features(json));
  LoraConfig config;
  const Json* r = json.find("r");
  if (r == nullptr || r->integer() == nullptr) return invalid("\"r\" is no whole number");
  config.r = *r->integer();
  const Json* alpha = json.find("lora_alpha");
  if (alpha == nullptr || !alpha->number(&config.alpha)) return invalid("\"lora_alpha\" is no number");
  BELLE_TRY(read_targets(json, &config.target_modules));
  BELLE_TRY(read_names(json, "modules_to_save", &config.modules_to_save));
  BELLE_TRY(read_pattern(json, "rank_pattern", [&](const std::string& name, const Json& value) {
    if (value.integer()) config.rank_pattern.emplace_back(name, *value.integer());
    return value.integer() != nullptr;
  }));
  BELLE_TRY(read_pattern(json, "alpha_pattern", [&](const std::string& name, const Json& value) {
    double of = 0;
    const bool read = value.number(&of);
    if (read) config.alpha_pattern.emplace_back(name, of);
    return read;
  }));
  const Status checked = check_lora_config(config);
  if (!checked.ok()) return invalid(checked.message());
  return config;
}

Json write_lora_config(const LoraConfig& config, const std::string& base_model, bool tied) {
  Json::Object ranks, alphas;
  for (const auto& [name, rank] : config.rank_pattern) ranks.emplace_back(name, Json(rank));
  for (const auto& [name, alpha] : config.alpha_pattern) alphas.emplace_back(name, number(alpha));
  const bool saves = !config.modules_to_save.empty();
  return Json(Json::Object{{"alora_invocation_tokens", nullptr},
                           {"alpha_pattern", Json(std::move(alphas))},
                           {"arrow_config", nullptr},
                           {"auto_mapping", nullptr},
                           {"base_model_name_or_path", base_model.empty() ? Json() : Json(base_model)},
                           {"bias", "none"},
                           {"corda_config", nullptr},
                           {"ensure_weight_tying", saves && tied},
                           {"eva_config", nullptr},
                           {"exclude_modules", nullptr},
                           {"fan_in_fan_out", false},
                           {"inference_mode", true},
                           {"init_lora_weights", true},
                           {"kasa_config", nullptr},
                           {"layer_replication", nullptr},
                           {"layers_pattern", nullptr},
                           {"layers_to_transform", nullptr},
                           {"loftq_config", Json(Json::Object{})},
                           {"lora_alpha", number(config.alpha)},
                           {"lora_bias", false},
                           {"lora_dropout", 0.0},
                           {"lora_ga_config", nullptr},
                           {"megatron_config", nullptr},
                           {"megatron_core", "megatron.core"},
                           {"modules_to_save", saves ? names(config.modules_to_save) : Json()},
                           {"monteclora_config", nullptr},
                           {"peft_type", "LORA"},
                           {"peft_version", "0.21.0"},
                           {"qalora_group_size", 16},
                           {"r", config.r},
                           {"rank_pattern", Json(std::move(ranks))},
                           {"revision", nullptr},
                           {"target_modules", names(config.target_modules)},
                           {"target_parameters", nullptr},
                           {"task_type", "CAUSAL_LM"},
                           {"trainable_token_indices", nullptr},
                           {"use_bdlora", nullptr},
                           {"use_dora", false},
                           {"use_qalora", false},
                           {"use_rslora", false},
                           {"velora_config", nullptr}});
}

}  // namespace belle::model
