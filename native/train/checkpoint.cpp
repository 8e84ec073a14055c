#include "native/train/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "native/core/committed_file.h"
#include "native/io/commit.h"
#include "native/io/safetensors.h"
#include "native/model/device_value.h"
#include "native/model/lora.h"
#include "native/model/weight_map.h"

namespace belle::train {

namespace fs = std::filesystem;

static constexpr const char* kPrefix = "checkpoint-";
static constexpr const char* kStateSchema = "belle-train/trainer/1";
static constexpr const char* kCheckpointSchema = "belle-train/checkpoint/1";

std::string checkpoint_path(const std::string& output_dir, int64_t step) {
  return output_dir + "/" + kPrefix + std::to_string(step);
}

Result<std::vector<Checkpoint>> list_checkpoints(const std::string& output_dir) {
  std::vector<Checkpoint> found;
  std::error_code error;
  for (fs::directory_iterator entry(output_dir, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    const char* digits = name.data() + std::string_view(kPrefix).size();
    const char* last = name.data() + name.size();
    int64_t step = 0;
    const auto read = std::from_chars(digits, last, step);
    if (read.ec != std::errc() || read.ptr != last || step < 0 || name != kPrefix + std::to_string(step))
      continue;
    found.push_back({step, output_dir + "/" + name});
  }
  if (error && error != std::errc::no_such_file_or_directory)
    return system_failure("list", output_dir, error.value());
  std::sort(found.begin(), found.end(),
            [](const Checkpoint& a, const Checkpoint& b) { return a.step < b.step; });
  return found;
}

static std::vector<model::NamedParameter> saved_weights(const model::Model& model) {
  if (model.adapter() != nullptr) return model::adapter_tensors(model.state().map);
  std::vector<model::NamedParameter> all;
  for (const model::Parameter& parameter : model.parameters()) all.push_back({parameter.name, &parameter});
  return all;
}

Result<uint64_t> checkpoint_bytes(const model::Model& model, const Optimizer& optimizer,
                                  const std::vector<std::string>& extra_files) {
  const uint64_t weight = dtype_size(model.dtype()),
                 master = model.dtype() == DType::f32 ? 0 : sizeof(int16_t);
  uint64_t bytes = (2 * sizeof(float) + master) * optimizer.trainable_elements();
  for (const model::NamedParameter& saved : saved_weights(model))
    bytes += weight * static_cast<uint64_t>(saved.parameter->elements);
  // Headers and JSON files: names, shapes and offsets take well under 512 bytes a tensor.
  bytes += 65536 + 4 * 512 * model.parameters().size();
  for (const std::string& file : extra_files) {
    std::error_code error;
    bytes += fs::file_size(file, error);
    if (error) return system_failure("read", file, error.value());
  }
  return bytes;
}

static Status check_free_space(const std::string& path, uint64_t bytes) {
  const auto needed = static_cast<uint64_t>(1.2 * static_cast<double>(bytes));
  BELLE_ASSIGN(const uint64_t free, io::free_space(path));
  if (free >= needed) return {};
  return Status(StatusCode::disk_full, "cannot write " + path + ": it needs " + std::to_string(needed) +
                                           " free bytes (1.2 times its size) and " + std::to_string(free) +
                                           " are free; free some space or write to another disk");
}

// One tensor of trainer_state.safetensors and where it lies on the device.
struct StateTensor {
  std::string name;
  DType dtype;
  const model::Parameter* parameter;
  void* device;
};

static std::vector<StateTensor> state_tensors(const Optimizer& optimizer) {
  std::vector<StateTensor> all;
  for (const Optimizer::Moments& of : optimizer.moments()) {
    all.push_back({"m." + of.parameter->name, DType::f32, of.parameter, of.m});
    all.push_back({"v." + of.parameter->name, DType::f32, of.parameter, of.v});
    if (of.remainder == nullptr) continue;
    all.push_back({"r." + of.parameter->name, DType::i16, of.parameter, of.remainder});
  }
  return all;
}

static Result<io::FileRecord> write_optimizer(const std::string& path, const model::Model& model,
                                              const Optimizer& optimizer) {
  std::vector<io::TensorToWrite> tensors;
  for (const StateTensor& tensor : state_tensors(optimizer)) {
    const uint64_t bytes = static_cast<uint64_t>(tensor.parameter->elements) * dtype_size(tensor.dtype);
    tensors.push_back({tensor.name, tensor.dtype, tensor.parameter->shape,
                       [&b = model.backend(), device = tensor.device, bytes](const auto& sink) {
                         return model::read_bytes(b, device, bytes, sink);
                       }});
  }
  return io::write_safetensors_file(path, tensors, {{"format", "pt"}});
}

Status write_checkpoint(const std::string& path, const model::Model& model, const Optimizer& optimizer,
                        const TrainerState& state, const std::vector<std::string>& extra_files) {
  BELLE_ASSIGN(const uint64_t bytes, checkpoint_bytes(model, optimizer, extra_files));
  BELLE_TRY(check_free_space(path, bytes));
  std::error_code error;
  if (fs::exists(fs::symlink_status(path, error))) BELLE_TRY(io::remove_directory(path));
  BELLE_ASSIGN(const auto commit, io::DirectoryCommit::create(path));
  model::SaveRequest request;  // in the model's dtype: a resumed run must have the same bits
  request.extra_files = extra_files;
  BELLE_ASSIGN(std::vector<io::FileRecord> records, model.adapter() != nullptr
                                                        ? model.write_adapter_files(commit->folder(), request)
                                                        : model.write_files(commit->folder(), request));
  BELLE_ASSIGN(io::FileRecord optimizer_state,
               write_optimizer(commit->folder() + "/trainer_state.safetensors", model, optimizer));
  records.push_back(std::move(optimizer_state));
  Json fields(Json::Object{{"schema", kStateSchema},
                           {"step", state.step},
                           {"updates", state.updates},
                           {"nonfinite_steps", state.nonfinite_steps},
                           {"epoch", state.epoch},
                           {"micro_batch", state.micro_batch},
                           {"seed", std::to_string(state.seed)},  // text: 64 bits do not fit a JSON number
                           {"data_fingerprint", state.data_fingerprint},
                           {"config_fingerprint", state.config_fingerprint}});
  if (!state.base_fingerprint.empty()) fields.set("base_fingerprint", Json(state.base_fingerprint));
  BELLE_ASSIGN(io::FileRecord json,
               io::write_file(commit->folder() + "/trainer_state.json", fields.dump(2) + "\n"));
  records.push_back(std::move(json));
  for (io::FileRecord& record : records) commit->add(std::move(record));
  return commit->commit({{"schema", kCheckpointSchema}, {"step", state.step}});
}

static Result<TrainerState> read_trainer_state(const std::string& path) {
  BELLE_ASSIGN(const Json json, io::read_json_file(path, 1 << 20));
  const auto bad = [&](const std::string& what) {
    return Status(StatusCode::invalid_data, path + ": " + what);
  };
  const Json* schema = json.find("schema");
  if (!schema || !schema->string() || *schema->string() != kStateSchema) {
    return bad(std::string("its schema is not ") + kStateSchema);
  }
  TrainerState state;
  const std::pair<const char*, int64_t*> numbers[] = {{"step", &state.step},
                                                      {"updates", &state.updates},
                                                      {"nonfinite_steps", &state.nonfinite_steps},
                                                      {"epoch", &state.epoch},
                                                      {"micro_batch", &state.micro_batch}};
  for (const auto& [key, out] : numbers) {
    const Json* value = json.find(key);
    if (!value || !value->integer() || *value->integer() < 0) {
      return bad(std::string("has no \"") + key + "\" that is a whole number");
    }
    *out = *value->integer();
  }
  std::string seed;
  const std::pair<const char*, std::string*> texts[] = {{"seed", &seed},
                                                        {"data_fingerprint", &state.data_fingerprint},
                                                        {"config_fingerprint", &state.config_fingerprint}};
  for (const auto& [key, out] : texts) {
    const Json* value = json.find(key);
    if (!value || !value->string()) return bad(std::string("has no \"") + key + "\" that is a string");
    *out = *value->string();
  }
  if (const Json* base = json.find("base_fingerprint")) {
    if (!base->string()) return bad("\"base_fingerprint\" is no string");
    state.base_fingerprint = *base->string();
  }
  const auto read = std::from_chars(seed.data(), seed.data() + seed.size(), state.seed);
  if (read.ec != std::errc() || read.ptr != seed.data() + seed.size()) return bad("\"seed\" is not a number");
  return state;
}

Result<TrainerState> verify_checkpoint(const std::string& path) {
  BELLE_ASSIGN(const Json manifest, io::verify_manifest(path));
  const Json* schema = manifest.find("schema");
  if (!schema || !schema->string() || *schema->string() != kCheckpointSchema) {
    return Status(StatusCode::invalid_data, path + "/MANIFEST.json: its schema is not " + kCheckpointSchema);
  }
  return read_trainer_state(path + "/trainer_state.json");
}

static Status check_tensor(const io::TensorView* view, const std::string& name, DType dtype,
                           const model::Parameter& parameter, const std::string& path) {
  if (view && view->dtype == dtype && view->shape == parameter.shape) return {};
  const std::string expected = std::string(dtype_name(dtype)) + " " + model::show_shape(parameter.shape);
  return Status(
      StatusCode::invalid_argument,
      path + ": " +
          (view ? "tensor \"" + name + "\" has another shape or dtype than" : "lacks \"" + name + "\" of") +
          " the model's " + expected +
          "; resume with the model the run was started with, or choose another output_dir");
}

template <class Weights>
static Status check_dtype(const Weights& weights, const model::Model& model, const std::string& path) {
  const io::TensorView* view = weights.find(saved_weights(model).front().name);
  if (view == nullptr || view->dtype == model.dtype()) return {};
  const std::string theirs(dtype_name(view->dtype)), ours(dtype_name(model.dtype()));
  return Status(StatusCode::invalid_argument, path + " was written by a " + theirs +
                                                  " run, but the model computes in " + ours +
                                                  "; load the model with dtype " + theirs +
                                                  ", or choose another output_dir to start afresh");
}

template <class Weights>
static Status load_from(const Weights& weights, const std::string& path, model::Model& model,
                        const Optimizer& optimizer) {
  const std::string state_path = path + "/trainer_state.safetensors";
  BELLE_ASSIGN(const io::SafetensorsFile state, io::SafetensorsFile::open(state_path));
  BELLE_TRY(check_dtype(weights, model, path));
  const std::vector<model::NamedParameter> saved = saved_weights(model);
  for (const model::NamedParameter& weight : saved) {
    BELLE_TRY(check_tensor(weights.find(weight.name), weight.name, model.dtype(), *weight.parameter, path));
  }
  const std::vector<StateTensor> targets = state_tensors(optimizer);
  for (const StateTensor& target : targets) {
    BELLE_TRY(
        check_tensor(state.find(target.name), target.name, target.dtype, *target.parameter, state_path));
  }
  const belle_backend& b = model.backend();
  const auto write = [&](void* device, const io::TensorView& view) {
    return backend::from_c(b.write(b.context, device, view.bytes.data(), view.bytes.size()));
  };
  for (const model::NamedParameter& weight : saved) {
    BELLE_TRY(write(model.weights(weight.parameter->offset), *weights.find(weight.name)));
  }
  for (const StateTensor& target : targets) BELLE_TRY(write(target.device, *state.find(target.name)));
  return {};
}

Status load_checkpoint(const std::string& path, model::Model& model, const Optimizer& optimizer) {
  if (model.adapter() == nullptr) {
    BELLE_ASSIGN(const io::SafetensorsFolder weights, io::SafetensorsFolder::open(path));
    return load_from(weights, path, model, optimizer);
  }
  BELLE_ASSIGN(const model::LoraConfig adapter, model::read_lora_config(path));
  if (adapter != *model.adapter()) {
    return Status(StatusCode::invalid_argument,
                  path +
                      " was written with another adapter; give the model the same r, lora_alpha, "
                      "target_modules and modules_to_save, or choose another output_dir to start afresh");
  }
  BELLE_ASSIGN(const io::SafetensorsFile weights,
               io::SafetensorsFile::open(path + "/" + model::kAdapterWeights));
  return load_from(weights, path, model, optimizer);
}

Status prune_checkpoints(const std::string& output_dir, int64_t newest, int64_t limit) {
  if (limit == 0) return {};
  BELLE_ASSIGN(std::vector<Checkpoint> all, list_checkpoints(output_dir));
  std::erase_if(all, [&](const Checkpoint& checkpoint) { return checkpoint.step > newest; });
  int64_t kept = 0;
  for (auto checkpoint = all.rbegin(); checkpoint != all.rend(); ++checkpoint) {
    if (kept >= std::max<int64_t>(limit, 2)) {
      BELLE_TRY(io::remove_directory(checkpoint->path));
    } else if (io::verify_manifest(checkpoint->path, false).ok()) {
      ++kept;
    }
  }
  return {};
}

}  // namespace belle::train
