#pragma once
// Instance: everything the addon keeps per Node environment (main thread or worker). There are no process
// globals.
#include <napi.h>

#include <string>
#include <unordered_set>

#include "native/addon/encode_batch.h"

namespace belle::addon {

class Job;

struct Instance {
  // Constructors of the classes that JS receives but never calls itself.
  Napi::FunctionReference stop, tokenizer, decode_stream, model, trainer, shard_writer;
  EncodeThreads encode_threads;   // of all tokenizers: only the JS thread gives them work
  std::string cuda_package;       // libbelle_cuda.so of the npm package, as JavaScript resolved it; or empty
  std::unordered_set<Job*> jobs;  // running; used on the JS thread only
};

// Set at addon initialisation, alive as long as the environment.
inline Instance& instance(Napi::Env env) { return *env.GetInstanceData<Instance>(); }

// Each adds its functions and classes; a file per subject.
void define_stop(Napi::Env env, Napi::Object exports);
void define_tokenizer(Napi::Env env, Napi::Object exports);
void define_decode_stream(Napi::Env env, Napi::Object exports);
void define_bpe_trainer(Napi::Env env, Napi::Object exports);
void define_merge(Napi::Env env, Napi::Object exports);
void define_tokenizer_export(Napi::Env env, Napi::Object exports);
void define_model(Napi::Env env, Napi::Object exports);
void define_trainer(Napi::Env env, Napi::Object exports);
void define_shards(Napi::Env env, Napi::Object exports);
void define_files(Napi::Env env, Napi::Object exports);
void define_plan(Napi::Env env, Napi::Object exports);
void define_bench(Napi::Env env, Napi::Object exports);

}  // namespace belle::addon
