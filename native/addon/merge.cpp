#include "native/tokenizer/merge/merge.h"

#include <array>
#include <optional>

#include "native/addon/arguments.h"
#include "native/addon/arrays.h"
#include "native/addon/errors.h"
#include "native/addon/instance.h"
#include "native/addon/job.h"
#include "native/addon/object_writer.h"
#include "native/addon/progress.h"
#include "native/addon/tokenizer.h"
#include "native/tokenizer/export/export_lines.h"
#include "native/tokenizer/export/sentencepiece_of.h"
#include "native/tokenizer/merge/merge_effect.h"

namespace belle::addon {
namespace {

using tokenizer::MergeEffect;
using tokenizer::MergeGuarantee;
using tokenizer::MergeReport;
using tokenizer::TextLines;

constexpr std::array<const char*, 3> kModes = {"safe", "belle", "chinese-llama"};  // in MergeMode's order

// Lines to compare, under the name that errors and progress give them.
struct Text {
  const char* name;
  std::vector<std::string> files;
  std::optional<TextLines> lines;
  std::optional<MergeEffect> effect;
};

Napi::Object guarantee_object(Napi::Env env, const MergeGuarantee& guarantee) {
  ObjectWriter out(env);
  out.flag("holds", guarantee.holds());
  out.count("newWithoutHan", guarantee.without_han);
  out.flag("distinctScores", guarantee.distinct_scores);
  out.flag("belowOldScores", guarantee.below_old);
  out.flag("allNormal", guarantee.all_normal);
  out.number("lowestOldScore", guarantee.lowest_old);
  out.number("highestNewScore", guarantee.highest_new);
  return out.object;
}

Napi::Object effect_object(Napi::Env env, const MergeEffect& effect) {
  ObjectWriter out(env);
  out.count("lines", effect.lines);
  out.count("characters", effect.characters);
  out.count("bytes", effect.bytes);
  out.count("withHan", effect.with_han);
  out.count("changed", effect.changed);
  out.count("changedWithoutHan", effect.changed_without_han);
  out.count("tokensBefore", effect.tokens_before);
  out.count("tokensAfter", effect.tokens_after);
  Napi::Array examples = Napi::Array::New(env, effect.examples.size());
  for (uint32_t i = 0; i < examples.Length(); ++i) {
    const tokenizer::ChangedLine& line = effect.examples[i];
    ObjectWriter example(env);
    example.text("file", line.file);
    example.count("line", line.line);
    example.text("text", line.text);
    example.count("token", line.token);
    example.names("before", line.before);
    example.names("after", line.after);
    examples.Set(i, example.object);
  }
  out.object.Set("examples", examples);
  return out.object;
}

Napi::Object report_object(Napi::Env env, const MergeReport& report) {
  ObjectWriter out(env);
  out.count("baseRows", report.base_rows);
  out.count("additionRows", report.addition_rows);
  out.count("shared", report.shared);
  out.count("added", report.added);
  out.count("leftOut", report.left_out);
  out.count("rows", report.rows);
  out.count("deadOld", report.dead_old);
  out.count("deadNew", report.dead_new);
  out.count("paddedRows8", report.padded_rows_8);
  out.count("paddedRows64", report.padded_rows_64);
  out.count("paddedRows128", report.padded_rows_128);
  out.names("sharedPieces", report.shared_pieces);
  out.names("addedPieces", report.added_pieces);
  out.names("leftOutPieces", report.left_out_pieces);
  out.names("deadOldPieces", report.dead_old_pieces);
  out.names("deadNewPieces", report.dead_new_pieces);
  out.object.Set("guarantee", guarantee_object(env, report.guarantee));
  Napi::Array sub_tokens = Napi::Array::New(env, report.sub_tokens.size());
  for (uint32_t i = 0; i < sub_tokens.Length(); ++i) {
    const Napi::HandleScope scope(env);
    sub_tokens.Set(i, ids_array(env, report.sub_tokens[i]));
  }
  out.object.Set("subTokens", sub_tokens);
  return out.object;
}

Status about(const std::string& what, const Status& status) {
  return {status.code(), what + ": " + status.message()};
}

// The tokenizer's own model, or that of its tokenizer.json.
Result<tokenizer::SentencePieceModel> model_of(const SharedTokenizer& tokenizer, const char* which) {
  auto model = tokenizer::sentencepiece_of(*tokenizer);
  if (!model.ok()) return about(std::string("the ") + which + " cannot be merged", model.status());
  return model;
}

// Whether a Hugging Face folder of the merged tokenizer would encode the lines equally.
struct ExportEffect {
  tokenizer::ExportCheck check;
  std::string refused;  // why there can be no such folder; else ""
};

Result<ExportEffect> measure_export(const tokenizer::SentencePieceModel& merged, const TextLines& lines,
                                    ThreadPool& pool, Job& job) {
  tokenizer::HfTokenizerOptions options;
  options.add_bos = false;  // no matter of the lines, and not every model has one
  auto checker = tokenizer::ExportChecker::create(merged, options);
  if (!checker.ok()) return ExportEffect{{}, checker.status().message()};
  BELLE_ASSIGN(auto check, tokenizer::check_export(checker.value(), lines, pool, job.stop(),
                                                   [&](uint64_t done, uint64_t total) {
                                                     emit_progress(job, "hfExport", done, total);
                                                   }));
  return ExportEffect{std::move(check), {}};
}

Napi::Object export_object(Napi::Env env, const ExportEffect& effect) {
  ObjectWriter out(env);
  if (!effect.refused.empty()) {
    out.text("refused", effect.refused);
    return out.object;
  }
  out.count("lines", effect.check.lines);
  out.count("differing", effect.check.differing);
  out.count("lost", effect.check.lost);
  return out.object;
}

struct Request {
  SharedTokenizer base, addition;
  tokenizer::MergeMode mode;
  std::array<Text, 2> texts;
  uint64_t max_lines;
};

Result<Job::Settle> merge(Request& request, Job& job) {
  BELLE_ASSIGN(const auto base, model_of(request.base, "base"));
  BELLE_ASSIGN(const auto addition, model_of(request.addition, "addition"));
  for (Text& text : request.texts) {
    if (text.files.empty()) continue;
    auto lines = TextLines::open(text.files, request.max_lines);
    if (!lines.ok()) return about(std::string(text.name) + " text", lines.status());
    text.lines = lines.take();
  }
  emit_progress(job, "merge", 0, 1);
  BELLE_ASSIGN(auto result, tokenizer::merge_vocabulary(base, addition, request.mode));
  emit_progress(job, "merge", 1, 1);
  ThreadPool pool;
  for (Text& text : request.texts) {
    if (job.stop().load()) return Status(StatusCode::aborted, "the vocabulary merge was stopped");
    if (!text.lines) continue;
    BELLE_ASSIGN(text.effect, tokenizer::measure_effect(*result.before, *result.after, *text.lines, pool,
                                                        job.stop(), [&](uint64_t done, uint64_t total) {
                                                          emit_progress(job, text.name, done, total);
                                                        }));
  }
  std::optional<ExportEffect> exported;
  if (request.texts[1].lines) {
    BELLE_ASSIGN(exported, measure_export(result.model, *request.texts[1].lines, pool, job));
  }
  return Job::Settle([tokenizer = SharedTokenizer(std::move(result.after)), report = std::move(result.report),
                      unchanged = std::move(request.texts[0].effect),
                      gained = std::move(request.texts[1].effect),
                      exported = std::move(exported)](Napi::Env env) -> Napi::Value {
    ObjectWriter merged(env);
    merged.object.Set("tokenizer", new_tokenizer(env, tokenizer));
    merged.object.Set("report", report_object(env, report));
    if (unchanged) merged.object.Set("protected", effect_object(env, *unchanged));
    if (gained) merged.object.Set("target", effect_object(env, *gained));
    if (exported) merged.object.Set("hfExport", export_object(env, *exported));
    return merged.object;
  });
}

// (base, addition, mode, { protectedText, targetText, maxLines }, stop, onProgress)
Napi::Value merge_vocabulary(const Napi::CallbackInfo& info) {
  Request request;
  request.base = tokenizer_argument(info, 0, "base");
  request.addition = tokenizer_argument(info, 1, "addition");
  request.mode = static_cast<tokenizer::MergeMode>(one_of_argument(info[2], "mode", kModes));
  const Options options(info[3], "options");
  request.texts = {Text{"protected", options.strings("protectedText"), {}, {}},
                   Text{"target", options.strings("targetText"), {}, {}}};
  request.max_lines = static_cast<uint64_t>(options.integer("maxLines", 0));
  const StopFlag stop = stop_argument(info, 4, "stop");
  auto work = [request = std::make_shared<Request>(std::move(request))](Job& job) {
    return merge(*request, job);
  };
  return Job::start(info.Env(), std::move(work), stop, callback_argument(info[5], "onProgress"));
}

}  // namespace

void define_merge(Napi::Env env, Napi::Object exports) {
  exports.Set("mergeVocabulary", Napi::Function::New<merge_vocabulary>(env, "mergeVocabulary"));
}

}  // namespace belle::addon
