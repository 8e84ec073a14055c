#pragma once
// NativeModel: a model shared between its JS object, the jobs that run it and the trainers made from it.
#include <napi.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "native/addon/wrap.h"
#include "native/model/model.h"

namespace belle::addon {

struct ModelHandle {
  explicit ModelHandle(std::unique_ptr<model::Model> loaded);
  // Reads again what resize_vocabulary and the adapter's methods change. JS thread.
  void refresh();
  // Tells V8 how much memory hangs on the JS object; 0 when it is gone. JS thread.
  void report_memory(Napi::Env env, int64_t bytes);
  int64_t bytes() const { return elements * static_cast<int64_t>(dtype_size(dtype)); }

  std::unique_ptr<model::Model> model;
  std::atomic<bool> busy{false};
  // Copies for the JS thread, which must not look into a model that a job is changing.
  model::DecoderConfig config;
  std::vector<model::Parameter> parameters;
  std::optional<model::LoraConfig> adapter;
  int64_t elements = 0;
  DType dtype = DType::f32;
  std::string backend;
  int64_t reported = 0;
  bool disposed = false;
};
using SharedModel = std::shared_ptr<ModelHandle>;

// The right to run the model: one at a time, given back when the last copy is dropped.
// ERR_BELLE_BUSY when another job has it.
using ModelLease = std::shared_ptr<model::Model>;
ModelLease lease_model(Napi::Env env, const SharedModel& handle);

// Throws ERR_BELLE_DISPOSED after dispose().
SharedModel model_argument(const Napi::CallbackInfo& info, size_t index, const char* name);

class ModelWrap : public Wrap<ModelWrap, SharedModel> {
 public:
  explicit ModelWrap(const Napi::CallbackInfo& info);
  static Napi::Function define(Napi::Env env);
  void Finalize(Napi::BasicEnv env) override;
  const SharedModel& shared(Napi::Env env) const;  // throws after dispose()

 private:
  Napi::Value dtype(const Napi::CallbackInfo& info);
  Napi::Value backend(const Napi::CallbackInfo& info);
  Napi::Value vocab_size(const Napi::CallbackInfo& info);
  Napi::Value hidden_size(const Napi::CallbackInfo& info);
  Napi::Value num_hidden_layers(const Napi::CallbackInfo& info);
  Napi::Value max_position_embeddings(const Napi::CallbackInfo& info);
  Napi::Value bos_token_id(const Napi::CallbackInfo& info);
  Napi::Value eos_token_ids(const Napi::CallbackInfo& info);
  Napi::Value pad_token_id(const Napi::CallbackInfo& info);
  Napi::Value parameter_count(const Napi::CallbackInfo& info);
  Napi::Value parameters(const Napi::CallbackInfo& info);
  Napi::Value read_parameter(const Napi::CallbackInfo& info);
  Napi::Value forward(const Napi::CallbackInfo& info);
  Napi::Value log_likelihood(const Napi::CallbackInfo& info);
  Napi::Value generate(const Napi::CallbackInfo& info);  // generate.cpp
  Napi::Value resize_vocabulary(const Napi::CallbackInfo& info);
  Napi::Value save(const Napi::CallbackInfo& info);
  Napi::Value adapter(const Napi::CallbackInfo& info);  // lora.cpp, as are the next four
  Napi::Value add_lora(const Napi::CallbackInfo& info);
  Napi::Value load_adapter(const Napi::CallbackInfo& info);
  Napi::Value save_adapter(const Napi::CallbackInfo& info);
  Napi::Value merge_adapter(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);
};

}  // namespace belle::addon
