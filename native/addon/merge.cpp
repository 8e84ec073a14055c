#include "native/tokenizer/merge.h"

#include <array>

#include "native/addon/arguments.h"
#include "native/addon/arrays.h"
#include "native/addon/errors.h"
#include "native/addon/instance.h"
#include "native/addon/job.h"
#include "native/addon/tokenizer.h"
#include "native/tokenizer/sentencepiece_tokenizer.h"

namespace belle::addon {
namespace {

constexpr std::array<const char*, 3> kModes = {"safe", "belle", "chinese-llama"};  // in MergeMode's order

Napi::Object report_object(Napi::Env env, const tokenizer::MergeReport& report) {
  Napi::Object object = Napi::Object::New(env);
  const auto set = [&](const char* key, int64_t value) {
    object.Set(key, Napi::Number::New(env, static_cast<double>(value)));
  };
  set("baseRows", report.base_rows);
  set("additionRows", report.addition_rows);
  set("shared", report.shared);
  set("added", report.added);
  set("leftOut", report.left_out);
  set("rows", report.rows);
  set("deadOld", report.dead_old);
  set("deadNew", report.dead_new);
  set("paddedRows64", report.padded_rows_64);
  set("paddedRows128", report.padded_rows_128);
  Napi::Array dead = Napi::Array::New(env, report.dead_old_pieces.size());
  for (uint32_t i = 0; i < dead.Length(); ++i) dead.Set(i, Napi::String::New(env, report.dead_old_pieces[i]));
  object.Set("deadOldPieces", dead);
  Napi::Array sub_tokens = Napi::Array::New(env, report.sub_tokens.size());
  for (uint32_t i = 0; i < sub_tokens.Length(); ++i) {
    const Napi::HandleScope scope(env);
    sub_tokens.Set(i, ids_array(env, report.sub_tokens[i]));
  }
  object.Set("subTokens", sub_tokens);
  return object;
}

Napi::Value merge_vocabulary(const Napi::CallbackInfo& info) {
  SharedTokenizer base = tokenizer_argument(info, 0, "base");
  SharedTokenizer addition = tokenizer_argument(info, 1, "addition");
  const auto mode = static_cast<tokenizer::MergeMode>(one_of_argument(info[2], "mode", kModes));
  return Job::start(info.Env(), [base, addition, mode](Job&) -> Result<Job::Settle> {
    BELLE_ASSIGN(auto result,
                 tokenizer::merge_vocabulary(*base->sentencepiece(), *addition->sentencepiece(), mode));
    BELLE_ASSIGN(auto created, tokenizer::SentencePieceTokenizer::create(std::move(result.model)));
    return Job::Settle([tokenizer = SharedTokenizer(std::move(created)),
                        report = std::move(result.report)](Napi::Env env) -> Napi::Value {
      Napi::Object merged = Napi::Object::New(env);
      merged.Set("tokenizer", new_tokenizer(env, tokenizer));
      merged.Set("report", report_object(env, report));
      return merged;
    });
  });
}

}  // namespace

void define_merge(Napi::Env env, Napi::Object exports) {
  exports.Set("mergeVocabulary", Napi::Function::New<merge_vocabulary>(env, "mergeVocabulary"));
}

}  // namespace belle::addon
