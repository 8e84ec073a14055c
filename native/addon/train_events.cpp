#include "native/addon/train_events.h"

namespace belle::addon {
namespace {

class Row {
 public:
  Row(Napi::Env env, const char* type) : env_(env), object_(Napi::Object::New(env)) {
    object_.Set("type", type);
  }
  Row& number(const char* key, double value) {
    object_.Set(key, Napi::Number::New(env_, value));
    return *this;
  }
  Row& integer(const char* key, int64_t value) { return number(key, static_cast<double>(value)); }
  Row& boolean(const char* key, bool value) {
    object_.Set(key, Napi::Boolean::New(env_, value));
    return *this;
  }
  Row& string(const char* key, const std::string& value) {
    object_.Set(key, value);
    return *this;
  }
  Napi::Object object() const { return object_; }

 private:
  Napi::Env env_;
  Napi::Object object_;
};

struct ToObject {
  Napi::Env env;
  Napi::Object operator()(const train::StepEvent& e) const {
    return Row(env, "step")
        .integer("step", e.step)
        .integer("totalSteps", e.total_steps)
        .number("epoch", e.epoch)
        .number("loss", e.loss)
        .number("gradNorm", e.grad_norm)
        .number("lr", e.lr)
        .integer("tokens", e.tokens)
        .integer("supervisedTokens", e.supervised_tokens)
        .number("tokensPerSecond", e.tokens_per_second)
        .number("mfu", e.mfu)
        .number("memory", static_cast<double>(e.memory_bytes))
        .number("seconds", e.seconds)
        .boolean("skipped", e.skipped)
        .object();
  }
  Napi::Object operator()(const train::CheckpointEvent& e) const {
    return Row(env, "checkpoint")
        .integer("step", e.step)
        .string("path", e.path)
        .number("seconds", e.seconds)
        .object();
  }
  Napi::Object operator()(const train::EvalEvent& e) const {
    return Row(env, "eval")
        .integer("step", e.step)
        .number("loss", e.loss)
        .integer("supervisedTokens", e.supervised_tokens)
        .object();
  }
  Napi::Object operator()(const train::WarningEvent& e) const {
    return Row(env, "warning").string("message", e.message).object();
  }
  Napi::Object operator()(const train::DoneEvent& e) const {
    return Row(env, "done").integer("step", e.step).boolean("stopped", e.stopped).object();
  }
};

}  // namespace

Job::Event train_event(train::Event event) {
  return [event = std::move(event)](Napi::Env env) -> std::vector<napi_value> {
    return {std::visit(ToObject{env}, event)};
  };
}

}  // namespace belle::addon
