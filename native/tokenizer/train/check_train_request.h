#pragma once
// The range checks of the training options (sentencepiece src/trainer_interface.cc: VerifySpec).
#include "native/core/status.h"
#include "native/tokenizer/train/bpe_trainer.h"

namespace belle::tokenizer {

// invalid_argument that names the option, its value and its range.
Status check_train_request(const BpeTrainRequest& request);

}  // namespace belle::tokenizer
