#include <algorithm>
#include <set>

#include "native/core/checked.h"
#include "native/core/utf8.h"
#include "native/io/safetensors.h"

namespace belle::io {

static std::string_view safetensors_name(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "F32";
    case DType::bf16:
      return "BF16";
    case DType::f16:
      return "F16";
    case DType::i32:
      return "I32";
    case DType::i64:
      return "I64";
    case DType::i16:
      return "I16";
    case DType::u8:
      return "U8";
  }
  return "?";
}

static Result<uint64_t> tensor_bytes(const TensorToWrite& tensor) {
  uint64_t bytes = dtype_size(tensor.dtype);
  for (const int64_t dimension : tensor.shape) {
    if (dimension < 0 || !checked_mul(bytes, static_cast<uint64_t>(dimension), &bytes)) {
      return Status(StatusCode::invalid_argument,
                    "tensor \"" + printable(tensor.name) + "\" has an impossible shape");
    }
  }
  return bytes;
}

static Status check_name(const std::string& name, std::set<std::string>* seen) {
  const bool control = std::any_of(name.begin(), name.end(),
                                   [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  if (name.empty() || name.size() > 512 || control || name == "__metadata__" ||
      valid_utf8_prefix(name) != name.size()) {
    return Status(StatusCode::invalid_argument, "a tensor cannot be named \"" + printable(name) + "\"");
  }
  if (!seen->insert(name).second) {
    return Status(StatusCode::invalid_argument, "two tensors are named \"" + printable(name) + "\"");
  }
  return {};
}

Result<FileRecord> write_safetensors_file(const std::string& path, const std::vector<TensorToWrite>& tensors,
                                          const std::map<std::string, std::string>& metadata) {
  std::vector<const TensorToWrite*> ordered;
  for (const TensorToWrite& tensor : tensors) ordered.push_back(&tensor);
  std::stable_sort(ordered.begin(), ordered.end(), [](const TensorToWrite* a, const TensorToWrite* b) {
    return dtype_size(a->dtype) > dtype_size(b->dtype);
  });
  Json::Object header;
  if (!metadata.empty()) {
    Json::Object fields;
    for (const auto& [key, value] : metadata) fields.emplace_back(key, value);
    header.emplace_back("__metadata__", std::move(fields));
  }
  std::set<std::string> names;
  uint64_t end = 0;
  for (const TensorToWrite* tensor : ordered) {
    BELLE_TRY(check_name(tensor->name, &names));
    BELLE_ASSIGN(const uint64_t bytes, tensor_bytes(*tensor));
    const uint64_t begin = end;
    if (!checked_add(begin, bytes, &end))
      return Status(StatusCode::invalid_argument, path + ": sizes overflow 64 bits");
    Json::Array shape;
    for (const int64_t dimension : tensor->shape) shape.push_back(dimension);
    header.emplace_back(
        tensor->name,
        Json::Object{{"dtype", std::string(safetensors_name(tensor->dtype))},
                     {"shape", std::move(shape)},
                     {"data_offsets", Json::Array{static_cast<int64_t>(begin), static_cast<int64_t>(end)}}});
  }
  std::string text = Json(std::move(header)).dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that the data starts at a multiple of 8
  const uint64_t length = text.size();

  BELLE_ASSIGN(const std::unique_ptr<FileWriter> file, FileWriter::create(path));
  BELLE_TRY(file->write(&length, sizeof length));
  BELLE_TRY(file->write(text));
  for (const TensorToWrite* tensor : ordered) {
    uint64_t written = 0;
    BELLE_TRY(tensor->write([&](const void* bytes, size_t count) {
      written += count;
      return file->write(bytes, count);
    }));
    BELLE_ASSIGN(const uint64_t due, tensor_bytes(*tensor));
    if (written != due) {
      return Status(StatusCode::internal, "tensor \"" + printable(tensor->name) + "\" wrote " +
                                              std::to_string(written) + " bytes instead of " +
                                              std::to_string(due));
    }
  }
  return file->commit();
}

static std::string shard_name(size_t index, size_t count) {
  const auto five = [](size_t value) {
    const std::string digits = std::to_string(value);
    return std::string(digits.size() < 5 ? 5 - digits.size() : 0, '0') + digits;
  };
  return "model-" + five(index + 1) + "-of-" + five(count) + ".safetensors";
}

Result<std::vector<FileRecord>> write_safetensors_folder(const std::string& folder,
                                                         const std::vector<TensorToWrite>& tensors,
                                                         uint64_t max_shard_bytes) {
  const std::map<std::string, std::string> metadata{
      {"format", "pt"}};  // transformers refuses files without it
  std::vector<std::vector<TensorToWrite>> shards(1);
  std::set<std::string> names;
  uint64_t total = 0, filled = 0;
  for (const TensorToWrite& tensor : tensors) {
    BELLE_TRY(check_name(tensor.name, &names));
    BELLE_ASSIGN(const uint64_t bytes, tensor_bytes(tensor));
    if (!shards.back().empty() && bytes > max_shard_bytes - std::min(filled, max_shard_bytes)) {
      shards.emplace_back();
      filled = 0;
    }
    if (!checked_add(total, bytes, &total))
      return Status(StatusCode::invalid_argument, "sizes overflow 64 bits");
    filled += bytes;
    shards.back().push_back(tensor);
  }
  std::vector<FileRecord> records;
  if (shards.size() == 1) {
    BELLE_ASSIGN(FileRecord record, write_safetensors_file(folder + "/model.safetensors", tensors, metadata));
    records.push_back(std::move(record));
    return records;
  }
  std::map<std::string, std::string> places;  // sorted by name, as transformers writes it
  for (size_t i = 0; i < shards.size(); ++i) {
    const std::string name = shard_name(i, shards.size());
    for (const TensorToWrite& tensor : shards[i]) places.emplace(tensor.name, name);
    BELLE_ASSIGN(FileRecord record, write_safetensors_file(folder + "/" + name, shards[i], metadata));
    records.push_back(std::move(record));
  }
  Json::Object weight_map;
  for (const auto& [name, shard] : places) weight_map.emplace_back(name, shard);
  const Json index(Json::Object{{"metadata", Json::Object{{"total_size", static_cast<int64_t>(total)}}},
                                {"weight_map", std::move(weight_map)}});
  BELLE_ASSIGN(FileRecord record, write_file(folder + "/model.safetensors.index.json", index.dump(2) + "\n"));
  records.push_back(std::move(record));
  return records;
}

}  // namespace belle::io
