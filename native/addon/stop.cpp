#include "native/addon/stop.h"

#include "native/addon/arguments.h"
#include "native/addon/errors.h"
#include "native/addon/instance.h"

namespace belle::addon {
namespace {

constexpr napi_type_tag kStopTag = {0x6265'6c6c'6573'746full, 0x9d1f'3c57'0a42'e001ull};

class Stop : public Napi::ObjectWrap<Stop> {
 public:
  explicit Stop(const Napi::CallbackInfo& info) : ObjectWrap(info), flag_(make_stop()) {
    info.This().As<Napi::Object>().TypeTag(&kStopTag);
  }
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "NativeStop", {InstanceMethod<&Stop::stop>("stop")});
  }
  const StopFlag& flag() const { return flag_; }

 private:
  void stop(const Napi::CallbackInfo&) { flag_->store(true); }
  StopFlag flag_;
};

Napi::Value create_stop(const Napi::CallbackInfo& info) { return instance(info.Env()).stop.New({}); }

}  // namespace

StopFlag stop_argument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  return Stop::Unwrap(tagged(info, index, kStopTag, name, "an object of createStop()"))->flag();
}

void define_stop(Napi::Env env, Napi::Object exports) {
  instance(env).stop = Napi::Persistent(Stop::define(env));
  exports.Set("createStop", Napi::Function::New<create_stop>(env, "createStop"));
}

}  // namespace belle::addon
