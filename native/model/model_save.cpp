#include <algorithm>
#include <cstring>
#include <set>

#include "native/io/safetensors.h"
#include "native/model/state.h"

namespace belle::model {
namespace {

constexpr int64_t kPiece = 1 << 20;  // elements read from the device at a time

using Sink = std::function<Status(const void*, size_t)>;

Status stream_parameter(const Model::State& state, const Parameter& parameter, DType dtype,
                        const Sink& sink) {
  const belle_backend& b = *state.backend;
  const auto piece = static_cast<size_t>(std::min(kPiece, parameter.elements));
  std::vector<float> values(dtype == state.dtype ? 0 : piece);
  std::vector<uint8_t> bytes(piece * dtype_size(dtype));
  for (int64_t done = 0; done < parameter.elements; done += kPiece) {
    const int64_t count = std::min(kPiece, parameter.elements - done);
    const int64_t from = parameter.offset + done;
    const size_t size = static_cast<size_t>(count) * dtype_size(dtype);
    if (dtype == state.dtype) {
      BELLE_TRY(backend::from_c(b.read(b.context, bytes.data(), state.weight(from), size)));
      BELLE_TRY(sink(bytes.data(), size));
      continue;
    }
    BELLE_TRY(read_values(b, state.weight(from), state.dtype, values.data(), count));
    if (dtype == DType::f32) {
      BELLE_TRY(sink(values.data(), size));
      continue;
    }
    for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
      const uint16_t half = f32_to_bf16(values[i]);
      std::memcpy(bytes.data() + i * sizeof half, &half, sizeof half);
    }
    BELLE_TRY(sink(bytes.data(), size));
  }
  return {};
}

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
  const DType dtype = request.dtype.value_or(state_->dtype);
  if (dtype != DType::f32 && dtype != DType::bf16) {
    return Status(StatusCode::invalid_argument, "cannot save weights as " + std::string(dtype_name(dtype)) +
                                                    "; choose float32 or bfloat16");
  }
  std::vector<io::TensorToWrite> tensors;
  for (const Parameter& parameter : state_->map.parameters) {
    tensors.push_back({parameter.name, dtype, parameter.shape, [this, &parameter, dtype](const Sink& sink) {
                         return stream_parameter(*state_, parameter, dtype, sink);
                       }});
  }
  BELLE_ASSIGN(auto records, io::write_safetensors_folder(folder, tensors, request.max_shard_bytes));
  const auto add_json = [&](const std::string& name, const Json& value) -> Status {
    BELLE_ASSIGN(auto record, io::write_file(folder + "/" + name, value.dump(2) + "\n"));
    record.name = name;
    records.push_back(std::move(record));
    return {};
  };
  BELLE_TRY(add_json("config.json",
                     write_decoder_config(state_->config, state_->original_config, dtype_name(dtype))));
  BELLE_TRY(add_json("generation_config.json", state_->generation_config.is_null()
                                                   ? default_generation_config(state_->config)
                                                   : state_->generation_config));
  std::set<std::string> names;
  for (const std::string& path : request.extra_files) {
    const std::string name = io::base_name(path);
    if (is_ours(name) || !names.insert(name).second) {
      return Status(StatusCode::invalid_argument, path + ": the folder already gets a file named " + name +
                                                      "; leave it out of the extra files");
    }
    BELLE_ASSIGN(auto record, io::copy_file(path, folder, name));
    records.push_back(std::move(record));
  }
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
