#include "native/addon/lora.h"

#include "native/addon/arguments.h"
#include "native/addon/job.h"
#include "native/addon/model.h"

namespace belle::addon {
namespace {

Napi::Array names_array(Napi::Env env, const std::vector<std::string>& names) {
  Napi::Array array = Napi::Array::New(env, names.size());
  for (uint32_t i = 0; i < array.Length(); ++i) array.Set(i, names[i]);
  return array;
}

// Runs `change` on the model, then reads again what the JS object shows of it.
template <class Change>
Napi::Value change_model(Napi::Env env, const SharedModel& handle, Change change) {
  auto work = [handle, change = std::move(change),
               model = lease_model(env, handle)](Job&) -> Result<Job::Settle> {
    BELLE_TRY(change(*model));
    return Job::Settle([handle](Napi::Env settle_env) {
      handle->refresh();
      if (!handle->disposed) handle->report_memory(settle_env, handle->bytes());
      return settle_env.Undefined();
    });
  };
  return Job::start(env, std::move(work));
}

}  // namespace

model::LoraConfig lora_argument(const Napi::Value& value, const std::string& name) {
  const Options options(value, name);
  model::LoraConfig config;
  config.r = options.integer("r", 1, model::kMaxLoraRank);
  config.alpha = options.number("loraAlpha");
  config.target_modules = options.strings("targetModules");
  config.modules_to_save = options.strings("modulesToSave");
  config.seed = static_cast<uint64_t>(options.integer("seed", 0));
  return config;
}

Napi::Value lora_value(Napi::Env env, const std::optional<model::LoraConfig>& config) {
  if (!config) return env.Undefined();
  Napi::Object object = Napi::Object::New(env);
  object.Set("r", Napi::Number::New(env, static_cast<double>(config->r)));
  object.Set("loraAlpha", Napi::Number::New(env, config->alpha));
  object.Set("targetModules", names_array(env, config->target_modules));
  object.Set("modulesToSave", names_array(env, config->modules_to_save));
  return object;
}

Napi::Value ModelWrap::adapter(const Napi::CallbackInfo& info) {
  return lora_value(info.Env(), shared(info.Env())->adapter);
}

Napi::Value ModelWrap::add_lora(const Napi::CallbackInfo& info) {
  return change_model(
      info.Env(), shared(info.Env()),
      [config = lora_argument(info[0], "options")](model::Model& model) { return model.add_lora(config); });
}

Napi::Value ModelWrap::load_adapter(const Napi::CallbackInfo& info) {
  return change_model(info.Env(), shared(info.Env()),
                      [folder = path_argument(info[0], "folder")](model::Model& model) {
                        return model.load_adapter(folder);
                      });
}

Napi::Value ModelWrap::merge_adapter(const Napi::CallbackInfo& info) {
  return change_model(info.Env(), shared(info.Env()),
                      [](model::Model& model) { return model.merge_adapter(); });
}

Napi::Value ModelWrap::save_adapter(const Napi::CallbackInfo& info) {
  const Options options(info[1], "options");
  model::SaveRequest request;
  request.dtype = dtype_option(options, "dtype");
  request.extra_files = options.strings("extraFiles");
  auto work = [folder = path_argument(info[0], "folder"), request = std::move(request),
               model = lease_model(info.Env(), shared(info.Env()))](Job&) -> Result<Job::Settle> {
    BELLE_TRY(model->save_adapter(folder, request));
    return Job::nothing();
  };
  return Job::start(info.Env(), std::move(work));
}

}  // namespace belle::addon
