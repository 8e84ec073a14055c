#pragma once
// Trainer: optimizer steps over packed micro-batches, checkpoints and exact resume. Runs on one native
// thread.
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "native/core/status.h"
#include "native/model/model.h"

namespace belle::train {

enum class Schedule { linear, cosine, constant, constant_with_warmup, warmup_stable_decay };
// lora: the model's adapter, and what its modules_to_save name; a model with an adapter trains nothing else.
enum class Trainable { all, embeddings, lora };
using model::Recompute;

// Names follow Hugging Face TrainingArguments.
struct TrainConfig {
  double learning_rate = 5e-5;
  double weight_decay = 0.0;
  double adam_beta1 = 0.9, adam_beta2 = 0.999, adam_epsilon = 1e-8;
  double max_grad_norm = 1.0;  // 0: no clipping
  Schedule lr_scheduler_type = Schedule::linear;
  double warmup_ratio = 0.0;  // warm-up steps = ceil(ratio * total)
  int64_t warmup_steps = 0;   // wins over the ratio when > 0
  double decay_ratio = 0.1;   // warmup_stable_decay: the last share of steps, factor 1 - sqrt(progress)
  int64_t gradient_accumulation_steps = 1;
  int64_t per_device_train_batch_size = 1;  // packs (or samples without packing) per micro-batch
  double num_train_epochs = 1;
  int64_t max_steps = 0;  // > 0: wins over epochs
  Trainable trainable = Trainable::all;
  Recompute recompute = Recompute::selective;
  bool packing = true;
  bool shuffle = true;
  uint64_t seed = 42;
  bool eval_on_start = false;            // also before the first step
  int64_t eval_steps = 0;                // 0: only at the end when there is eval data
  int64_t save_steps = 500;              // 0: only at the end
  int64_t save_total_limit = 2;          // 0: keep all; 1 counts as 2, for the newest may turn out damaged
  std::string output_dir;                // empty: no checkpoints
  std::vector<std::string> extra_files;  // copied into each checkpoint (tokenizer)
  std::string
      config_fingerprint;  // resume refuses another one; empty: taken from the fields that shape results
  double peak_flops = 0;   // for MFU; 0: measured on the backend
};

struct Batch {
  std::vector<int32_t> input_ids, cu_seqlens, labels;
};

// Where micro-batches come from. Deterministic: micro_batch(i) is a pure function of i.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  virtual uint64_t micro_batches_per_epoch() const = 0;
  virtual int64_t max_tokens() const = 0;  // of one micro-batch
  virtual int64_t max_document_tokens() const = 0;
  virtual int32_t max_token_id() const = 0;
  virtual std::string fingerprint() const = 0;
  virtual Status micro_batch(uint64_t epoch, uint64_t index, Batch* out) const = 0;
};
std::unique_ptr<BatchSource> memory_source(std::vector<Batch> batches);
// Token shards; order of packs (or samples) from a keyed bijection of (seed, epoch); identity when !shuffle.
Result<std::unique_ptr<BatchSource>> shard_source(const std::string& folder, int64_t batch_size, bool packing,
                                                  bool shuffle, uint64_t seed);

struct StepEvent {
  int64_t step, total_steps;               // step: optimizer steps done, this one included
  double epoch, loss, grad_norm, lr;       // grad_norm before clipping; lr used in this step
  int64_t tokens, supervised_tokens;       // of this optimizer step
  double tokens_per_second, mfu, seconds;  // mfu: 0 where the backend knows no peak
  uint64_t memory_bytes;                   // resident set of the process; 0 where it cannot be told
  bool skipped;  // a NaN or infinity, or nothing supervised: the update was not applied
};
struct CheckpointEvent {
  int64_t step;
  std::string path;
  double seconds;
};
struct EvalEvent {
  int64_t step;
  double loss;
  int64_t supervised_tokens;
};
struct WarningEvent {
  std::string message;
};
struct DoneEvent {
  int64_t step;
  bool stopped;  // by the stop flag, checkpoint kept
};
using Event = std::variant<StepEvent, CheckpointEvent, EvalEvent, WarningEvent, DoneEvent>;

class Trainer {
 public:
  // Plans all memory. eval may be null. The model must outlive the trainer.
  static Result<std::unique_ptr<Trainer>> create(model::Model& model, std::unique_ptr<BatchSource> data,
                                                 std::unique_ptr<BatchSource> eval, TrainConfig config);
  ~Trainer();
  // Loads the newest checkpoint of output_dir that verifies; a damaged one is skipped with a warning. Returns
  // the step it resumed at, 0 when there is no checkpoint. Errors: every checkpoint damaged (invalid_data);
  // other data, seed or config than the checkpoint's (invalid_argument).
  Result<int64_t> resume(const std::function<void(const Event&)>& on_event);
  // Runs to the end, or until *stop: then finishes the step, saves a checkpoint (with output_dir) and returns
  // aborted. Five non-finite steps in a row: numeric. A full disk at a save point is a warning, at the last
  // save an error. Without resume(), an output_dir that already holds checkpoints is refused, and so is, here
  // and there, a model whose vocabulary or adapter changed since create().
  Status run(const std::atomic<bool>& stop, const std::function<void(const Event&)>& on_event);
  int64_t step() const;
  int64_t total_steps() const;
  uint64_t planned_bytes() const;  // the sum of plan_memory's items

 private:
  struct State;
  explicit Trainer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The learning rate factor of 0-based step, as transformers' schedulers compute it. warmup_stable_decay is
// get_wsd_schedule with decay_type "1-sqrt" and ceil(decay_ratio * total_steps) decay steps.
double schedule_factor(Schedule type, int64_t step, int64_t warmup_steps, int64_t total_steps,
                       double decay_ratio);

}  // namespace belle::train
