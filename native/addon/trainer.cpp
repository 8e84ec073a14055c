#include "native/train/trainer.h"

#include <algorithm>

#include "native/addon/arguments.h"
#include "native/addon/errors.h"
#include "native/addon/instance.h"
#include "native/addon/job.h"
#include "native/addon/model.h"
#include "native/addon/train_config.h"
#include "native/addon/train_events.h"
#include "native/model/prepared_batch.h"

namespace belle::addon {
namespace {

constexpr napi_type_tag kTrainerTag = {0x6265'6c6c'6574'7261ull, 0x7d35'10b6'c2fa'e004ull};

struct TrainerHandle {
  TrainerHandle(SharedModel parent, std::unique_ptr<train::Trainer> made)
      : model(std::move(parent)),
        trainer(std::move(made)),
        weight_bytes(model->bytes()),
        total_steps(trainer->total_steps()),
        planned_bytes(trainer->planned_bytes()),
        step(trainer->step()) {}

  // What the plan holds besides the weights, which the model reports.
  int64_t extra_bytes() const {
    return std::max<int64_t>(0, static_cast<int64_t>(planned_bytes) - weight_bytes);
  }

  SharedModel model;  // outlives the trainer: members are destroyed in reverse order
  std::unique_ptr<train::Trainer> trainer;
  int64_t weight_bytes;  // of the model when the trainer was made
  int64_t total_steps;
  uint64_t planned_bytes;
  std::atomic<int64_t> step;
};
using SharedTrainer = std::shared_ptr<TrainerHandle>;

// Where micro-batches come from, parsed on the JS thread; checked and opened on the worker, for shards are
// hashed then.
struct DataSource {
  std::string name;  // of the argument, for messages
  std::vector<train::Batch> batches;
  std::string folder;  // of shards; empty: batches

  Result<std::unique_ptr<train::BatchSource>> open(const model::DecoderConfig& model,
                                                   const train::TrainConfig& config, bool shuffle) {
    if (!folder.empty()) {
      return train::shard_source(folder, config.per_device_train_batch_size, config.packing, shuffle,
                                 config.seed);
    }
    // All now, rather than the 900th at step 900.
    for (size_t i = 0; i < batches.size(); ++i) {
      const train::Batch& batch = batches[i];
      const Status status = model::check_batch({batch.input_ids, batch.cu_seqlens, batch.labels}, model);
      if (!status.ok()) {
        return Status(status.code(), name + ".batches[" + std::to_string(i) + "]: " + status.message());
      }
    }
    return train::memory_source(std::move(batches));
  }
};

DataSource data_argument(const Napi::Value& value, const std::string& name) {
  const Options options(value, name);
  constexpr std::array<const char*, 2> kinds = {"memory", "shards"};
  DataSource source{name, {}, {}};
  if (options.one_of("kind", kinds) == 1) {
    source.folder = options.file("folder");
    return source;
  }
  const Napi::Value list = options.get("batches");
  if (!list.IsArray() || list.As<Napi::Array>().Length() == 0) {
    throw_argument(value.Env(), name + ".batches must be an array with at least one batch.");
  }
  const Napi::Array batches = list.As<Napi::Array>();
  source.batches.reserve(batches.Length());
  for (uint32_t i = 0; i < batches.Length(); ++i) {
    const Napi::HandleScope scope(value.Env());
    const std::string row = name + ".batches[" + std::to_string(i) + "]";
    const Options batch(batches.Get(i), row);
    source.batches.push_back({int32_argument(batch.get("inputIds"), row + ".inputIds"),
                              int32_argument(batch.get("cuSeqlens"), row + ".cuSeqlens"),
                              int32_argument(batch.get("labels"), row + ".labels")});
  }
  return source;
}

class TrainerWrap : public Wrap<TrainerWrap, SharedTrainer> {
 public:
  explicit TrainerWrap(const Napi::CallbackInfo& info) : Wrap(info, kTrainerTag) {}
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "NativeTrainer",
                       {
                           InstanceAccessor<&TrainerWrap::total_steps>("totalSteps"),
                           InstanceAccessor<&TrainerWrap::planned_bytes>("plannedBytes"),
                           InstanceAccessor<&TrainerWrap::step>("step"),
                           InstanceMethod<&TrainerWrap::run>("run"),
                           InstanceMethod<&TrainerWrap::dispose>("dispose"),
                       });
  }
  void Finalize(Napi::BasicEnv env) override {
    if (held_) Napi::MemoryManagement::AdjustExternalMemory(env, -held_->extra_bytes());
  }

