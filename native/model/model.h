#pragma once
// Model: the weights of one decoder on one backend, and what can be computed with them.
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "native/backend/registry.h"
#include "native/core/dtype.h"
#include "native/core/status.h"
#include "native/io/commit.h"
#include "native/model/decoder_config.h"
#include "native/model/lora_config.h"

namespace belle::model {

struct ModelOptions {
  std::string backend = "auto";   // auto | cpu | cuda
  int threads = 0;                // CPU threads; 0 = all usable cores
  DType dtype = DType::f32;       // of weights and activations: f32 or bf16
  std::string cuda_package = {};  // libbelle_cuda.so of the npm package; empty: not installed
};

struct Parameter {
  std::string name;            // Hugging Face weight name; PEFT's of an adapter
  std::vector<int64_t> shape;  // row-major
  int64_t offset = 0;          // elements, into the flat parameter buffer
  int64_t elements = 0;
  bool embedding = false;  // input or output embedding: what `trainable: embeddings` trains
  bool adapter = false;    // A or B of a LoRA adapter
};

// A run of the flat parameter buffer, in elements. The buffer holds everything else, then the embeddings,
// then the adapters, so that whatever is trained together is one run.
struct ParameterRange {
  int64_t begin = 0, end = 0;
  int64_t elements() const { return end - begin; }
  bool contains(int64_t offset) const { return offset >= begin && offset < end; }
};

// Where weight gradients go: those of the parameters in `range`; the others are frozen and have none.
struct Gradients {
  float* data = nullptr;  // device, [range.elements()]; gaps between parameters are left alone
  ParameterRange range;
  bool overwrite = false;  // what data held is lost (a step's first micro-batch); else it is added to
  float* at(int64_t offset) const { return range.contains(offset) ? data + (offset - range.begin) : nullptr; }
};

// How much of the forward pass is computed again in the backward pass. The bits of the result are the same.
enum class Recompute {
  none,       // nothing: the inputs of every matrix are kept
  selective,  // norm outputs and the MLP's product: much memory, almost no floating-point operations
  layer       // all but the residual stream that enters each layer
};

// What activation memory must be able to serve.
struct WorkspaceSpec {
  int64_t tokens = 0;        // the most of one pass
  bool training = false;     // backward passes too
  bool train_layers = true;  // training: weight gradients of more than the embeddings
  Recompute recompute = Recompute::selective;
  int64_t lora_rank = 0;  // WeightMap::lora_rank; Model fills it in
  bool operator==(const WorkspaceSpec&) const = default;
};

// Packed documents. labels unshifted, -100 = not supervised; a document's first token is never a target.
struct PackedBatch {
  std::span<const int32_t> input_ids;
  std::span<const int32_t> cu_seqlens;  // documents + 1, from 0 to input_ids.size()
  std::span<const int32_t> labels;      // empty: no loss
};

struct ForwardRequest {
  bool logits = false;
  bool gradients = false;
};

struct ForwardResult {
  double loss_sum = 0;  // sum of token losses; loss = loss_sum / supervised_tokens
  int64_t supervised_tokens = 0;
  std::vector<float> logits;     // [tokens, vocab] when asked
  std::vector<float> gradients;  // flat, parameter offsets, of loss_sum / supervised_tokens, when asked
};

// subtoken_mean: mean of the old rows of its sub-tokens. mean_cov: a draw from N(mean, covariance) of all old
// rows, at full scale (transformers' mean_resizing scales that covariance by 1e-9). mean: of all old rows.
// normal: N(0, initializer_range). In the input and the output embeddings alike.
enum class RowInit { subtoken_mean, mean_cov, mean, normal };

struct ResizeRequest {
  int64_t rows = 0;  // new vocabulary size; fewer than now is an error
  // For row old + i: ids of old rows; an empty list falls back to mean. Read by subtoken_mean only.
  std::vector<std::vector<int32_t>> sub_tokens = {};
  RowInit init = RowInit::subtoken_mean;
  uint64_t seed = 0;
};

struct SaveRequest {
  std::optional<DType> dtype = {};  // of the weights in the files: f32 or bf16; unset: the model's
  uint64_t max_shard_bytes = 5ull << 30;
  std::vector<std::string> extra_files = {};  // copied beside the weights (tokenizer.model, ...)
};

class Model {
 public:
  // A Hugging Face folder: config.json, safetensors, generation_config.json when it is there. Weights may be
  // float32, bfloat16 or float16, whatever dtype is computed in. A folder with a MANIFEST.json (ours) must
  // match its hashes.
  static Result<std::unique_ptr<Model>> load(const std::string& folder, const ModelOptions& options);
  // Fresh weights: normal(0, initializer_range) from the seed; norms 1, biases 0.
  static Result<std::unique_ptr<Model>> create(const DecoderConfig& config, uint64_t seed,
                                               const ModelOptions& options);
  ~Model();

