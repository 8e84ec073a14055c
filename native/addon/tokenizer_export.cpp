// A sentencepiece tokenizer as a Hugging Face folder, and how far its files encode as it does.
#include <algorithm>
#include <filesystem>

#include "native/addon/arguments.h"
#include "native/addon/instance.h"
#include "native/addon/object_writer.h"
#include "native/addon/progress.h"
#include "native/addon/tokenizer.h"
#include "native/core/code_points.h"
#include "native/tokenizer/export/export_lines.h"
#include "native/tokenizer/export/hf_folder_writer.h"

namespace belle::addon {
namespace {

using tokenizer::ExportCheck;
using tokenizer::ExportDifference;
using tokenizer::HfTokenizerOptions;
using tokenizer::SentencePieceTokenizer;

constexpr size_t kShownCharacters = 200;
// Pieces shown of an example: some before the first difference, and so many in all.
constexpr size_t kShownBefore = 2, kShownPieces = 12;

struct Example {
  std::string text;  // its first characters
  size_t token;      // the first that differs
  std::vector<std::string> expected, exported;
};

std::vector<std::string> pieces_from(const SentencePieceTokenizer& tokenizer, const std::vector<int32_t>& ids,
                                     size_t from) {
  std::vector<std::string> pieces;
  for (size_t i = from; i < std::min(ids.size(), from + kShownPieces); ++i)
    pieces.push_back(tokenizer.piece(ids[i]).piece);
  return pieces;
}

Example example_of(const SentencePieceTokenizer& tokenizer, const ExportDifference& difference) {
  const std::string& line = difference.line;
  size_t end = 0;
  for (size_t i = 0; i < kShownCharacters && end < line.size(); ++i)
    end += decode_utf8(std::string_view(line).substr(end)).length;
  const std::vector<int32_t>&expected = difference.expected, &exported = difference.exported;
  const auto first = std::mismatch(expected.begin(), expected.end(), exported.begin(), exported.end());
  const auto token = static_cast<size_t>(first.first - expected.begin());
  const size_t from = token - std::min(token, kShownBefore);
  return {line.substr(0, end) + (end < line.size() ? "…" : ""), token, pieces_from(tokenizer, expected, from),
          pieces_from(tokenizer, exported, from)};
}

Napi::Object check_object(Napi::Env env, const ExportCheck& check, const std::vector<Example>& examples) {
  ObjectWriter out(env);
  out.count("lines", check.lines);
  out.count("differing", check.differing);
  out.count("lost", check.lost);
  out.names("lostPieces", check.lost_pieces);
  Napi::Array array = Napi::Array::New(env, examples.size());
  for (uint32_t i = 0; i < array.Length(); ++i) {
    ObjectWriter example(env);
    example.text("text", examples[i].text);
    example.count("token", examples[i].token);
    example.names("expected", examples[i].expected);
    example.names("exported", examples[i].exported);
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
    std::vector<Example> examples;
    for (const ExportDifference& difference : check.examples)
      examples.push_back(example_of(checker.tokenizer(), difference));
    return Job::Settle([check = std::move(check), examples = std::move(examples)](
                           Napi::Env env) -> Napi::Value { return check_object(env, check, examples); });
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
