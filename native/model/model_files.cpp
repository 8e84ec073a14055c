#include "native/model/model_files.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <set>

namespace belle::model {
namespace {

constexpr int64_t kPiece = 1 << 20;  // elements moved at a time between files, host and device

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
  return {std::move(name), dtype, parameter.shape, [&state, &parameter, dtype](const Sink& sink) {
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
