// What a NativeModel tells about itself; answered from copies, so also while a job runs.
#include "native/addon/model.h"

namespace belle::addon {
namespace {

Napi::Number number(const Napi::CallbackInfo& info, int64_t value) {
  return Napi::Number::New(info.Env(), static_cast<double>(value));
}

}  // namespace

Napi::Value ModelWrap::dtype(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), std::string(dtype_name(shared(info.Env())->dtype)));
}
Napi::Value ModelWrap::backend(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), shared(info.Env())->backend);
}
Napi::Value ModelWrap::vocab_size(const Napi::CallbackInfo& info) {
  return number(info, shared(info.Env())->config.vocab_size);
}
Napi::Value ModelWrap::hidden_size(const Napi::CallbackInfo& info) {
  return number(info, shared(info.Env())->config.hidden_size);
}
Napi::Value ModelWrap::num_hidden_layers(const Napi::CallbackInfo& info) {
  return number(info, shared(info.Env())->config.num_hidden_layers);
}
Napi::Value ModelWrap::max_position_embeddings(const Napi::CallbackInfo& info) {
  return number(info, shared(info.Env())->config.max_position_embeddings);
}
Napi::Value ModelWrap::bos_token_id(const Napi::CallbackInfo& info) {
  return number(info, shared(info.Env())->config.bos_token_id);
}
Napi::Value ModelWrap::pad_token_id(const Napi::CallbackInfo& info) {
  return number(info, shared(info.Env())->config.pad_token_id);
}
Napi::Value ModelWrap::parameter_count(const Napi::CallbackInfo& info) {
  return number(info, shared(info.Env())->elements);
}

Napi::Value ModelWrap::eos_token_ids(const Napi::CallbackInfo& info) {
  const auto& ids = shared(info.Env())->config.eos_token_ids;
  Napi::Array array = Napi::Array::New(info.Env(), ids.size());
  for (uint32_t i = 0; i < array.Length(); ++i) array.Set(i, number(info, ids[i]));
  return array;
}

Napi::Value ModelWrap::parameters(const Napi::CallbackInfo& info) {
  const auto& parameters = shared(info.Env())->parameters;
  const Napi::Value type = dtype(info);
  Napi::Array array = Napi::Array::New(info.Env(), parameters.size());
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::HandleScope scope(info.Env());
    Napi::Array shape = Napi::Array::New(info.Env(), parameters[i].shape.size());
    for (uint32_t d = 0; d < shape.Length(); ++d) shape.Set(d, number(info, parameters[i].shape[d]));
    Napi::Object row = Napi::Object::New(info.Env());
    row.Set("name", parameters[i].name);
    row.Set("shape", shape);
    row.Set("dtype", type);
    array.Set(i, row);
  }
  return array;
}

}  // namespace belle::addon
