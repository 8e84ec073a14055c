#include "native/model/model_files.h"

#include <algorithm>
#include <filesystem>
#include <set>

namespace belle::model {
namespace {

constexpr int64_t kPiece = 1 << 20;  // elements moved at a time between files, host and device

Status stream_parameter(const Model::State& state, const Parameter& parameter, DType dtype,
                        const ByteSink& sink) {
  const belle_backend& b = *state.backend;
  if (dtype == state.dtype) {
    return read_bytes(b, state.weight(parameter.offset),
                      static_cast<uint64_t>(parameter.elements) * dtype_size(dtype), sink);
  }
  std::vector<float> values(static_cast<size_t>(std::min(kPiece, parameter.elements)));
  std::vector<uint16_t> halves(dtype == DType::bf16 ? values.size() : 0);
  for (int64_t done = 0; done < parameter.elements; done += kPiece) {
    const int64_t count = std::min(kPiece, parameter.elements - done);
    BELLE_TRY(read_values(b, state.weight(parameter.offset + done), state.dtype, values.data(), count));
    std::transform(values.data(), values.data() + (halves.empty() ? 0 : count), halves.data(), f32_to_bf16);
    const void* piece = halves.empty() ? static_cast<const void*>(values.data()) : halves.data();
    BELLE_TRY(sink(piece, static_cast<size_t>(count) * dtype_size(dtype)));
  }
  return {};
}

}  // namespace

bool is_there(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::status(path, ignored).type() != std::filesystem::file_type::not_found;
}

Status load_tensor(const Model::State& state, void* device, const io::TensorView& tensor) {
  const belle_backend& b = *state.backend;
  if (tensor.dtype == state.dtype) {
    return backend::from_c(b.write(b.context, device, tensor.bytes.data(), tensor.bytes.size()));
  }
  const size_t width = dtype_size(tensor.dtype);
  const int64_t elements = tensor.elements();
  std::vector<float> values(static_cast<size_t>(std::min(kPiece, elements)));
  for (int64_t done = 0; done < elements; done += kPiece) {
    const int64_t count = std::min(kPiece, elements - done);
    io::TensorView piece = tensor;
    piece.shape = {count};
    piece.bytes = tensor.bytes.subspan(static_cast<size_t>(done) * width, static_cast<size_t>(count) * width);
    BELLE_TRY(io::to_float32(piece, values.data()));
    BELLE_TRY(write_values(b, element(device, done, state.dtype), state.dtype, values.data(), count));
  }
  return {};
}

Result<DType> saved_dtype(const Model::State& state, const SaveRequest& request) {
  const DType dtype = request.dtype.value_or(state.dtype);
  if (dtype == DType::f32 || dtype == DType::bf16) return dtype;
  return Status(StatusCode::invalid_argument,
                "cannot save weights as " + std::string(dtype_name(dtype)) + "; choose float32 or bfloat16");
}

io::TensorToWrite tensor_to_write(const Model::State& state, const Parameter& parameter, std::string name,
                                  DType dtype) {
  return {std::move(name), dtype, parameter.shape, [&state, &parameter, dtype](const ByteSink& sink) {
            return stream_parameter(state, parameter, dtype, sink);
          }};
}

Status add_json_file(const std::string& folder, const std::string& name, const Json& value,
                     std::vector<io::FileRecord>* records) {
  BELLE_ASSIGN(auto record, io::write_file(folder + "/" + name, value.dump(2) + "\n"));
  record.name = name;
  records->push_back(std::move(record));
  return {};
}

Status add_extra_files(const std::string& folder, std::span<const std::string> paths,
                       bool (*taken)(const std::string& name), std::vector<io::FileRecord>* records) {
  std::set<std::string> names;
  for (const std::string& path : paths) {
    const std::string name = io::base_name(path);
    if (taken(name) || !names.insert(name).second) {
      return Status(StatusCode::invalid_argument, path + ": the folder already gets a file named " + name +
                                                      "; leave it out of the extra files");
    }
    BELLE_ASSIGN(auto record, io::copy_file(path, folder, name));
    records->push_back(std::move(record));
  }
  return {};
}

}  // namespace belle::model
