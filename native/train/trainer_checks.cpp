#include "native/train/trainer_checks.h"

#include <filesystem>
#include <set>

#include "native/io/commit.h"

namespace belle::train {

Status check_source(const BatchSource& source, const model::DecoderConfig& config, const std::string& what) {
  if (source.max_token_id() >= config.vocab_size) {
    return Status(StatusCode::invalid_argument,
                  what + " holds token id " + std::to_string(source.max_token_id()) + " but the model has " +
                      std::to_string(config.vocab_size) +
                      " rows; encode it with this model's tokenizer or extend the vocabulary");
  }
  const int64_t positions = config.max_position_embeddings;
  if (positions > 0 && source.max_document_tokens() > positions) {
    return Status(StatusCode::invalid_argument, what + " holds a document of " +
                                                    std::to_string(source.max_document_tokens()) +
                                                    " tokens but the model has " + std::to_string(positions) +
                                                    " positions; prepare the data with a smaller max_length");
  }
  return {};
}

Status check_trainable(const model::Model& model, Trainable trainable) {
  if (trainable == Trainable::lora && model.adapter() == nullptr) {
    return Status(StatusCode::invalid_argument,
                  "trainable is lora, but the model has no adapter; make one with addLora or load one with "
                  "loadAdapter");
  }
  if (trainable != Trainable::lora && model.adapter() != nullptr) {
    return Status(
        StatusCode::invalid_argument,
        std::string("trainable is ") + (trainable == Trainable::all ? "all" : "embeddings") +
            ", but the model has an adapter; train it with lora, or merge it with mergeAdapter first");
  }
  return {};
}

Status check_extra_files(const std::vector<std::string>& files) {
  std::set<std::string> names{"trainer_state.json", "trainer_state.safetensors", "MANIFEST.json"};
  for (const std::string& file : files) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(file, error)) {
      return Status(StatusCode::not_found, "extra_files: " + file + " is not a file");
    }
    if (!names.insert(io::base_name(file)).second) {
      return Status(StatusCode::invalid_argument,
                    "extra_files: a checkpoint already has a file named " + io::base_name(file));
    }
  }
  return {};
}

}  // namespace belle::train
