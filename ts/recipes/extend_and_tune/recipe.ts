// extend-and-tune: a BPE is trained and merged, the model gets the rows, its embeddings are pre-trained, it is
// fine-tuned, answers questions before and after, is scored, and one report tells the story.
import { join } from "node:path";
import type { Language } from "../../config/language.ts";
import { makeOutputFolder, sweepFolder } from "../../data/files.ts";
import type { Evaluation } from "../../eval/summary.ts";
import { clientFromConfig } from "../../judge/from_config.ts";
import { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { StageRunner } from "../stage.ts";
import { evaluateModel, questionsOf } from "./evaluation_stage.ts";
import type { RecipeEvent, RecipeProgress } from "./events.ts";
import { extendModel, type ModelResult } from "./model_stage.ts";
import { type PhaseResult, runPhase } from "./phase_stage.ts";
import { writeReport } from "./report_stage.ts";
import type { ExtendAndTuneConfig } from "./schema.ts";
import { extendTokenizer, fileFingerprint, type TokenizerResult, tokenizerInputs } from "./tokenizer_stage.ts";

export interface ExtendAndTuneResult {
  tokenizer: TokenizerResult;
  model: ModelResult;
  pretrain: PhaseResult;
  finetune: PhaseResult;
  before: Evaluation | undefined;
  after: Evaluation;
  report: string;
}

export interface RecipeOptions {
  language: Language;
  signal?: AbortSignal;
  onEvent?: (event: RecipeEvent) => void;
}

/** Runs, or goes on with, the recipe; what is finished under output_dir and made from the same inputs is kept. */
export async function extendAndTune(config: ExtendAndTuneConfig, options: RecipeOptions): Promise<ExtendAndTuneResult> {
  const emit = options.onEvent ?? (() => {});
  // What the last stages need is looked at before the first: not after hours of training.
  await questionsOf(config);
  if (config.evaluation.by === "judge") clientFromConfig(config.evaluation.judge);
  makeOutputFolder(config.output_dir);
  sweepFolder(config.output_dir);
  const stages = config.answers.before ? 6 : 5;
  const runner = new StageRunner<RecipeProgress>(config.output_dir, stages, options.signal, emit);
  const tokenizer = await runner.run("tokenizer", await tokenizerInputs(config), (context) =>
    extendTokenizer(config, context),
  );
  const model = await runner.run("extend", await extendInputs(config, tokenizer), () => extendModel(config, tokenizer));
  const first = { model: model.folder, tokenizer: tokenizer.folder };
  const pretrain = await runner.run("pretrain", await phaseInputs(config, "pretrain", model.folder), (context) =>
    runPhase(config, "pretrain", first, context),
  );
  const second = { model: pretrain.model, tokenizer: tokenizer.folder };
  const before = config.answers.before
    ? await runner.run("before", await evaluationInputs(config, pretrain.model), (context) =>
        evaluateModel(config, "before", pretrain.model, context),
      )
    : undefined;
  const finetune = await runner.run("finetune", await phaseInputs(config, "finetune", pretrain.model), (context) =>
    runPhase(config, "finetune", second, context),
  );
  const after = await runner.run("after", await evaluationInputs(config, finetune.model), (context) =>
    evaluateModel(config, "after", finetune.model, context),
  );
  const result = { tokenizer, model, pretrain, finetune, before, after };
  const report = await writeReport(config, result, options.language);
  emit({ type: "report", path: report });
  return { ...result, report };
}

async function extendInputs(config: ExtendAndTuneConfig, tokenizer: TokenizerResult): Promise<unknown> {
  const { threads: _, ...model } = config.model;
  const base = model.path === undefined ? (await Tokenizer.load(config.tokenizer.base)).fingerprint : null;
  const weights = model.path === undefined ? null : await modelFingerprint(model.path);
  return { model, seed: config.seed, tokenizer: tokenizer.fingerprint, base, weights };
}

async function phaseInputs(
  config: ExtendAndTuneConfig,
  phase: "pretrain" | "finetune",
  from: string,
): Promise<unknown> {
  const { data, train } = config[phase];
  const paths = [...data.sources, ...data.eval_sources].map((source) =>
    typeof source === "string" ? source : source.path,
  );
  return { data, train, files: await Promise.all(paths.map(fileFingerprint)), from: await modelFingerprint(from) };
}

async function evaluationInputs(config: ExtendAndTuneConfig, folder: string): Promise<unknown> {
  const { answers, evaluation, seed } = config;
  const template = config.finetune.data.template;
  const questions = await fileFingerprint(answers.questions);
  return { answers, evaluation, seed, template, questions, model: await modelFingerprint(folder) };
}

/** Folders we wrote carry a manifest with every file's sha256; for others the configuration has to do. */
async function modelFingerprint(folder: string): Promise<string> {
  return fileFingerprint(join(folder, "MANIFEST.json")).catch(() => fileFingerprint(join(folder, "config.json")));
}
