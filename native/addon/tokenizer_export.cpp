// A sentencepiece tokenizer as a Hugging Face folder, and how far its files encode as it does.
#include <filesystem>

#include "native/addon/arguments.h"
#include "native/addon/instance.h"
#include "native/addon/object_writer.h"
#include "native/addon/progress.h"
#include "native/addon/tokenizer.h"
#include "native/tokenizer/export/export_lines.h"
#include "native/tokenizer/export/hf_folder_writer.h"

namespace belle::addon {
namespace {

using tokenizer::ExportCheck;
using tokenizer::HfTokenizerOptions;

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

Result<const tokenizer::SentencePieceModel*> model_of(const tokenizer::Tokenizer& tokenizer) {
  if (const auto* model = tokenizer.sentencepiece()) return model;
  return Status(StatusCode::unsupported,
                std::string("only sentencepiece models are written as a Hugging Face folder, and this "
                            "tokenizer was read from a ") +
                    tokenizer.file_name() +
                    "; copy its files into the folder, or give the tokenizer.model it was made from "
                    "(toSentencePiece() of a LLaMA-like one)");
}

HfTokenizerOptions hf_options(const Napi::Value& value) {
  const Options given(value, "options");
  HfTokenizerOptions options;
  options.legacy = given.boolean("legacy");
  options.add_bos = given.boolean("addBos");
  options.add_eos = given.boolean("addEos");
  options.model_max_length = given.integer("modelMaxLength", 1);
  options.llama_class = given.boolean("llamaClass");
  options.inexact_charsmap = given.boolean("inexactCharsmap");
  return options;
}

Status make_folder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error) return {};
  return {StatusCode::io, "cannot make the folder " + folder + ": " + error.message()};
}

// (tokenizer, folder, options): writes the four files; nothing is made for a model that is refused.
Napi::Value export_tokenizer(const Napi::CallbackInfo& info) {
  auto work = [tokenizer = tokenizer_argument(info, 0, "tokenizer"),
               folder = path_argument(info[1], "folder"),
               options = hf_options(info[2])](Job&) -> Result<Job::Settle> {
    BELLE_ASSIGN(const auto* model, model_of(*tokenizer));
    BELLE_ASSIGN(const auto files, tokenizer::hf_tokenizer_files(*model, options));
    BELLE_TRY(make_folder(folder));
    BELLE_TRY(tokenizer::write_hf_tokenizer(files, folder));
    return Job::nothing();
  };
  return Job::start(info.Env(), std::move(work));
}

// (tokenizer, files, maxLines, options, stop, onProgress): maxLines 0 = all.
Napi::Value check_tokenizer_export(const Napi::CallbackInfo& info) {
  const StopFlag stop = stop_argument(info, 4, "stop");
  auto work = [tokenizer = tokenizer_argument(info, 0, "tokenizer"),
               files = strings_argument(info[1], "files"),
               max_lines = static_cast<uint64_t>(integer_argument(info[2], "maxLines", 0)),
               options = hf_options(info[3])](Job& job) -> Result<Job::Settle> {
    BELLE_ASSIGN(const auto* model, model_of(*tokenizer));
    BELLE_ASSIGN(const auto lines, tokenizer::TextLines::open(files, max_lines));
    BELLE_ASSIGN(const auto checker, tokenizer::ExportChecker::create(*model, options));
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
