#include "native/model/model.h"

#include <algorithm>

#include "native/core/philox.h"
#include "native/core/thread_pool.h"
#include "native/io/safetensors.h"
#include "native/model/model_files.h"
#include "native/model/state.h"

namespace belle::model {
namespace {

constexpr int64_t kPiece = 1 << 20;  // elements initialised at a time

Result<DeviceBuffer> make_slopes(const std::shared_ptr<belle_backend>& backend, int64_t heads) {
  const std::vector<float> slopes = alibi_slopes(heads);
  const size_t bytes = slopes.size() * sizeof(float);
  BELLE_ASSIGN(DeviceBuffer buffer, DeviceBuffer::allocate(backend, bytes));
  BELLE_TRY(backend::from_c(backend->write(backend->context, buffer.data(), slopes.data(), bytes)));
  return buffer;
}

Result<std::unique_ptr<Model::State>> make_state(const DecoderConfig& config, const ModelOptions& options) {
  auto state = std::make_unique<Model::State>();
  if (options.dtype != DType::f32 && options.dtype != DType::bf16) {
    return Status(
        StatusCode::invalid_argument,
        "cannot compute in " + std::string(dtype_name(options.dtype)) + "; choose float32 or bfloat16");
  }
  state->config = config;
  state->dtype = options.dtype;
  state->map = make_weight_map(config);
  BELLE_ASSIGN(state->backend, backend::open(options.backend, options.threads, options.cuda_package));
  if (config.alibi()) {
    BELLE_ASSIGN(state->slopes, make_slopes(state->backend, config.num_attention_heads));
  }
  BELLE_ASSIGN(state->weights, allocate_weights(state->backend, state->map.elements, state->dtype));
  return state;
}

bool is_bias(const Parameter& parameter) { return parameter.name.ends_with(".bias"); }

// Values depend on the parameter's place in the list and the element, not on how the work is cut.
Status initialise_parameter(const Model::State& state, uint32_t index, uint64_t seed, ThreadPool& pool,
                            std::vector<float>& staging) {
  const Parameter& parameter = state.map.parameters[index];
  const bool drawn = parameter.shape.size() == 2;
  const float constant = is_bias(parameter) ? 0.0f : 1.0f;
  const Philox random(seed, RngStream::init);
  for (int64_t done = 0; done < parameter.elements; done += kPiece) {
    const int64_t count = std::min(kPiece, parameter.elements - done);
    constexpr int64_t kChunk = 1 << 14;
    pool.run(static_cast<size_t>((count + kChunk - 1) / kChunk), [&](size_t chunk, int) {
      const int64_t begin = static_cast<int64_t>(chunk) * kChunk, end = std::min(begin + kChunk, count);
      for (int64_t i = begin; i < end; ++i) {
        const double draw = drawn ? random.normal(static_cast<uint64_t>(done + i), index) : 0;
        staging[static_cast<size_t>(i)] =
            drawn ? static_cast<float>(draw * static_cast<double>(state.config.initializer_range)) : constant;
      }
    });
    BELLE_TRY(write_values(*state.backend, state.weight_address(parameter.offset + done), state.dtype,
                           staging.data(), count));
  }
  return {};
}

}  // namespace

Model::Model(std::unique_ptr<State> state) : state_(std::move(state)) {}
Model::~Model() = default;

Result<std::unique_ptr<Model>> Model::load(const std::string& folder, const ModelOptions& options) {
  // A folder of ours: its hashes must hold.
  if (is_there(folder + "/MANIFEST.json")) BELLE_TRY(io::verify_manifest(folder).status());
  BELLE_ASSIGN(Json config_json, io::read_json_file(folder + "/config.json", kMaxConfigBytes));
  auto config = parse_decoder_config(config_json);
  if (!config.ok()) return Status(config.status().code(), folder + "/" + config.status().message());
  BELLE_ASSIGN(const io::SafetensorsFolder tensors, io::SafetensorsFolder::open(folder));
  // Every shape is checked against the files before anything of that size is allocated.
  BELLE_ASSIGN(const auto matched,
               match_tensors(make_weight_map(config.value()), config.value(), tensors, folder));
  BELLE_ASSIGN(auto state, make_state(config.value(), options));
  for (size_t i = 0; i < matched.size(); ++i) {
    const Status loaded =
        load_tensor(*state, state->weight_address(state->map.parameters[i].offset), *matched[i]);
    if (!loaded.ok()) return Status(loaded.code(), "weights in " + folder + ": " + loaded.message());
  }
  state->folder = folder;
  state->original_config = std::move(config_json);
  const std::string generation = folder + "/generation_config.json";
  if (is_there(generation)) {
    BELLE_ASSIGN(state->generation_config, io::read_json_file(generation, kMaxConfigBytes));
  }
  return std::unique_ptr<Model>(new Model(std::move(state)));
}

Result<std::unique_ptr<Model>> Model::create(const DecoderConfig& config, uint64_t seed,
                                             const ModelOptions& options) {
  BELLE_TRY(check_decoder_config(config));
  BELLE_ASSIGN(auto state, make_state(config, options));
  ThreadPool pool(options.threads);
  std::vector<float> staging(kPiece);
  for (uint32_t i = 0; i < state->map.parameters.size(); ++i) {
    BELLE_TRY(initialise_parameter(*state, i, seed, pool, staging));
  }
  return std::unique_ptr<Model>(new Model(std::move(state)));
}

const DecoderConfig& Model::config() const { return state_->config; }
const std::vector<Parameter>& Model::parameters() const { return state_->map.parameters; }
const belle_backend& Model::backend() const { return *state_->backend; }
int64_t Model::parameter_elements() const { return state_->map.elements; }
DType Model::dtype() const { return state_->dtype; }
void* Model::weights(int64_t offset) { return state_->weight_address(offset); }

Result<std::vector<float>> Model::read_parameter(const Parameter& parameter) const {
  std::vector<float> values(static_cast<size_t>(parameter.elements));
  BELLE_TRY(read_values(*state_->backend, state_->weight(parameter.offset), state_->dtype, values.data(),
                        parameter.elements));
  return values;
}

Status Model::write_parameter(const Parameter& parameter, std::span<const float> values) {
  if (static_cast<int64_t>(values.size()) != parameter.elements) {
    return {StatusCode::invalid_argument, parameter.name + " with shape " + show_shape(parameter.shape) +
                                              " has " + std::to_string(parameter.elements) +
                                              " elements, but " + std::to_string(values.size()) +
                                              " values were given"};
  }
  return write_values(*state_->backend, state_->weight_address(parameter.offset), state_->dtype,
                      values.data(), parameter.elements);
}

}  // namespace belle::model
