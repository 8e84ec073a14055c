// The public surface: what `import … from "belle-train"` gives. Names are stable.

// Errors

export type { BelleErrorCode, BelleErrorOptions } from "./native/errors.ts";
export { BelleError, errorCodes } from "./native/errors.ts";

// Tokenizers

export type { ExportCheck, ExportDifference, ExportOptions, ExportProgress } from "./tokenizer/export_tokenizer.ts";
export { exportTokenizer } from "./tokenizer/export_tokenizer.ts";
export type { MergeEffect, MergeMode, MergeOptions, MergeProgress, MergeReport } from "./tokenizer/merge_vocabulary.ts";
export { mergeVocabulary } from "./tokenizer/merge_vocabulary.ts";
export type { CamelCaseSentencePieceOptions, SentencePieceOptions } from "./tokenizer/sentencepiece_options.ts";
export type {
  BatchOptions,
  DecodeStream,
  EncodedBatch,
  EncodedSpans,
  EncodeOptions,
  Piece,
  TextUnit,
  TokenizerInfo,
  TokenizerLoadOptions,
} from "./tokenizer/tokenizer.ts";
export { Tokenizer } from "./tokenizer/tokenizer.ts";
export type { TrainBpeOptions, TrainBpeProgress } from "./tokenizer/train_bpe.ts";
export { trainBpe } from "./tokenizer/train_bpe.ts";

// Data

export type { DataSource } from "./config/data.ts";
export type { DataTokenizer, Encoded } from "./data/encode.ts";
export { encodeSegments } from "./data/encode.ts";
export { groupConversations, groupTexts } from "./data/grouped.ts";
export type { TokensManifest } from "./data/manifest.ts";
export type { PrepareControl, PrepareOptions, PrepareProgress, PrepareResult } from "./data/prepare.ts";
export { prepareData } from "./data/prepare.ts";
export type { DataStats } from "./data/stats.ts";
export { dataStats } from "./data/stats.ts";
export type { Segment, Template, TemplateName } from "./data/template.ts";
export { templates, toSegments } from "./data/template.ts";

// Models

export type {
  AttentionKernel,
  GemmKernel,
  KernelFigure,
  KernelOptions,
  KernelRequest,
  LossKernel,
  OptimizerKernel,
  PeakKernel,
  RowKernel,
} from "./model/bench_kernel.ts";
export { benchKernel } from "./model/bench_kernel.ts";
export type { GenerateOptions } from "./model/generate_options.ts";
export type { Backend, DeviceOptions, DType, LoadOptions } from "./model/load_options.ts";
export type { Adapter, LoraOptions } from "./model/lora_options.ts";
export type {
  ForwardInput,
  ForwardOptions,
  ForwardResult,
  Parameter,
  ResizeOptions,
  SaveOptions,
} from "./model/model.ts";
export { Model } from "./model/model.ts";

// Training

export type { MetricRow } from "./metrics/jsonl.ts";
export { metricCurve, readMetrics } from "./metrics/read.ts";
export type { MetricsRecorder, RecorderOptions } from "./metrics/recorder.ts";
export { createRecorder } from "./metrics/recorder.ts";
export type { MemoryItem, MemorySaving, PlanOptions, TrainingPlan } from "./train/plan.ts";
export { planTraining } from "./train/plan.ts";
export { runPlanOptions } from "./train/plan_run.ts";
export type { TrainConfig } from "./train/train_config.ts";
export type { RunOptions, TrainBatch, TrainData, TrainEvent, TrainerOptions } from "./train/trainer.ts";
export { Trainer } from "./train/trainer.ts";

// Runs of a configuration, as the command line has them

export { judgeSchema } from "./config/judge.ts";
export type { LoadConfigOptions } from "./config/load.ts";
export { loadConfig, parseConfig } from "./config/load.ts";
export type { RunConfig } from "./config/run.ts";
export { runSchema } from "./config/run.ts";
export type { RunEvent } from "./train/run.ts";
export { trainingRun } from "./train/run.ts";

// Answers and their judge

export type { Answers, GenerateAnswersOptions, TextGenerator } from "./eval/answers.ts";
export { generateAnswers, readAnswers } from "./eval/answers.ts";
export type { LocalGeneratorOptions } from "./eval/local_generator.ts";
export { localGenerator } from "./eval/local_generator.ts";
export type {
  ChatClientOptions,
  ChatCompleter,
  ChatCompletion,
  ChatMessage,
  ChatRequest,
} from "./judge/chat_client.ts";
export { ChatClient } from "./judge/chat_client.ts";
export { clientFromConfig } from "./judge/from_config.ts";
export { Journal } from "./judge/journal.ts";
export type { JudgeCounts, JudgeEvent, JudgeItem, JudgeOptions, Judgment, Verdict } from "./judge/judge.ts";
export { estimateJudge, judge } from "./judge/judge.ts";
export type { ParsedScore, ScoreOptions } from "./judge/score_parser.ts";
export { parseScore } from "./judge/score_parser.ts";

// Evaluation

export type { Averages, CategoryScheme, ScoredItem } from "./eval/averages.ts";
export { averageScores, nineCategoryScheme, schemeOfClasses, twelveUseCaseScheme } from "./eval/averages.ts";
export type { EvalItem, EvalSet, EvalSetOptions } from "./eval/eval_set.ts";
export { loadEvalSet, sampleStratified } from "./eval/eval_set.ts";
export type { EvaluationOptions, JudgeEvaluationOptions } from "./eval/evaluate.ts";
export { evaluateByJudge, evaluateByRules, writeEvaluation } from "./eval/evaluate.ts";
export type { RuleCheck } from "./eval/rules.ts";
export { scoreByRule } from "./eval/rules.ts";
export type { Interval, MeanEstimate } from "./eval/statistics.ts";
export { pairedDifference } from "./eval/statistics.ts";
export type { EvalSummary, Evaluation, ScoreRow } from "./eval/summary.ts";
export { readScores, readSummary } from "./eval/summary.ts";
export type { TextStats, TokenizerStats, TokenizerStatsOptions, UsageStats } from "./eval/tokenizer_stats.ts";
export { tokenizerStats } from "./eval/tokenizer_stats.ts";
export type { VocabularyStats } from "./eval/vocabulary_stats.ts";

// Reports

export type { EvalReportInput, EvalReportOptions } from "./report/eval_report.ts";
export { evalReport, scoresTable } from "./report/eval_report.ts";
export type { Report, Section, Table } from "./report/report.ts";
export { writeReport } from "./report/write.ts";

// Recipes

export type { RecipeEvent } from "./recipes/extend_and_tune/events.ts";
export type { RecipeOptions } from "./recipes/extend_and_tune/recipe.ts";
export { extendAndTune } from "./recipes/extend_and_tune/recipe.ts";
export type { ExtendAndTuneResult } from "./recipes/extend_and_tune/result.ts";
export type { ExtendAndTuneConfig } from "./recipes/extend_and_tune/schema.ts";
export { extendAndTuneSchema } from "./recipes/extend_and_tune/schema.ts";
export { quickstart } from "./recipes/quickstart.ts";
