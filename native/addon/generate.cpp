#include "native/addon/arguments.h"
#include "native/addon/arrays.h"
#include "native/addon/job.h"
#include "native/addon/model.h"
#include "native/infer/generator.h"

namespace belle::addon {
namespace {

infer::GenerateRequest generate_request(const Napi::Value& value) {
  const Options options(value, "options");
  infer::GenerateRequest request;
  request.max_new_tokens = options.integer("maxNewTokens", 1, INT32_MAX);
  request.temperature = options.number("temperature");
  request.top_k = options.integer("topK", 0, INT32_MAX);
  request.top_p = options.number("topP");
  request.repetition_penalty = options.number("repetitionPenalty");
  request.seed = static_cast<uint64_t>(options.integer("seed", 0));
  request.stop = int32_argument(options.get("stop"), "options.stop");
  request.vocabulary = options.integer("vocabulary", 0, INT32_MAX);
  return request;
}

Job::Event token_event(size_t prompt, int32_t token) {
  return [prompt, token](Napi::Env env) -> std::vector<napi_value> {
    return {Napi::Number::New(env, static_cast<double>(prompt)), Napi::Number::New(env, token)};
  };
}

}  // namespace

Napi::Value ModelWrap::generate(const Napi::CallbackInfo& info) {
  auto prompts = id_lists_argument(info[0], "prompts");
  infer::GenerateRequest request = generate_request(info[1]);
  const StopFlag stop = stop_argument(info, 2, "stop");
  const Napi::Value on_token = callback_argument(info[3], "onToken");
  auto work = [prompts = std::move(prompts), request = std::move(request),
               model = lease_model(info.Env(), shared(info.Env()))](Job& job) -> Result<Job::Settle> {
    const auto emit = [&job](size_t prompt, int32_t token) { job.emit(token_event(prompt, token)); };
    BELLE_ASSIGN(auto generated, infer::generate(*model, prompts, request, job.stop(),
                                                 job.has_listener() ? infer::TokenCallback(emit) : nullptr));
    return Job::Settle([generated = std::move(generated)](Napi::Env env) -> Napi::Value {
      Napi::Array lists = Napi::Array::New(env, generated.size());
      for (uint32_t i = 0; i < lists.Length(); ++i) {
        const Napi::HandleScope scope(env);
        lists.Set(i, ids_array(env, generated[i]));
      }
      return lists;
    });
  };
  return Job::start(info.Env(), std::move(work), stop, on_token);
}

}  // namespace belle::addon
