#include "native/train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>

#include "native/core/committed_file.h"
#include "native/core/resident_memory.h"
#include "native/model/state.h"
#include "native/train/base_fingerprint.h"
#include "native/train/checkpoint.h"
#include "native/train/flops.h"
#include "native/train/memory_plan.h"
#include "native/train/optimizer.h"
#include "native/train/step_plan.h"
#include "native/train/trainer_checks.h"

namespace belle::train {

using Clock = std::chrono::steady_clock;
using Emit = std::function<void(const Event&)>;

static constexpr int64_t kMaxNonfiniteSteps = 5;  // in a row

static double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Targets of the loss: labels that are not -100, a document's first token never among them.
static int64_t count_supervised(const Batch& batch) {
  const auto supervised = [](int32_t label) { return label != -100; };
  int64_t count = std::count_if(batch.labels.begin(), batch.labels.end(), supervised);
  for (size_t i = 0; i + 1 < batch.cu_seqlens.size(); ++i) {
    const auto first = static_cast<size_t>(batch.cu_seqlens[i]);
    if (first < batch.labels.size()) count -= supervised(batch.labels[first]);
  }
  return count;
}

static void reserve_batch(Batch* batch, int64_t tokens) {
  batch->input_ids.reserve(static_cast<size_t>(tokens));
  batch->labels.reserve(static_cast<size_t>(tokens));
  batch->cu_seqlens.reserve(static_cast<size_t>(tokens) + 1);
}

struct Trainer::State {
  State(model::Model& trained, TrainConfig wanted, StepPlan planned, Optimizer made)
      : model(trained),
        config(std::move(wanted)),
        plan(planned),
        optimizer(std::move(made)),
        layout(trained.state().layout),
        flops(step_flops(trained.config(), trained.parameters(),
                         trained_range(trained.state().map, config.trainable))) {}

  model::Model& model;
  TrainConfig config;
  StepPlan plan;
  Optimizer optimizer;
  uint64_t layout;  // of the model when the optimizer was made
  model::WorkspaceSpec workspace;
  StepFlops flops;
  std::unique_ptr<BatchSource> data, eval;
  uint64_t planned_bytes = 0;

  TrainerState progress;
  int64_t saved_step = -1, evaluated_step = -1;
  bool resumed = false;
  std::vector<Batch> window;  // the micro-batches of one step; their memory is reserved before the first
  std::vector<int64_t> supervised;  // of each of them
  double window_flops = 0;
  Batch eval_batch;

