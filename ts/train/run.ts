// One validated configuration -> a trained model: prepare the data, load or make the model, train, save.
import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { normalizeSources } from "../config/data.ts";
import { huggingFaceConfig } from "../config/model.ts";
import type { RunConfig } from "../config/run.ts";
import { makeOutputFolder, sweepFolder } from "../data/files.ts";
import { type PrepareProgress, type PrepareResult, prepareData } from "../data/prepare.ts";
import { createRecorder, type MetricsRecorder } from "../metrics/recorder.ts";
import type { DType } from "../model/load_options.ts";
import { Model } from "../model/model.ts";
import { Tokenizer } from "../tokenizer/tokenizer.ts";
import { tokenizerFiles } from "../tokenizer/tokenizer_files.ts";
import { addLora } from "./add_lora.ts";
import { refuseLongSamples, refuseMissingRows } from "./check_fit.ts";
import { extendRows } from "./extend_rows.ts";
import { startingPoint } from "./model_fingerprint.ts";
import { saveModel } from "./save_model.ts";
import { type TrainEvent, Trainer } from "./trainer.ts";

export type RunEvent =
  | { type: "prepare"; data: "train" | "eval"; progress: PrepareProgress }
  | { type: "data"; data: "train" | "eval"; result: PrepareResult }
  | {
      type: "model";
      parameters: number;
      dtype: DType;
      backend: string;
      rows: number;
      plannedBytes: number;
      totalSteps: number;
    }
  | TrainEvent
  | { type: "saved"; path: string };

/** Shards of the training and, where the configuration asks for it, the evaluation data, under `<output_dir>/data`. */
export async function prepareRunData(
  config: RunConfig,
  tokenizer: Tokenizer,
  signal: AbortSignal | undefined,
  report: (event: RunEvent) => void,
): Promise<{ train: PrepareResult; evaluation: PrepareResult | undefined }> {
  const { data, train } = config;
  const sources = normalizeSources(data.sources);
  const held = normalizeSources(data.eval_sources);
  const prepare = async (name: "train" | "eval", from: typeof sources, rows: { skip?: number; take?: number }) => {
    const result = await prepareData(
      {
        sources: from,
        output: join(train.output_dir, "data", name),
        tokenizer,
        maxLength: data.max_length ?? train.max_length,
        template: data.template,
        mode: data.mode,
        seed: data.seed,
        onBadLine: data.on_bad_line,
        cache: data.cache,
        rows,
      },
      { ...(signal ? { signal } : {}), onProgress: (progress) => report({ type: "prepare", data: name, progress }) },
    );
    report({ type: "data", data: name, result });
    return result;
  };
  const evaluation =
    held.length > 0
      ? await prepare("eval", held, {})
      : data.eval_head > 0
        ? await prepare("eval", sources, { take: data.eval_head })
        : undefined;
  return { train: await prepare("train", sources, { skip: data.eval_head }), evaluation };
}

/** Runs the configuration; continues from the newest checkpoint of output_dir. Events arrive in order. */
export async function trainingRun(
  config: RunConfig,
  signal: AbortSignal | undefined,
  report: (event: RunEvent) => void,
): Promise<{ model: string; step: number }> {
  const tokenizerPath = config.tokenizer?.path ?? config.model.path!;
  const tokenizer = await Tokenizer.load(tokenizerPath);
  makeOutputFolder(config.train.output_dir);
  sweepFolder(config.train.output_dir);
  const data = await prepareRunData(config, tokenizer, signal, report);
  const extraFiles = await filesToCopy(config, tokenizer, tokenizerPath);
  const startsFrom = await startingPoint(config.model, tokenizer.fingerprint, signal);
  const model = await loadModel(config, tokenizer);
  try {
    const trainer = await Trainer.create({
      model,
      data: data.train.folder,
      ...(data.evaluation ? { evaluation: data.evaluation.folder } : {}),
      config: config.train,
      extraFiles,
      startsFrom,
    });
    let step = 0;
    try {
      report({
        type: "model",
        parameters: model.parameterCount,
        dtype: model.dtype,
        backend: model.backend,
        rows: model.vocabSize,
        plannedBytes: trainer.plannedBytes,
        totalSteps: trainer.totalSteps,
      });
      step = await runTrainer(trainer, config, signal, report);
    } finally {
      trainer.dispose();
    }
    const path = await saveModel(model, join(config.train.output_dir, "final"), extraFiles);
    report({ type: "saved", path });
    return { model: path, step };
  } finally {
    model.dispose();
  }
}

async function runTrainer(
  trainer: Trainer,
  config: RunConfig,
  signal: AbortSignal | undefined,
  report: (event: RunEvent) => void,
): Promise<number> {
  const { jsonl, tensorboard, dir } = config.metrics;
  let recorder: MetricsRecorder | undefined;
  let step = 0;
  try {
    for await (const event of trainer.run({ resume: true, ...(signal ? { signal } : {}) })) {
      if (event.type !== "warning") {
        // The first numbered event tells where the run continues: a step event comes one step after it.
        recorder ??= createRecorder({
          dir: dir ?? config.train.output_dir,
          jsonl,
          tensorboard,
          resumedStep: event.type === "step" ? event.step - 1 : event.step,
          onProblem: (message) => report({ type: "warning", message }),
        });
        recorder.record(event);
        step = event.step;
      }
      report(event);
    }
  } finally {
    recorder?.close();
  }
  return step;
}

async function loadModel(config: RunConfig, tokenizer: Tokenizer): Promise<Model> {
  const { path, create, resize, adapter, backend, threads, dtype } = config.model;
  const device = { threads, dtype, ...(backend ? { backend } : {}) };
  const model =
    create === undefined
      ? await Model.load(path!, device)
      : await Model.create(huggingFaceConfig(create, tokenizer), { ...device, seed: config.train.seed });
  try {
    if (resize === undefined) refuseMissingRows(tokenizer.vocabSize, model.vocabSize);
    else {
      await extendRows(model, {
        pieces: tokenizer.vocabSize,
        multiple: resize.pad_to_multiple_of,
        init: resize.init,
        seed: config.train.seed,
        mergeReport: resize.sub_tokens,
      });
    }
    refuseLongSamples(config.data.max_length ?? config.train.max_length, model.maxPositionEmbeddings);
    if (adapter !== undefined) await model.loadAdapter(adapter);
    await addLora(model, config.train);
    return model;
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** Files copied into checkpoints: the tokenizer under its usual name, and what transformers reads beside it. */
async function filesToCopy(config: RunConfig, tokenizer: Tokenizer, path: string): Promise<string[]> {
  const isFolder = (await stat(path)).isDirectory();
  if (!isFolder && basename(path) === tokenizer.fileName) return [path];
  if (!isFolder) {
    const copy = join(config.train.output_dir, tokenizer.fileName);
    await tokenizer.save(copy);
    return [copy];
  }
  return tokenizerFiles(path);
}
