#include "native/tokenizer/train/bpe_trainer.h"

#include <algorithm>
#include <variant>

#include "native/addon/arguments.h"
#include "native/addon/errors.h"
#include "native/addon/instance.h"
#include "native/addon/job.h"
#include "native/addon/tokenizer.h"
#include "native/tokenizer/sentencepiece_tokenizer.h"

namespace belle::addon {
namespace {

using tokenizer::BpeTrainProgress;
using tokenizer::BpeTrainRequest;

// sentencepiece's option names and the fields they set (src/sentencepiece_model.proto;
// normalization_rule_name is the spm_train flag of NormalizerSpec.name).
using Field = std::variant<int32_t*, uint64_t*, float*, bool*, std::string*, std::vector<std::string>*>;
std::vector<std::pair<const char*, Field>> fields(BpeTrainRequest& request) {
  auto& t = request.trainer_spec;
  auto& n = request.normalizer_spec;
  return {{"vocab_size", &t.vocab_size},
          {"character_coverage", &t.character_coverage},
          {"input_sentence_size", &t.input_sentence_size},
          {"shuffle_input_sentence", &t.shuffle_input_sentence},
          {"max_sentence_length", &t.max_sentence_length},
          {"max_sentencepiece_length", &t.max_sentencepiece_length},
          {"split_by_unicode_script", &t.split_by_unicode_script},
          {"split_by_number", &t.split_by_number},
          {"split_by_whitespace", &t.split_by_whitespace},
          {"treat_whitespace_as_suffix", &t.treat_whitespace_as_suffix},
          {"allow_whitespace_only_pieces", &t.allow_whitespace_only_pieces},
          {"split_digits", &t.split_digits},
          {"byte_fallback", &t.byte_fallback},
          {"hard_vocab_limit", &t.hard_vocab_limit},
          {"control_symbols", &t.control_symbols},
          {"user_defined_symbols", &t.user_defined_symbols},
          {"required_chars", &t.required_chars},
          {"unk_id", &t.unk_id},
          {"bos_id", &t.bos_id},
          {"eos_id", &t.eos_id},
          {"pad_id", &t.pad_id},
          {"unk_piece", &t.unk_piece},
          {"bos_piece", &t.bos_piece},
          {"eos_piece", &t.eos_piece},
          {"pad_piece", &t.pad_piece},
          {"unk_surface", &t.unk_surface},
          {"normalization_rule_name", &n.name},
          {"add_dummy_prefix", &n.add_dummy_prefix},
          {"remove_extra_whitespaces", &n.remove_extra_whitespaces},
          {"escape_whitespaces", &n.escape_whitespaces}};
}

void set_field(const Field& field, const Napi::Value& value, const std::string& name) {
  if (auto* const* out = std::get_if<int32_t*>(&field)) {
    **out = static_cast<int32_t>(integer_argument(value, name, INT32_MIN, INT32_MAX));
  } else if (auto* const* out = std::get_if<uint64_t*>(&field)) {
    **out = static_cast<uint64_t>(integer_argument(value, name, 0));
  } else if (auto* const* out = std::get_if<float*>(&field)) {
    **out = static_cast<float>(number_argument(value, name));
  } else if (auto* const* out = std::get_if<bool*>(&field)) {
    **out = boolean_argument(value, name);
  } else if (auto* const* out = std::get_if<std::string*>(&field)) {
    **out = string_argument(value, name);
  } else {
    *std::get<std::vector<std::string>*>(field) = strings_argument(value, name);
  }
}

void set_options(BpeTrainRequest& request, const Napi::Object& options) {
  const auto known = fields(request);
  const Napi::Array keys = options.GetPropertyNames();
  for (uint32_t i = 0; i < keys.Length(); ++i) {
    const std::string key = keys.Get(i).As<Napi::String>().Utf8Value();
    const auto found =
        std::find_if(known.begin(), known.end(), [&](const auto& row) { return key == row.first; });
    if (found == known.end()) {
      throw_argument(options.Env(), "options." + key + " is not a training option of sentencepiece BPE.");
    }
    set_field(found->second, options.Get(key), "options." + key);
  }
}

const char* phase_name(BpeTrainProgress::Phase phase) {
  switch (phase) {
    case BpeTrainProgress::Phase::read:
      return "read";
    case BpeTrainProgress::Phase::count:
      return "count";
    case BpeTrainProgress::Phase::merge:
      return "merge";
    case BpeTrainProgress::Phase::done:
      return "done";
  }
  return "done";
}

Job::Event progress_event(const BpeTrainProgress& progress) {
  return [progress](Napi::Env env) -> std::vector<napi_value> {
    Napi::Object object = Napi::Object::New(env);
    object.Set("phase", phase_name(progress.phase));
    object.Set("done", Napi::Number::New(env, static_cast<double>(progress.done)));
    object.Set("total", Napi::Number::New(env, static_cast<double>(progress.total)));
    if (progress.phase == BpeTrainProgress::Phase::done) {
      object.Set("ties", Napi::Number::New(env, static_cast<double>(progress.ties)));
      object.Set("shards", Napi::Number::New(env, progress.shards));
      object.Set("generations", Napi::Number::New(env, progress.generations));
    }
    return {object};
  };
}

Napi::Value train_bpe(const Napi::CallbackInfo& info) {
  const Options options(info[0], "options");
  BpeTrainRequest request;
  request.files = options.strings("files");
  for (size_t i = 0; i < request.files.size(); ++i) {
    if (request.files[i].empty() || request.files[i].find('\0') != std::string::npos) {
      throw_argument(info.Env(), "options.files[" + std::to_string(i) + "] is not a path.");
    }
  }
  request.sentences = options.strings("sentences");
  request.threads = static_cast<int>(options.integer("threads", 0, tokenizer::kMaxTrainThreads));
  if (!options.get("memoryLimit").IsUndefined())
    request.memory_limit = static_cast<uint64_t>(options.integer("memoryLimit", 0));
  if (!options.get("workFolder").IsUndefined()) request.work_folder = options.file("workFolder");
  set_options(request, object_argument(options.get("options"), "options.options"));
  const StopFlag stop = stop_argument(info, 1, "stop");
  auto work = [request = std::move(request)](Job& job) -> Result<Job::Settle> {
    BELLE_ASSIGN(auto model,
                 tokenizer::train_bpe(request, job.stop(), [&job](const BpeTrainProgress& progress) {
                   job.emit(progress_event(progress));
                 }));
    BELLE_ASSIGN(auto trained, tokenizer::SentencePieceTokenizer::create(std::move(model)));
    return Job::Settle([tokenizer = SharedTokenizer(std::move(trained))](Napi::Env env) -> Napi::Value {
      return new_tokenizer(env, tokenizer);
    });
  };
  return Job::start(info.Env(), std::move(work), stop, callback_argument(info[2], "onProgress"));
}

}  // namespace

void define_bpe_trainer(Napi::Env env, Napi::Object exports) {
  exports.Set("trainBpe", Napi::Function::New<train_bpe>(env, "trainBpe"));
}

}  // namespace belle::addon