  Status check_model() const;
  Status open_output(const Emit& emit);
  void prune(const Emit& emit);
  Status train_step(const Emit& emit);
  Status load_window(const Window& place, StepEvent* event);
  Status accumulate(const Window& place, StepEvent* event);
  Status count_nonfinite(const Window& place, const StepEvent& event);
  Status evaluate(const std::atomic<bool>& stop, const Emit& emit);
  Status know_base();
  Status save(const Emit& emit);
  Status save_or_warn(const Emit& emit);
  bool due(int64_t every) const { return every > 0 && progress.step % every == 0; }
};

Trainer::Trainer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Trainer::~Trainer() = default;
int64_t Trainer::step() const { return state_->progress.step; }
int64_t Trainer::total_steps() const { return state_->plan.total_steps; }
uint64_t Trainer::planned_bytes() const { return state_->planned_bytes; }

// 0 where the backend does not know its peak: a figure that is missing ends no run.
static double measure_peak(const model::Model& model) {
  const belle_backend& b = model.backend();
  double peak = 0;
  const Status measured =
      backend::from_c(b.peak_flops(b.context, static_cast<int32_t>(model.dtype()), &peak));
  return measured.ok() ? peak : 0;
}

Result<std::unique_ptr<Trainer>> Trainer::create(model::Model& model, std::unique_ptr<BatchSource> data,
                                                 std::unique_ptr<BatchSource> eval, TrainConfig config) {
  BELLE_TRY(check_config(config));
  BELLE_TRY(check_extra_files(config.extra_files));
  BELLE_TRY(check_trainable(model, config.trainable));
  BELLE_ASSIGN(const StepPlan plan, plan_steps(config, data->micro_batches_per_epoch()));
  BELLE_TRY(check_source(*data, model.config(), "the training data"));
  if (eval) BELLE_TRY(check_source(*eval, model.config(), "the evaluation data"));
  if (config.config_fingerprint.empty()) config.config_fingerprint = fingerprint_of(config);

  const int64_t tokens = std::max(data->max_tokens(), eval ? eval->max_tokens() : 0);
  const model::WorkspaceSpec workspace = workspace_spec(config, tokens);
  BELLE_TRY(model.reserve(workspace));
  BELLE_ASSIGN(Optimizer optimizer, Optimizer::create(model, config.trainable));
  if (config.peak_flops == 0) config.peak_flops = measure_peak(model);
  auto state = std::make_unique<State>(model, std::move(config), plan, std::move(optimizer));
  State& s = *state;
  s.workspace = workspace;
  s.data = std::move(data);
  s.eval = std::move(eval);
  s.window.resize(std::min(plan.accumulation, plan.micro_batches));
  s.supervised.resize(s.window.size());
  for (Batch& batch : s.window) reserve_batch(&batch, tokens);
  reserve_batch(&s.eval_batch, s.eval ? tokens : 0);
  const auto held = static_cast<int64_t>(s.window.size()) + (s.eval ? 1 : 0);
  s.planned_bytes = plan_memory(model.config(), model.state().map, model.dtype(), s.config, tokens, held,
                                backend::logit_room(model.backend().name))
                        .total();
  s.progress.seed = s.config.seed;
  s.progress.data_fingerprint = s.data->fingerprint();
  s.progress.config_fingerprint = s.config.config_fingerprint;
  return std::unique_ptr<Trainer>(new Trainer(std::move(state)));
}

Status Trainer::run(const std::atomic<bool>& stop, const Emit& emit) {
  State& s = *state_;
  BELLE_TRY(s.check_model());
  BELLE_TRY(s.model.reserve(s.workspace));  // another pass of the model may have dropped it
  BELLE_TRY(s.open_output(emit));
  // A run that was stopped at a step with an evaluation left it out: it is made before the next step.
  const bool first = s.progress.step == 0 ? s.config.eval_on_start : s.resumed && s.due(s.config.eval_steps);
  if (first) BELLE_TRY(s.evaluate(stop, emit));
  while (s.progress.step < s.plan.total_steps && !stop) {
    BELLE_TRY(s.train_step(emit));
    if (s.due(s.config.eval_steps)) BELLE_TRY(s.evaluate(stop, emit));
    const bool last = s.progress.step == s.plan.total_steps || stop;
    if (!last && s.due(s.config.save_steps)) BELLE_TRY(s.save_or_warn(emit));
  }
  bool stopped = s.progress.step < s.plan.total_steps;
  if (!stopped) {
    BELLE_TRY(s.evaluate(stop, emit));
    // Stopped in the last evaluation: the steps are done, the figure is not.
    stopped = s.eval && s.evaluated_step != s.progress.step;
  }
  BELLE_TRY(s.save(emit));
  emit(DoneEvent{s.progress.step, stopped});
  if (!stopped) return {};
  return Status(StatusCode::aborted,
                "training was stopped after step " + std::to_string(s.progress.step) + " of " +
                    std::to_string(s.plan.total_steps) +
                    (s.saved_step > 0 ? "; resume from " + checkpoint_path(s.config.output_dir, s.saved_step)
                                      : std::string()));
}

Status Trainer::State::check_model() const {
  if (model.state().layout == layout) return {};
  return {
      StatusCode::invalid_argument,
      "the model's vocabulary or adapter changed after this trainer was created; create the trainer again"};
}

Status Trainer::State::open_output(const Emit& emit) {
  if (config.output_dir.empty()) return {};
  std::error_code error;
  std::filesystem::create_directories(config.output_dir, error);
  if (error) return system_failure("create the folder", config.output_dir, error.value());
  if (const Status swept = io::remove_leftovers(config.output_dir, "checkpoint-"); !swept.ok()) {
    emit(WarningEvent{"what a killed run left was not removed: " + swept.message()});
  }
  if (resumed || progress.step > 0) {
    if (progress.step > 0) prune(emit);  // a kill may have come between a save and its pruning
    return {};
  }
  BELLE_ASSIGN(const std::vector<Checkpoint> found, list_checkpoints(config.output_dir));
  if (found.empty()) return {};
  return Status(StatusCode::invalid_argument,
                "output_dir already holds " + found.back().path +
                    "; resume from it, or choose another output_dir to start afresh");
}

Status Trainer::State::train_step(const Emit& emit) {
  const Clock::time_point start = Clock::now();
  const Window place = plan.window(progress.step);
  StepEvent event{};
  event.lr = config.learning_rate * schedule_factor(config.lr_scheduler_type, progress.step,
                                                    plan.warmup_steps, plan.total_steps, config.decay_ratio);
  BELLE_TRY(load_window(place, &event));
  if (event.supervised_tokens > 0) {
    BELLE_TRY(accumulate(place, &event));
    event.skipped = !std::isfinite(event.loss) || !std::isfinite(event.grad_norm);
    if (!event.skipped) {
      // torch.nn.utils.clip_grad_norm_
      const double clip =
          config.max_grad_norm > 0 ? std::min(1.0, config.max_grad_norm / (event.grad_norm + 1e-6)) : 1.0;
      BELLE_TRY(optimizer.apply(config, event.lr, static_cast<float>(clip), progress.updates + 1));
      ++progress.updates;
    }
    progress.nonfinite_steps = event.skipped ? progress.nonfinite_steps + 1 : 0;
  } else {
    event.skipped = true;
    emit(WarningEvent{"step " + std::to_string(progress.step + 1) + ": none of its " +
                      std::to_string(event.tokens) + " tokens is supervised, so nothing was learnt"});
  }
  ++progress.step;
  event.step = progress.step;
  event.total_steps = plan.total_steps;
  event.epoch = static_cast<double>(progress.step) / static_cast<double>(plan.steps_per_epoch);
  event.seconds = seconds_since(start);
  event.tokens_per_second = static_cast<double>(event.tokens) / event.seconds;
  event.memory_bytes = resident_memory();
  if (config.peak_flops > 0) event.mfu = window_flops / (event.seconds * config.peak_flops);
  emit(event);
  return count_nonfinite(place, event);
}

// Reads every micro-batch of the step: the loss is divided by the supervised tokens of all of them, so these
// are counted before the first backward.
Status Trainer::State::load_window(const Window& place, StepEvent* event) {
  window_flops = 0;
  for (uint64_t i = place.first; i < place.last; ++i) {
    Batch& batch = window[i - place.first];
    BELLE_TRY(data->micro_batch(place.epoch, i, &batch));
    supervised[i - place.first] = count_supervised(batch);
    event->tokens += static_cast<int64_t>(batch.input_ids.size());
    event->supervised_tokens += supervised[i - place.first];
    window_flops += flops.of(batch);
  }
  return {};
}

Status Trainer::State::accumulate(const Window& place, StepEvent* event) {
  bool first = true;
  const double count = static_cast<double>(event->supervised_tokens);
  double loss_sum = 0;
  for (uint64_t i = place.first; i < place.last; ++i) {
    if (supervised[i - place.first] == 0) continue;  // its gradient is zero
    const Batch& batch = window[i - place.first];
    const auto loss = model.forward_backward({batch.input_ids, batch.cu_seqlens, batch.labels},
                                             static_cast<float>(1.0 / count), optimizer.gradients(first));
    if (!loss.ok()) {
      return Status(loss.status().code(), "step " + std::to_string(progress.step + 1) + ", micro-batch " +
                                              std::to_string(i) + " of epoch " + std::to_string(place.epoch) +
                                              ": " + loss.status().message());
    }
    loss_sum += loss.value();
    first = false;
  }
  event->loss = loss_sum / count;
  BELLE_ASSIGN(event->grad_norm, optimizer.gradient_norm());
  return {};
}

Status Trainer::State::count_nonfinite(const Window& place, const StepEvent& event) {
  if (progress.nonfinite_steps < kMaxNonfiniteSteps) return {};
  return Status(StatusCode::numeric,
                "the loss or the gradient was not finite in " + std::to_string(kMaxNonfiniteSteps) +
                    " steps in a row, the last one step " + std::to_string(event.step) + " (epoch " +
                    std::to_string(place.epoch) + ", micro-batches " + std::to_string(place.first) + " to " +
                    std::to_string(place.last - 1) + ", loss " + std::to_string(event.loss) +
                    ", gradient norm " + std::to_string(event.grad_norm) +
                    "); their updates were not applied. Lower learning_rate or look at these samples");
}

Status Trainer::State::evaluate(const std::atomic<bool>& stop, const Emit& emit) {
  if (!eval || evaluated_step == progress.step) return {};
  double loss_sum = 0;
  int64_t count = 0;
  for (uint64_t i = 0; i < eval->micro_batches_per_epoch(); ++i) {
    if (stop) return {};  // no figure rather than one over a part of the data
    BELLE_TRY(eval->micro_batch(0, i, &eval_batch));
    const int64_t targets = count_supervised(eval_batch);
    if (targets == 0) continue;
    const auto loss = model.forward_loss({eval_batch.input_ids, eval_batch.cu_seqlens, eval_batch.labels});
    if (!loss.ok()) {
      return Status(loss.status().code(),
                    "evaluation micro-batch " + std::to_string(i) + ": " + loss.status().message());
    }
    loss_sum += loss.value();
    count += targets;
  }
  evaluated_step = progress.step;
  if (count == 0) {
    emit(WarningEvent{"no token of the evaluation data is supervised, so it has no loss"});
    return {};
  }
  emit(EvalEvent{progress.step, loss_sum / static_cast<double>(count), count});
  return {};
}

// At the first checkpoint, written or read: hashing the weights of a large model takes seconds.
Status Trainer::State::know_base() {
  if (config.trainable != Trainable::lora || !progress.base_fingerprint.empty()) return {};
  BELLE_ASSIGN(progress.base_fingerprint, base_fingerprint(model, model.state().map.adapter_range()));
  return {};
}

Status Trainer::State::save(const Emit& emit) {
  if (config.output_dir.empty() || progress.step == 0 || saved_step == progress.step) return {};
  const Clock::time_point start = Clock::now();
  const std::string path = checkpoint_path(config.output_dir, progress.step);
  const Window next = plan.window(progress.step);
  progress.epoch = static_cast<int64_t>(next.epoch);
  progress.micro_batch = static_cast<int64_t>(next.first);
  BELLE_TRY(know_base());
  BELLE_TRY(write_checkpoint(path, model, optimizer, progress, config.extra_files));
  saved_step = progress.step;
  emit(CheckpointEvent{progress.step, path, seconds_since(start)});
  prune(emit);
  return {};
}

void Trainer::State::prune(const Emit& emit) {
  const Status pruned = prune_checkpoints(config.output_dir, progress.step, config.save_total_limit);
  if (!pruned.ok()) emit(WarningEvent{"an old checkpoint was not removed: " + pruned.message()});
}

Status Trainer::State::save_or_warn(const Emit& emit) {
  const Status saved = save(emit);
  if (saved.code() != StatusCode::disk_full) return saved;
  emit(WarningEvent{"no checkpoint at step " + std::to_string(progress.step) + ": " + saved.message() +
                    ". Training goes on and tries again " + std::to_string(config.save_steps) +
                    " steps later"});
  return {};
}

Result<int64_t> Trainer::resume(const Emit& emit) {
  State& s = *state_;
  const auto refuse = [](const Checkpoint& from, const std::string& what) {
    return Status(StatusCode::invalid_argument,
                  from.path + " was written with " + what +
                      "; resume with the same, or choose another output_dir to start afresh");
  };
  BELLE_TRY(s.check_model());
  s.resumed = true;
  if (s.config.output_dir.empty()) return int64_t{0};
  BELLE_ASSIGN(std::vector<Checkpoint> found, list_checkpoints(s.config.output_dir));
  if (!found.empty()) BELLE_TRY(s.know_base());
  std::string last_reason;
  for (auto checkpoint = found.rbegin(); checkpoint != found.rend(); ++checkpoint) {
    const auto verified = verify_checkpoint(checkpoint->path);
    if (!verified.ok()) {
      last_reason = verified.status().message();
      emit(WarningEvent{checkpoint->path + " is damaged and was passed over: " + last_reason});
      continue;
    }
    const TrainerState& state = verified.value();
    if (state.data_fingerprint != s.progress.data_fingerprint)
      return refuse(*checkpoint, "other training data");
    if (state.config_fingerprint != s.progress.config_fingerprint)
      return refuse(*checkpoint, "another training config");
    if (state.base_fingerprint != s.progress.base_fingerprint)
      return refuse(*checkpoint, "an adapter of another base model, or of this one in another dtype");
    if (state.seed != s.progress.seed) return refuse(*checkpoint, "seed " + std::to_string(state.seed));
    const Window next = s.plan.window(state.step);
    if (state.step != checkpoint->step || state.step > s.plan.total_steps || state.updates > state.step ||
        state.epoch != static_cast<int64_t>(next.epoch) ||
        state.micro_batch != static_cast<int64_t>(next.first)) {
      return refuse(*checkpoint, "another number of steps or micro-batches");
    }
    BELLE_TRY(load_checkpoint(checkpoint->path, s.model, s.optimizer));
    s.progress = state;
    s.saved_step = state.step;
    return state.step;
  }
  if (found.empty()) return int64_t{0};
  return Status(StatusCode::invalid_data, "none of the checkpoints in " + s.config.output_dir +
                                              " can be read; the oldest: " + last_reason +
                                              ". Choose another output_dir to start afresh");
}

}  // namespace belle::train
