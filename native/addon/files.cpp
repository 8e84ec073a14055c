#include "native/addon/arguments.h"
#include "native/addon/errors.h"
#include "native/addon/instance.h"
#include "native/addon/job.h"
#include "native/io/commit.h"

namespace belle::addon {
namespace {

Napi::Value write_file(const Napi::CallbackInfo& info) {
  auto work = [path = path_argument(info[0], "path"),
               text = string_argument(info[1], "text")](Job&) -> Result<Job::Settle> {
    BELLE_TRY(io::write_file(path, text).status());
    return Job::nothing();
  };
  return Job::start(info.Env(), std::move(work));
}

Napi::Value verify_manifest(const Napi::CallbackInfo& info) {
  auto work = [folder = path_argument(info[0], "folder")](Job&) -> Result<Job::Settle> {
    BELLE_ASSIGN(const Json manifest, io::verify_manifest(folder));
    return Job::Settle(
        [text = manifest.dump()](Napi::Env env) -> Napi::Value { return Napi::String::New(env, text); });
  };
  return Job::start(info.Env(), std::move(work));
}

Napi::Value free_space(const Napi::CallbackInfo& info) {
  const uint64_t bytes = take(info.Env(), io::free_space(path_argument(info[0], "path")));
  return Napi::Number::New(info.Env(), static_cast<double>(bytes));
}

}  // namespace

void define_files(Napi::Env env, Napi::Object exports) {
  exports.Set("writeFile", Napi::Function::New<write_file>(env, "writeFile"));
  exports.Set("verifyManifest", Napi::Function::New<verify_manifest>(env, "verifyManifest"));
  exports.Set("freeSpace", Napi::Function::New<free_space>(env, "freeSpace"));
}

}  // namespace belle::addon
