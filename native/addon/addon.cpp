// The module: one Instance per environment, the functions of every subject, and the hook that ends jobs with
// the environment. Types of what is exported: ts/native/binding.ts.
#include <napi.h>

#include <memory>

#include "native/addon/arguments.h"
#include "native/addon/instance.h"
#include "native/addon/job.h"
#include "native/addon/version.h"
#include "native/backend/registry.h"
#include "native/core/thread_pool.h"

namespace belle::addon {
namespace {

#if defined(__clang__)
constexpr const char* kCompiler = "clang " __clang_version__;
#else
constexpr const char* kCompiler = "gcc " __VERSION__;
#endif

Napi::Value cpu(const Napi::CallbackInfo& info) {
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("isa", backend::cpu_isa());
  result.Set("threads", Napi::Number::New(info.Env(), default_threads()));
  return result;
}

Napi::Value backends(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto list = backend::list(instance(env).cuda_package);
  Napi::Array result = Napi::Array::New(env, list.size());
  for (uint32_t i = 0; i < result.Length(); ++i) {
    Napi::Object row = Napi::Object::New(env);
    row.Set("name", list[i].name);
    row.Set("available", Napi::Boolean::New(env, list[i].available));
    row.Set("reason", list[i].reason);
    row.Set("description", list[i].description);
    Napi::Array places = Napi::Array::New(env, list[i].places.size());
    for (uint32_t j = 0; j < places.Length(); ++j) {
      const backend::CudaPlace& looked = list[i].places[j];
      Napi::Object place = Napi::Object::New(env);
      place.Set("kind", looked.kind);
      place.Set("path", looked.path);
      place.Set("state", backend::state_name(looked.state));
      place.Set("reason", looked.reason);
      places.Set(j, place);
    }
    row.Set("places", places);
    result.Set(i, row);
  }
  return result;
}

Napi::Value set_cuda_package(const Napi::CallbackInfo& info) {
  instance(info.Env()).cuda_package = path_argument(info[0], "package");
  return info.Env().Undefined();
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  auto owner = std::make_unique<Instance>();
  Instance* instance = owner.get();
  env.SetInstanceData(owner.release());
  // Hooks run in reverse order of registration and before any finalizer: threads are joined while all they
  // use lives.
  napi_add_env_cleanup_hook(env, &Job::end_all, instance);
  exports.Set("version", kVersion);
  exports.Set("backendAbi", Napi::Number::New(env, BELLE_BACKEND_ABI_VERSION));
  exports.Set("compiler", kCompiler);
  exports.Set("cpu", Napi::Function::New<cpu>(env, "cpu"));
  exports.Set("backends", Napi::Function::New<backends>(env, "backends"));
  exports.Set("setCudaPackage", Napi::Function::New<set_cuda_package>(env, "setCudaPackage"));
  for (const auto define : {define_stop, define_tokenizer, define_decode_stream, define_bpe_trainer,
                            define_merge, define_tokenizer_export, define_model, define_trainer,
                            define_shards, define_files, define_plan, define_bench}) {
    define(env, exports);
  }
  return exports;
}

}  // namespace

NODE_API_MODULE(belle, init)

}  // namespace belle::addon
