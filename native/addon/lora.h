#pragma once
// What JS says of an adapter.
#include <napi.h>

#include <optional>
#include <string>

#include "native/model/lora_config.h"

namespace belle::addon {

// { r, loraAlpha, targetModules, modulesToSave, seed }
model::LoraConfig lora_argument(const Napi::Value& value, const std::string& name);
// The same without the seed; undefined without an adapter.
Napi::Value lora_value(Napi::Env env, const std::optional<model::LoraConfig>& config);

}  // namespace belle::addon
