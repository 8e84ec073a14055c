#include "native/train/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "native/core/committed_file.h"
#include "native/io/commit.h"
#include "native/io/safetensors.h"
#include "native/model/weight_map.h"

namespace belle::train {

namespace fs = std::filesystem;

static constexpr const char* kPrefix = "checkpoint-";
static constexpr const char* kStateSchema = "belle-train/trainer/1";
static constexpr const char* kCheckpointSchema = "belle-train/checkpoint/1";
static constexpr int64_t kPiece = 1 << 20;  // elements read from the device at a time

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

Result<uint64_t> checkpoint_bytes(const model::Model& model, const Optimizer& optimizer,
                                  const std::vector<std::string>& extra_files) {
  uint64_t elements = 2 * optimizer.trainable_elements();
  for (const model::Parameter& parameter : model.parameters())
    elements += static_cast<uint64_t>(parameter.elements);
  // Headers and JSON files: names, shapes and offsets take well under 512 bytes a tensor.
  uint64_t bytes = 4 * elements + 65536 + 3 * 512 * model.parameters().size();
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

static Status stream_device(const belle_backend& b, const float* device, int64_t elements,
                            const std::function<Status(const void*, size_t)>& sink) {
  std::vector<float> piece(static_cast<size_t>(std::min(kPiece, elements)));
  for (int64_t done = 0; done < elements; done += kPiece) {
    const size_t bytes = static_cast<size_t>(std::min(kPiece, elements - done)) * sizeof(float);
    BELLE_TRY(backend::from_c(b.read(b.context, piece.data(), device + done, bytes)));
    BELLE_TRY(sink(piece.data(), bytes));
  }
  return {};
}

static Result<io::FileRecord> write_moments(const std::string& path, const model::Model& model,
                                            const Optimizer& optimizer) {
  std::vector<io::TensorToWrite> tensors;
  for (const Optimizer::Moments& moments : optimizer.moments()) {
    const auto add = [&](const char* prefix, const float* device) {
      tensors.push_back({prefix + moments.parameter->name, DType::f32, moments.parameter->shape,
                         [&b = model.backend(), device, elements = moments.parameter->elements](
                             const auto& sink) { return stream_device(b, device, elements, sink); }});
    };
    add("m.", moments.m);
    add("v.", moments.v);
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
  model::SaveRequest request;  // float32: a resumed run must have the same bits
  request.extra_files = extra_files;
  BELLE_ASSIGN(std::vector<io::FileRecord> records, model.write_files(commit->folder(), request));
  BELLE_ASSIGN(io::FileRecord moments,
               write_moments(commit->folder() + "/trainer_state.safetensors", model, optimizer));
  records.push_back(std::move(moments));
  const Json fields(
      Json::Object{{"schema", kStateSchema},
                   {"step", state.step},
                   {"updates", state.updates},
                   {"nonfinite_steps", state.nonfinite_steps},
                   {"epoch", state.epoch},
                   {"micro_batch", state.micro_batch},
                   {"seed", std::to_string(state.seed)},  // text: 64 bits do not fit a JSON number
                   {"data_fingerprint", state.data_fingerprint},
                   {"config_fingerprint", state.config_fingerprint}});
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

static Status check_tensor(const io::TensorView* view, const std::string& name,
                           const model::Parameter& parameter, const std::string& path) {
  if (view && view->dtype == DType::f32 && view->shape == parameter.shape) return {};
  return Status(
      StatusCode::invalid_argument,
      path + ": " +
          (view ? "tensor \"" + name + "\" has another shape or dtype than" : "lacks \"" + name + "\" of") +
          " the model's float32 " + model::show_shape(parameter.shape) +
          "; resume with the model the run was started with, or choose another output_dir");
}

Status load_checkpoint(const std::string& path, model::Model& model, const Optimizer& optimizer) {
  BELLE_ASSIGN(const io::SafetensorsFolder weights, io::SafetensorsFolder::open(path));
  const std::string moments_path = path + "/trainer_state.safetensors";
  BELLE_ASSIGN(const io::SafetensorsFile moments, io::SafetensorsFile::open(moments_path));
  for (const model::Parameter& parameter : model.parameters()) {
    BELLE_TRY(check_tensor(weights.find(parameter.name), parameter.name, parameter, path));
  }
  const std::vector<Optimizer::Moments> targets = optimizer.moments();
  for (const Optimizer::Moments& target : targets) {
    for (const char* prefix : {"m.", "v."}) {
      const std::string name = prefix + target.parameter->name;
      BELLE_TRY(check_tensor(moments.find(name), name, *target.parameter, moments_path));
    }
  }
  const belle_backend& b = model.backend();
  std::vector<float> values;
  for (const model::Parameter& parameter : model.parameters()) {
    values.resize(static_cast<size_t>(parameter.elements));
    BELLE_TRY(io::to_float32(*weights.find(parameter.name), values.data()));
    BELLE_TRY(model.write_parameter(parameter, values));
  }
  for (const Optimizer::Moments& target : targets) {
    for (const auto& [prefix, device] : {std::pair("m.", target.m), std::pair("v.", target.v)}) {
      const io::TensorView& view = *moments.find(prefix + target.parameter->name);
      BELLE_TRY(backend::from_c(b.write(b.context, device, view.bytes.data(), view.bytes.size())));
    }
  }
  return {};
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
