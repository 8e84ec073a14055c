#include "native/io/safetensors.h"
#include "native/model/model_files.h"

namespace belle::model {
namespace {

Json default_generation_config(const DecoderConfig& config) {
  Json out{Json::Object{}};
  out.set("_from_model_config", Json(true));
  if (config.bos_token_id >= 0) out.set("bos_token_id", Json(config.bos_token_id));
  if (config.eos_token_ids.size() == 1) out.set("eos_token_id", Json(config.eos_token_ids[0]));
  if (config.eos_token_ids.size() > 1) {
    out.set("eos_token_id", Json(Json::Array(config.eos_token_ids.begin(), config.eos_token_ids.end())));
  }
  if (config.pad_token_id >= 0) out.set("pad_token_id", Json(config.pad_token_id));
  return out;
}

// Names that write_files itself gives to files, which an extra file must not replace.
bool is_ours(const std::string& name) {
  return name == "config.json" || name == "generation_config.json" || name == "MANIFEST.json" ||
         (name.starts_with("model") &&
          (name.ends_with(".safetensors") || name.ends_with(".safetensors.index.json")));
}

}  // namespace

Result<std::vector<io::FileRecord>> Model::write_files(const std::string& folder,
                                                       const SaveRequest& request) const {
  const State& s = *state_;
  if (s.lora) {
    return Status(
        StatusCode::invalid_argument,
        "the model has an adapter that is not part of its weights; save it alone with saveAdapter, or "
        "merge it into the weights with mergeAdapter first");
  }
  BELLE_ASSIGN(const DType dtype, saved_dtype(s, request));
  std::vector<io::TensorToWrite> tensors;
  for (const Parameter& parameter : s.map.parameters) {
    tensors.push_back(tensor_to_write(s, parameter, parameter.name, dtype));
  }
  BELLE_ASSIGN(auto records, io::write_safetensors_folder(folder, tensors, request.max_shard_bytes));
  BELLE_TRY(add_json_file(folder, "config.json",
                          write_decoder_config(s.config, s.original_config, dtype_name(dtype)), &records));
  BELLE_TRY(add_json_file(
      folder, "generation_config.json",
      s.generation_config.is_null() ? default_generation_config(s.config) : s.generation_config, &records));
  BELLE_TRY(add_extra_files(folder, request.extra_files, is_ours, &records));
  return records;
}

Status Model::save(const std::string& folder, const SaveRequest& request) const {
  BELLE_ASSIGN(const auto commit, io::DirectoryCommit::create(folder));
  BELLE_ASSIGN(auto records, write_files(commit->folder(), request));
  for (io::FileRecord& record : records) commit->add(std::move(record));
  Json::Object fields;
  fields.emplace_back("schema", Json("belle-train/model/1"));
  fields.emplace_back("dtype", Json(std::string(dtype_name(request.dtype.value_or(state_->dtype)))));
  return commit->commit(std::move(fields));
}

}  // namespace belle::model