  const DecoderConfig& config() const;
  const std::vector<Parameter>& parameters() const;
  const belle_backend& backend() const;
  DType dtype() const;                 // of weights and activations
  int64_t parameter_elements() const;  // length of the flat buffer
  void* weights(int64_t offset);       // device address of an element; adapters lie apart from all the others
  Result<std::vector<float>> read_parameter(const Parameter& parameter) const;  // to host
  Status write_parameter(const Parameter& parameter, std::span<const float> values);

  // Checks ids, cu_seqlens and labels, plans or reuses a workspace, runs forward (and backward when asked).
  Result<ForwardResult> forward(const PackedBatch& batch, const ForwardRequest& request);
  // For the trainer: gradients of grad_scale * sum of token losses. loss_sum is returned.
  Result<double> forward_backward(const PackedBatch& batch, float grad_scale, const Gradients& gradients);
  // Loss only, for evaluation.
  Result<double> forward_loss(const PackedBatch& batch);
  // Sum of token log-probabilities of each sequence given its first token.
  Result<std::vector<double>> log_likelihood(std::span<const std::vector<int32_t>> sequences);
  // Plans activation memory, so that no pass within `spec` allocates. What was planned before is dropped.
  Status reserve(const WorkspaceSpec& spec);

  // Old rows keep their bits. weights(), parameters() and the ranges change; a reserve() is forgotten.
  Status resize_vocabulary(const ResizeRequest& request);

  // Fresh adapters: A uniform in +-1/sqrt(in) (Kaiming, as PEFT), B 0, so that nothing changes yet. What
  // reserve() planned is dropped, here and below. A model has one adapter at a time.
  Status add_lora(const LoraConfig& config);
  // A PEFT folder: adapter_config.json and adapter_model.safetensors, checked against each other and against
  // the model before anything is changed. A MANIFEST.json (ours) must match.
  Status load_adapter(const std::string& folder);
  // A folder that PEFT loads, committed at once (MANIFEST.json included). invalid_argument without an
  // adapter.
  Status save_adapter(const std::string& folder, const SaveRequest& request) const;
  // The same files into a folder that somebody else commits (checkpoints).
  Result<std::vector<io::FileRecord>> write_adapter_files(const std::string& folder,
                                                          const SaveRequest& request) const;
  // W += alpha/r B A, in float32, rounded once; then there is no adapter any more.
  Status merge_adapter();
  const LoraConfig* adapter() const;  // null: none

  // The whole Hugging Face folder, committed at once (MANIFEST.json included). invalid_argument with an
  // adapter that was not merged.
  Status save(const std::string& folder, const SaveRequest& request) const;
  // The same files into a folder that somebody else commits (checkpoints).
  Result<std::vector<io::FileRecord>> write_files(const std::string& folder,
                                                  const SaveRequest& request) const;

  struct State;
  State& state() { return *state_; }  // for the rooms above that run the decoder themselves (infer)
  const State& state() const { return *state_; }

 private:
  explicit Model(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace belle::model
