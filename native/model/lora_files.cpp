// PEFT adapter folders: adapter_config.json and adapter_model.safetensors.
#include <cstring>
#include <set>

#include "native/model/lora.h"
#include "native/model/model_files.h"

namespace belle::model {
namespace {

constexpr const char *kConfig = "adapter_config.json", *kWeights = kAdapterWeights;
const std::string kPeftPrefix = "base_model.model.", kHead = "lm_head.weight";

struct AdapterFile {
  std::string path;
  io::SafetensorsFile tensors;

  Status bad(const std::string& what) const { return {StatusCode::invalid_data, path + ": " + what}; }

  static Result<AdapterFile> open(const std::string& folder) {
    const std::string path = folder + "/" + kWeights;
    if (!is_there(path) && is_there(folder + "/adapter_model.bin")) {
      return Status(StatusCode::unsupported, folder +
                                                 " holds adapter_model.bin, a pickle that could run code; "
                                                 "save the adapter with PEFT's safe_serialization=True");
    }
    BELLE_ASSIGN(auto tensors, io::SafetensorsFile::open(path));
    return AdapterFile{path, std::move(tensors)};
  }

  // Each of `saved` is there in its shape, and nothing else.
  Status check(const std::vector<NamedParameter>& saved) const {
    std::set<std::string_view> used;
    for (const NamedParameter& entry : saved) {
      const io::TensorView* found = tensors.find(entry.name);
      const std::vector<int64_t>& shape = entry.parameter->shape;
      if (found == nullptr && entry.name == kPeftPrefix + kHead && entry.parameter->name != kHead) {
        return bad(entry.name + " is missing, but the model ties it to " + entry.parameter->name +
                   "; train the adapter with lm_head in modules_to_save and ensure_weight_tying");
      }
      if (found == nullptr) {
        return bad(entry.name + " with shape " + show_shape(shape) +
                   " is missing; the adapter is incomplete or belongs to another model");
      }
      if (found->shape != shape) {
        return bad(entry.name + " has shape " + show_shape(found->shape) + ", but the model and " + kConfig +
                   " ask for " + show_shape(shape) + "; the adapter belongs to another model or config");
      }
      if (found->dtype != DType::f32 && found->dtype != DType::bf16 && found->dtype != DType::f16) {
        return bad(entry.name + " is " + std::string(dtype_name(found->dtype)) +
                   "; adapters are read as float32, bfloat16 or float16");
      }
      used.insert(entry.name);
    }
    for (const io::TensorView& tensor : tensors.tensors()) {
      if (used.contains(tensor.name)) continue;
      return bad(tensor.name + " with shape " + show_shape(tensor.shape) + " is nothing that " + kConfig +
                 " adapts or saves in this model");
    }
    return {};
  }

  // The embedding under its two names.
  Status check_tied(const std::vector<NamedParameter>& saved) const {
    const io::TensorView* first = nullptr;
    for (const NamedParameter& entry : saved) {
      if (entry.parameter->adapter) continue;
      const io::TensorView* view = tensors.find(entry.name);
      if (first == nullptr) first = view;
      const bool same = view->dtype == first->dtype && view->bytes.size() == first->bytes.size() &&
                        std::memcmp(view->bytes.data(), first->bytes.data(), view->bytes.size()) == 0;
      if (same) continue;
      return bad(first->name + " and " + view->name +
                 " differ, but the model ties them; train the adapter with ensure_weight_tying");
    }
    return {};
  }
};

bool is_ours(const std::string& name) {
  return name == kConfig || name == kWeights || name == "MANIFEST.json";
}

}  // namespace

std::vector<NamedParameter> adapter_tensors(const WeightMap& map) {
  std::vector<NamedParameter> all;
  for (const Parameter& parameter : map.parameters) {
    if (!map.adapter_range().contains(parameter.offset)) continue;
    all.push_back({parameter.adapter ? parameter.name : kPeftPrefix + parameter.name, &parameter});
    // PEFT keeps both names of tied embeddings.
    if (parameter.embedding && map.head == map.embedding) all.push_back({kPeftPrefix + kHead, &parameter});
  }
  return all;
}

Result<LoraConfig> read_lora_config(const std::string& folder) {
  BELLE_ASSIGN(const Json json, io::read_json_file(folder + "/" + kConfig, kMaxConfigBytes));
  auto config = parse_lora_config(json);
  if (!config.ok()) return Status(config.status().code(), folder + "/" + config.status().message());
  return config;
}

Status Model::load_adapter(const std::string& folder) {
  State& s = *state_;
  if (is_there(folder + "/MANIFEST.json")) BELLE_TRY(io::verify_manifest(folder).status());
  BELLE_ASSIGN(const LoraConfig config, read_lora_config(folder));
  auto adapters = make_adapters(s, config, false);
  if (!adapters.ok()) return Status(adapters.status().code(), folder + ": " + adapters.status().message());
  Adapters made = adapters.take();
  BELLE_ASSIGN(const AdapterFile file, AdapterFile::open(folder));
  const std::vector<NamedParameter> saved = adapter_tensors(made.map);
  BELLE_TRY(file.check(saved));
  if (made.map.embeddings_adapted && s.map.head == s.map.embedding) BELLE_TRY(file.check_tied(saved));
  const auto load = [&](bool adapter) -> Status {
    for (const NamedParameter& entry : saved) {
      const Parameter& parameter = *entry.parameter;
      if (parameter.adapter != adapter) continue;
      void* device = adapter ? made.address(parameter.offset, s.dtype) : s.weight_address(parameter.offset);
      const Status loaded = load_tensor(s, device, *file.tensors.find(entry.name));
      if (!loaded.ok()) return Status(loaded.code(), file.path + ": " + loaded.message());
    }
    return {};
  };
  BELLE_TRY(load(true));
  BELLE_TRY(load(false));  // the model's own weights last: nothing else can fail
  install_adapters(&s, std::move(made));
  return {};
}

Result<std::vector<io::FileRecord>> Model::write_adapter_files(const std::string& folder,
                                                               const SaveRequest& request) const {
  const State& s = *state_;
  BELLE_TRY(check_adapter(s));
  BELLE_ASSIGN(const DType dtype, saved_dtype(s, request));
  std::vector<io::TensorToWrite> tensors;
  for (const NamedParameter& entry : adapter_tensors(s.map)) {
    tensors.push_back(tensor_to_write(s, *entry.parameter, entry.name, dtype));
  }
  BELLE_ASSIGN(io::FileRecord weights,
               io::write_safetensors_file(folder + "/" + kWeights, tensors, {{"format", "pt"}}));
  weights.name = kWeights;
  std::vector<io::FileRecord> records{std::move(weights)};
  const bool tied = s.map.head == s.map.embedding;
  BELLE_TRY(add_json_file(folder, kConfig, write_lora_config(*s.lora, s.folder, tied), &records));
  BELLE_TRY(add_extra_files(folder, request.extra_files, is_ours, &records));
  return records;
}

Status Model::save_adapter(const std::string& folder, const SaveRequest& request) const {
  BELLE_TRY(check_adapter(*state_));
  BELLE_ASSIGN(const auto commit, io::DirectoryCommit::create(folder));
  BELLE_ASSIGN(auto records, write_adapter_files(commit->folder(), request));
  for (io::FileRecord& record : records) commit->add(std::move(record));
  Json::Object fields;
  fields.emplace_back("schema", Json("belle-train/adapter/1"));
  fields.emplace_back("dtype", Json(std::string(dtype_name(request.dtype.value_or(state_->dtype)))));
  return commit->commit(std::move(fields));
}

}  // namespace belle::model
