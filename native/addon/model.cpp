#include "native/addon/model.h"

#include <array>

#include "native/addon/arguments.h"
#include "native/addon/arrays.h"
#include "native/addon/errors.h"
#include "native/addon/instance.h"
#include "native/addon/job.h"
#include "native/core/json.h"

namespace belle::addon {
namespace {

constexpr napi_type_tag kModelTag = {0x6265'6c6c'656d'6f64ull, 0x2f7a'88d0'4c19'e003ull};
constexpr std::array<const char*, 4> kRowInits = {"subtoken-mean", "mean-cov", "mean",
                                                  "normal"};  // in RowInit's order

Napi::Object new_model(Napi::Env env, const SharedModel& handle) {
  Napi::Object object = ModelWrap::make(instance(env).model, handle);
  handle->report_memory(env, handle->bytes());
  return object;
}

Result<Job::Settle> settle_with_model(Result<std::unique_ptr<model::Model>> made) {
  BELLE_TRY(made.status());
  return Job::Settle([handle = std::make_shared<ModelHandle>(made.take())](Napi::Env env) -> Napi::Value {
    return new_model(env, handle);
  });
}

model::ModelOptions model_options(const Napi::CallbackInfo& info, size_t index) {
  const Options options(info[index], "options");
  model::ModelOptions request;
  request.backend = options.string("backend");
  request.threads = static_cast<int>(options.integer("threads", 0, 1024));
  request.dtype = dtype_option(options, "dtype");
  request.cuda_package = instance(info.Env()).cuda_package;
  return request;
}

Napi::Value load_model(const Napi::CallbackInfo& info) {
  return Job::start(info.Env(), [folder = path_argument(info[0], "folder"), options = model_options(info, 1)](
                                    Job&) { return settle_with_model(model::Model::load(folder, options)); });
}

Napi::Value create_model(const Napi::CallbackInfo& info) {
  auto work = [text = string_argument(info[0], "config"), seed = integer_argument(info[1], "seed", 0),
               options = model_options(info, 2)](Job&) -> Result<Job::Settle> {
    BELLE_ASSIGN(const Json json, parse_json(text));
    BELLE_ASSIGN(const model::DecoderConfig config, model::parse_decoder_config(json));
    return settle_with_model(model::Model::create(config, static_cast<uint64_t>(seed), options));
  };
  return Job::start(info.Env(), std::move(work));
}

struct ForwardInput {
  std::vector<int32_t> ids, cu_seqlens, labels;
};

struct ForwardOutput {
  model::ForwardResult result;
  std::vector<model::Parameter> parameters;  // of the gradients: the model may have been resized since
};

Napi::Value forward_object(Napi::Env env, ForwardOutput& output, const model::ForwardRequest& request) {
  model::ForwardResult& result = output.result;
  Napi::Object object = Napi::Object::New(env);
  object.Set("lossSum", Napi::Number::New(env, result.loss_sum));
  object.Set("supervisedTokens", Napi::Number::New(env, static_cast<double>(result.supervised_tokens)));
  if (request.logits) {
    const size_t elements = result.logits.size();
    object.Set("logits",
               Napi::Float32Array::New(env, elements, take_buffer(env, std::move(result.logits)), 0));
  }
  if (request.gradients) {  // views of one buffer, as the parameters lie in it
    const Napi::ArrayBuffer buffer = take_buffer(env, std::move(result.gradients));
    Napi::Object named = Napi::Object::New(env);
    for (const model::Parameter& parameter : output.parameters) {
      named.Set(parameter.name,
                Napi::Float32Array::New(env, static_cast<size_t>(parameter.elements), buffer,
                                        static_cast<size_t>(parameter.offset) * sizeof(float)));
    }
    object.Set("gradients", named);
  }
  return object;
}

}  // namespace

ModelWrap::ModelWrap(const Napi::CallbackInfo& info) : Wrap(info, kModelTag) {}

const SharedModel& ModelWrap::shared(Napi::Env env) const {
  if (!held_) throw make_error(env, "ERR_BELLE_DISPOSED", "The model was disposed; load it again.");
  return held_;
}

Napi::Value ModelWrap::read_parameter(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string name = string_argument(info[0], "name");
  const ModelLease model = lease_model(env, shared(env));
  for (const model::Parameter& parameter : held_->parameters) {
    if (parameter.name != name) continue;
    std::vector<float> values = take(env, model->read_parameter(parameter));
    const size_t elements = values.size();
    return Napi::Float32Array::New(env, elements, take_buffer(env, std::move(values)), 0);
  }
  throw make_error(env, Status(StatusCode::not_found,
                               "The model has no parameter \"" + name + "\"; parameters() lists the names."));
}

Napi::Value ModelWrap::forward(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Options options(info[0], "input");
  ForwardInput input{int32_argument(options.get("inputIds"), "inputIds"),
                     int32_argument(options.get("cuSeqlens"), "cuSeqlens"),
                     {}};
  if (!options.get("labels").IsUndefined()) {
    input.labels = int32_argument(options.get("labels"), "labels");
    if (input.labels.empty())
      throw_argument(env, "labels is empty; give one label a token, or leave labels out.");
  }
  const model::ForwardRequest request{boolean_argument(info[1], "logits"),
                                      boolean_argument(info[2], "gradients")};
  auto work = [input = std::move(input), request,
               model = lease_model(env, shared(env))](Job&) -> Result<Job::Settle> {
    BELLE_ASSIGN(auto result, model->forward({input.ids, input.cu_seqlens, input.labels}, request));
    auto output = std::make_shared<ForwardOutput>(ForwardOutput{std::move(result), model->parameters()});
    return Job::Settle([output, request](Napi::Env settle_env) -> Napi::Value {
      return forward_object(settle_env, *output, request);
    });
  };
  return Job::start(env, std::move(work));
}

Napi::Value ModelWrap::log_likelihood(const Napi::CallbackInfo& info) {
  auto work = [sequences = id_lists_argument(info[0], "sequences"),
               model = lease_model(info.Env(), shared(info.Env()))](Job&) -> Result<Job::Settle> {
    BELLE_ASSIGN(auto sums, model->log_likelihood(sequences));
    return Job::Settle([sums = std::move(sums)](Napi::Env env) -> Napi::Value {
      return copied_array<Napi::Float64Array, double>(env, sums);
    });
  };
  return Job::start(info.Env(), std::move(work));
}

Napi::Value ModelWrap::resize_vocabulary(const Napi::CallbackInfo& info) {
  const Options options(info[0], "options");
  model::ResizeRequest request;
  request.rows = options.integer("rows", 1, INT32_MAX);
  request.sub_tokens = id_lists_argument(options.get("subTokens"), "options.subTokens");
  request.init = static_cast<model::RowInit>(options.one_of("init", kRowInits));
  request.seed = static_cast<uint64_t>(options.integer("seed", 0));
  SharedModel handle = shared(info.Env());
  ModelLease model = lease_model(info.Env(), handle);
  auto work = [request = std::move(request), handle, model = std::move(model)](Job&) -> Result<Job::Settle> {
    BELLE_TRY(model->resize_vocabulary(request));
    return Job::Settle([handle](Napi::Env env) {
      handle->refresh();
      if (!handle->disposed) handle->report_memory(env, handle->bytes());
      return env.Undefined();
    });
  };
  return Job::start(info.Env(), std::move(work));
}

Napi::Value ModelWrap::save(const Napi::CallbackInfo& info) {
  const Options options(info[1], "options");
  model::SaveRequest request;
  request.dtype = dtype_option(options, "dtype");
  request.max_shard_bytes = static_cast<uint64_t>(options.integer("maxShardBytes", 1));
  request.extra_files = options.strings("extraFiles");
  auto work = [folder = path_argument(info[0], "folder"), request = std::move(request),
               model = lease_model(info.Env(), shared(info.Env()))](Job&) -> Result<Job::Settle> {
    BELLE_TRY(model->save(folder, request));
    return Job::nothing();
  };
  return Job::start(info.Env(), std::move(work));
}

// A running job keeps the weights until it ends; the JS object lets go of them now.
void ModelWrap::dispose(const Napi::CallbackInfo& info) {
  if (!held_) return;
  held_->report_memory(info.Env(), 0);
  held_->disposed = true;
  held_ = nullptr;
}

// A job may still hold the handle: what it reports later would never be taken back.
void ModelWrap::Finalize(Napi::BasicEnv env) {
  if (!held_) return;
  Napi::MemoryManagement::AdjustExternalMemory(env, -held_->reported);
  held_->reported = 0;
  held_->disposed = true;
}

Napi::Function ModelWrap::define(Napi::Env env) {
  return DefineClass(env, "NativeModel",
                     {
                         InstanceAccessor<&ModelWrap::dtype>("dtype"),
                         InstanceAccessor<&ModelWrap::backend>("backend"),
                         InstanceAccessor<&ModelWrap::vocab_size>("vocabSize"),
                         InstanceAccessor<&ModelWrap::hidden_size>("hiddenSize"),
                         InstanceAccessor<&ModelWrap::num_hidden_layers>("numHiddenLayers"),
                         InstanceAccessor<&ModelWrap::max_position_embeddings>("maxPositionEmbeddings"),
                         InstanceAccessor<&ModelWrap::bos_token_id>("bosTokenId"),
                         InstanceAccessor<&ModelWrap::eos_token_ids>("eosTokenIds"),
                         InstanceAccessor<&ModelWrap::pad_token_id>("padTokenId"),
                         InstanceAccessor<&ModelWrap::parameter_count>("parameterCount"),
                         InstanceMethod<&ModelWrap::parameters>("parameters"),
                         InstanceMethod<&ModelWrap::read_parameter>("readParameter"),
                         InstanceMethod<&ModelWrap::forward>("forward"),
                         InstanceMethod<&ModelWrap::log_likelihood>("logLikelihood"),
                         InstanceMethod<&ModelWrap::generate>("generate"),
                         InstanceMethod<&ModelWrap::resize_vocabulary>("resizeVocabulary"),
                         InstanceMethod<&ModelWrap::save>("save"),
                         InstanceAccessor<&ModelWrap::adapter>("adapter"),
                         InstanceMethod<&ModelWrap::add_lora>("addLora"),
                         InstanceMethod<&ModelWrap::load_adapter>("loadAdapter"),
                         InstanceMethod<&ModelWrap::save_adapter>("saveAdapter"),
                         InstanceMethod<&ModelWrap::merge_adapter>("mergeAdapter"),
                         InstanceMethod<&ModelWrap::dispose>("dispose"),
                     });
}

SharedModel model_argument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  return ModelWrap::Unwrap(tagged(info, index, kModelTag, name, "a NativeModel"))->shared(info.Env());
}

void define_model(Napi::Env env, Napi::Object exports) {
  instance(env).model = Napi::Persistent(ModelWrap::define(env));
  exports.Set("loadModel", Napi::Function::New<load_model>(env, "loadModel"));
  exports.Set("createModel", Napi::Function::New<create_model>(env, "createModel"));
}

}  // namespace belle::addon