 private:
  const SharedTrainer& shared(Napi::Env env) const {
    if (!held_) throw make_error(env, "ERR_BELLE_DISPOSED", "The trainer was disposed; create another one.");
    return held_;
  }
  Napi::Value total_steps(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(shared(info.Env())->total_steps));
  }
  Napi::Value planned_bytes(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(shared(info.Env())->planned_bytes));
  }
  Napi::Value step(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(shared(info.Env())->step.load()));
  }

  Napi::Value run(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const bool resume = boolean_argument(info[0], "resume");
    const StopFlag stop = stop_argument(info, 1, "stop");
    if (!info[2].IsFunction())
      throw_argument(env, "onEvent must be a function, not " + describe(info[2]) + ".");
    SharedTrainer handle = shared(env);
    // The model's lease serves the trainer too: no trainer runs without its model.
    ModelLease model = lease_model(env, handle->model);
    auto work = [handle, resume, model = std::move(model)](Job& job) -> Result<Job::Settle> {
      const auto emit = [&](const train::Event& event) {
        if (const auto* step = std::get_if<train::StepEvent>(&event)) handle->step = step->step;
        job.emit(train_event(event));
      };
      if (resume) {
        BELLE_ASSIGN(const int64_t resumed, handle->trainer->resume(emit));
        handle->step = resumed;
      }
      const Status status = handle->trainer->run(job.stop(), emit);
      handle->step = handle->trainer->step();
      BELLE_TRY(status);
      return Job::nothing();
    };
    return Job::start(env, std::move(work), stop, info[2]);
  }

  // A run in progress keeps the trainer until it ends.
  void dispose(const Napi::CallbackInfo& info) {
    if (held_) Napi::MemoryManagement::AdjustExternalMemory(info.Env(), -held_->extra_bytes());
    held_ = nullptr;
  }
};

Napi::Object new_trainer(Napi::Env env, const SharedTrainer& handle) {
  Napi::Object object = TrainerWrap::make(instance(env).trainer, handle);
  Napi::MemoryManagement::AdjustExternalMemory(env, handle->extra_bytes());
  return object;
}

Napi::Value create_trainer(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  SharedModel handle = model_argument(info, 0, "model");
  auto data = std::make_shared<DataSource>(data_argument(info[1], "data"));
  std::shared_ptr<DataSource> evaluation;
  if (!info[2].IsUndefined()) evaluation = std::make_shared<DataSource>(data_argument(info[2], "evaluation"));
  auto work = [handle, data, evaluation, config = train_config(info[3]),
               model = lease_model(env, handle)](Job&) -> Result<Job::Settle> {
    BELLE_ASSIGN(auto batches, data->open(model->config(), config, config.shuffle));
    std::unique_ptr<train::BatchSource> held_out;
    if (evaluation) {
      BELLE_ASSIGN(held_out, evaluation->open(model->config(), config, false));
    }
    BELLE_ASSIGN(auto trainer,
                 train::Trainer::create(*model, std::move(batches), std::move(held_out), config));
    auto made = std::make_shared<TrainerHandle>(handle, std::move(trainer));
    return Job::Settle([made](Napi::Env settle_env) -> Napi::Value { return new_trainer(settle_env, made); });
  };
  return Job::start(env, std::move(work));
}

}  // namespace

void define_trainer(Napi::Env env, Napi::Object exports) {
  instance(env).trainer = Napi::Persistent(TrainerWrap::define(env));
  exports.Set("createTrainer", Napi::Function::New<create_trainer>(env, "createTrainer"));
}

}  // namespace belle::addon
