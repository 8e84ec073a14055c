#pragma once
// What writing and reading a model folder and an adapter folder have in common.
#include <span>
#include <string>
#include <vector>

#include "native/io/safetensors.h"
#include "native/model/state.h"

namespace belle::model {

inline constexpr uint64_t kMaxConfigBytes = 1 << 20;

// What cannot be told counts as there: reading it says why.
bool is_there(const std::string& path);

// A tensor of the parameter's shape, from float32, bfloat16 or float16, to `device` in the model's dtype.
Status load_tensor(const Model::State& state, void* device, const io::TensorView& tensor);

// The dtype of a request, or the model's; invalid_argument unless it is float32 or bfloat16.
Result<DType> saved_dtype(const Model::State& state, const SaveRequest& request);
io::TensorToWrite tensor_to_write(const Model::State& state, const Parameter& parameter, std::string name,
                                  DType dtype);
Status add_json_file(const std::string& folder, const std::string& name, const Json& value,
                     std::vector<io::FileRecord>* records);
// `taken`: a name that the folder gives to files of its own.
Status add_extra_files(const std::string& folder, std::span<const std::string> paths,
                       bool (*taken)(const std::string& name), std::vector<io::FileRecord>* records);

}  // namespace belle::model
