// extend-and-tune: a BPE is trained and merged, the model gets the rows, its embeddings are pre-trained, it is
// fine-tuned, answers questions before and after, is scored, and one report tells the story.
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Language } from "../../config/language.ts";
import { makeOutputFolder, sweepFolder } from "../../data/files.ts";
import type { Evaluation } from "../../eval/summary.ts";
import { clientFromConfig } from "../../judge/from_config.ts";
import { modelConfig } from "../../model/model_config.ts";
import { BelleError } from "../../native/errors.ts";
import { mergeReportName } from "../../tokenizer/merge_report.ts";
import { modelFingerprint } from "../../train/model_fingerprint.ts";
import { StageRunner } from "../stage.ts";
import { evaluateModel, questionsOf, type Trained } from "./evaluation_stage.ts";
import type { RecipeEvent, RecipeProgress } from "./events.ts";
import { extendedFolder, extendModel } from "./model_stage.ts";
import { type PhaseResult, phaseOutputs, runPhase } from "./phase_stage.ts";
import { writeReport } from "./report_stage.ts";
import type { ExtendAndTuneResult } from "./result.ts";
import type { ExtendAndTuneConfig } from "./schema.ts";
import {
  extendTokenizer,
  fileFingerprint,
  type TokenizerResult,
  tokenizerFolder,
  tokenizerInputs,
} from "./tokenizer_stage.ts";

type Runner = StageRunner<RecipeProgress>;

export interface RecipeOptions {
  language: Language;
  signal?: AbortSignal;
  onEvent?: (event: RecipeEvent) => void;
}

/** Runs, or goes on with, the recipe; what is finished under output_dir and made from the same inputs is kept. */
export async function extendAndTune(given: ExtendAndTuneConfig, options: RecipeOptions): Promise<ExtendAndTuneResult> {
  const config = { ...given, output_dir: resolve(given.output_dir) };
  const emit = options.onEvent ?? (() => {});
  // What the last stages need is looked at before the first: not after hours of training.
  await questionsOf(config);
  if (config.evaluation.by === "judge") clientFromConfig(config.evaluation.judge);
  if (config.model.path !== undefined) await checkModel(config.model.path);
  makeOutputFolder(config.output_dir);
  sweepFolder(config.output_dir);
  const stages = config.answers.before ? 6 : 5;
  const runner = new StageRunner<RecipeProgress>(config.output_dir, stages, options.signal, emit);
  const tokenizer = await makeTokenizer(config, runner);
  const model = await makeModel(config, runner, tokenizer);
  const pretrain = await makePhase(config, runner, "pretrain", model.folder, tokenizer.folder);
  const before = config.answers.before
    ? await makeEvaluation(config, runner, "before", { folder: pretrain.model, base: undefined })
    : undefined;
  const finetune = await makePhase(config, runner, "finetune", pretrain.model, tokenizer.folder);
  const base = finetune.trainable === "lora" ? pretrain.model : undefined;
  const after = await makeEvaluation(config, runner, "after", { folder: finetune.model, base });
  const result = { tokenizer, model, pretrain, finetune, before, after };
  const report = await writeReport(config, result, options.language);
  emit({ type: "report", path: report });
  return { ...result, report };
}

async function checkModel(path: string): Promise<void> {
  if (!existsSync(path)) {
    throw new BelleError("ERR_BELLE_NOT_FOUND", `${path}: no such model folder; check model.path.`);
  }
  await modelConfig(path);
}

// Paths are taken from the configuration, never from a record: a run's folder may have been moved since.

async function makeTokenizer(config: ExtendAndTuneConfig, runner: Runner): Promise<TokenizerResult> {
  const folder = tokenizerFolder(config);
  const outputs = [join(folder, "tokenizer.model"), join(folder, mergeReportName)];
  const stage = { name: "tokenizer", inputs: await tokenizerInputs(config, runner.signal), outputs };
  return { ...(await runner.run(stage, (context) => extendTokenizer(config, context))), folder };
}

async function makeModel(config: ExtendAndTuneConfig, runner: Runner, tokenizer: TokenizerResult) {
  const { threads: _, path, ...model } = config.model;
  const weights = path === undefined ? null : await modelFingerprint(path, runner.signal);
  const { fingerprint, baseFingerprint } = tokenizer;
  const inputs = { model, seed: config.seed, tokenizer: fingerprint, base: baseFingerprint, weights };
  const folder = extendedFolder(config);
  const stage = { name: "extend", inputs, outputs: [join(folder, "MANIFEST.json")] };
  return { ...(await runner.run(stage, () => extendModel(config, tokenizer))), folder };
}

async function makePhase(
  config: ExtendAndTuneConfig,
  runner: Runner,
  phase: "pretrain" | "finetune",
  from: string,
  tokenizer: string,
): Promise<PhaseResult> {
  const { data, train } = config[phase];
  // When and how many checkpoints are written decides nothing: a run under way may be given others.
  const { save_steps: _, save_total_limit: __, peak_flops: ___, recompute: ____, ...deciding } = train;
  const paths = [...data.sources, ...data.eval_sources].map((source) =>
    typeof source === "string" ? source : source.path,
  );
  const files: string[] = [];
  for (const path of paths) files.push(await fileFingerprint(path, runner.signal));
  const { dtype } = config.model;
  const inputs = { data, train: deciding, dtype, files, from: await modelFingerprint(from, runner.signal) };
  const { folder, model, metrics } = phaseOutputs(config, phase);
  const outputs = [join(model, "MANIFEST.json"), metrics];
  const stage = { name: phase, inputs, outputs, resumesIn: folder };
  const result = await runner.run(stage, (context) => runPhase(config, phase, { model: from, tokenizer }, context));
  return { ...result, model, metrics };
}

async function makeEvaluation(
  config: ExtendAndTuneConfig,
  runner: Runner,
  name: "before" | "after",
  trained: Trained,
): Promise<Evaluation> {
  const { answers, evaluation, seed } = config;
  const template = config.finetune.data.template;
  const questions = await fileFingerprint(answers.questions, runner.signal);
  const inputs = {
    answers,
    evaluation,
    seed,
    template,
    questions,
    model: await modelFingerprint(trained.folder, runner.signal),
  };
  return runner.run({ name, inputs, outputs: [] }, (context) => evaluateModel(config, name, trained, context));
}
