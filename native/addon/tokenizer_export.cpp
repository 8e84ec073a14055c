// A sentencepiece tokenizer as a Hugging Face folder, and how far its files encode as it does.
#include <filesystem>

#include "native/addon/arguments.h"
#include "native/addon/instance.h"
#include "native/addon/object_writer.h"
#include "native/addon/progress.h"
#include "native/addon/tokenizer.h"
#include "native/tokenizer/export/export_lines.h"
#include "native/tokenizer/export/hf_folder_writer.h"
#include "native/tokenizer/export/sentencepiece_of.h"

namespace belle::addon {
namespace {

using tokenizer::ExportCheck;
using tokenizer::HfTokenizerOptions;
using tokenizer::SentencePieceModel;

Napi::Object check_object(Napi::Env env, const ExportCheck& check) {
  ObjectWriter out(env);
  out.count("lines", check.lines);
  out.count("differing", check.differing);
  out.count("lost", check.lost);
  out.names("lostPieces", check.lost_pieces);
  Napi::Array array = Napi::Array::New(env, check.examples.size());
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const tokenizer::EncodingDifference& difference = check.examples[i];
    ObjectWriter example(env);
    example.text("text", difference.text);
    example.count("token", difference.token);
    example.names("expected", difference.before);
    example.names("exported", difference.after);
    array.Set(i, example.object);
  }
  out.object.Set("examples", array);
  return out.object;
}

// addBos left out: whether the model has BOS.
struct Export {
  SharedTokenizer tokenizer;
  HfTokenizerOptions options;
  bool bos_if_any = false;
};

Export export_argument(const Napi::CallbackInfo& info, size_t options_index) {
  Export request{tokenizer_argument(info, 0, "tokenizer"), {}};
  const Options given(info[options_index], "options");
  HfTokenizerOptions& options = request.options;
  options.legacy = given.boolean("legacy");
  request.bos_if_any = given.get("addBos").IsUndefined();
  options.add_bos = !request.bos_if_any && given.boolean("addBos");
  options.add_eos = given.boolean("addEos");
  options.model_max_length = given.integer("modelMaxLength", 1);
  options.llama_class = given.boolean("llamaClass");
  options.inexact_charsmap = given.boolean("inexactCharsmap");
  return request;
}

// The tokenizer's own model, or that of its tokenizer.json.
Result<SentencePieceModel> model_of(Export* request) {
  auto made = tokenizer::sentencepiece_of(*request->tokenizer);
  if (!made.ok())
    return Status(made.status().code(), "this tokenizer cannot be exported: " + made.status().message());
  SentencePieceModel model = made.take();
  if (request->bos_if_any) {
    BELLE_ASSIGN(const auto special, tokenizer::hf_special_pieces(model, request->options));
    request->options.add_bos = special.bos >= 0;
  }
  return model;
}

Status make_folder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error) return {};
  return {StatusCode::io, "cannot make the folder " + folder + ": " + error.message()};
}

// (tokenizer, folder, options): writes the four files; nothing is made for a model that is refused.
Napi::Value export_tokenizer(const Napi::CallbackInfo& info) {
  auto work = [request = export_argument(info, 2),
               folder = path_argument(info[1], "folder")](Job&) mutable -> Result<Job::Settle> {
    BELLE_ASSIGN(const auto model, model_of(&request));
    BELLE_ASSIGN(const auto files, tokenizer::hf_tokenizer_files(model, request.options));
    BELLE_TRY(make_folder(folder));
    BELLE_TRY(tokenizer::write_hf_tokenizer(files, folder));
    return Job::nothing();
  };
  return Job::start(info.Env(), std::move(work));
}

// (tokenizer, files, maxLines, options, stop, onProgress): maxLines 0 = all.
Napi::Value check_tokenizer_export(const Napi::CallbackInfo& info) {
  const StopFlag stop = stop_argument(info, 4, "stop");
  auto work = [request = export_argument(info, 3), files = strings_argument(info[1], "files"),
               max_lines = static_cast<uint64_t>(integer_argument(info[2], "maxLines", 0))](
                  Job& job) mutable -> Result<Job::Settle> {
    BELLE_ASSIGN(const auto model, model_of(&request));
    BELLE_ASSIGN(const auto lines, tokenizer::TextLines::open(files, max_lines));
    BELLE_ASSIGN(const auto checker, tokenizer::ExportChecker::create(model, request.options));
    ThreadPool pool;
    BELLE_ASSIGN(ExportCheck check, tokenizer::check_export(checker, lines, pool, job.stop(),
                                                            [&](uint64_t done, uint64_t total) {
                                                              emit_progress(job, "check", done, total);
                                                            }));
    return Job::Settle(
        [check = std::move(check)](Napi::Env env) -> Napi::Value { return check_object(env, check); });
  };
  return Job::start(info.Env(), std::move(work), stop, callback_argument(info[5], "onProgress"));
}

}  // namespace

void define_tokenizer_export(Napi::Env env, Napi::Object exports) {
  exports.Set("exportTokenizer", Napi::Function::New<export_tokenizer>(env, "exportTokenizer"));
  exports.Set("checkTokenizerExport",
              Napi::Function::New<check_tokenizer_export>(env, "checkTokenizerExport"));
}

}  // namespace belle::addon
