#pragma once
// NativeTrainConfig (ts/native/binding.ts) to TrainConfig, key by key.
#include <napi.h>

#include "native/train/trainer.h"

namespace belle::addon {

train::TrainConfig train_config(const Napi::Value& value);

}  // namespace belle::addon
