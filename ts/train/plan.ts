// planTraining: what a training run will need and how long it will take, before it starts. Memory is computed from the
// config, as the run itself plans it; speed is measured on thin slices of the model.
import { totalmem } from "node:os";
import type { z } from "zod";
import { checkValue } from "../config/check.ts";
import { trainSchema } from "../config/train.ts";
import { type DeviceOptions, type DType, deviceOptions } from "../model/load_options.ts";
import { loraOptions } from "../model/lora_options.ts";
import { abortError } from "../native/abort.ts";
import type { NativeMemoryItem, NativeTrainingPlan } from "../native/binding.ts";
import { BelleError, native } from "../native/errors.ts";
import { binding } from "../native/load.ts";
import { loraOfSlices, loraOfTrain } from "./add_lora.ts";
import { refuseLongSamples } from "./check_fit.ts";
import { disturbed, measuredWindows, measureSlices } from "./measure_slices.ts";
import { type TrainConfig, trainConfig } from "./train_config.ts";
import type { TrainData } from "./trainer.ts";

/** Default of PlanOptions.measureSeconds. */
export const measureSeconds = 120;

export interface PlanOptions extends DeviceOptions {
  /** Content of a Hugging Face config.json, as text or object. */
  config: string | object;
  /** Default "float32". */
  dtype?: DType;
  /** The `train` section of the YAML; every key has a default. */
  train?: TrainConfig;
  /** Token shards of the run; without them, its micro-batches are taken to be full. */
  data?: string;
  /** The run evaluates: one more micro-batch is held. Default false. */
  evaluation?: boolean;
  /** Train slices to predict the speed. Default true. */
  measure?: boolean;
  /** What measuring may take, about; the more of it, the better the figure. A single step is always taken. Default 120. */
  measureSeconds?: number;
  signal?: AbortSignal;
  /** Of measuring, in micro-batches; the total may change. */
  onProgress?: (done: number, total: number) => void;
}

/** Bytes, in the order of the table; `process` is this process (Node.js, addon) before it holds a model. */
export interface MemoryItem {
  name: NativeMemoryItem["name"] | "process";
  bytes: number;
}

/** What would take less memory: the keys to change, and the bytes of the whole run then. */
export interface MemorySaving {
  change: string;
  totalBytes: number;
}

export interface TrainingPlan {
  parameters: number;
  dtype: DType;
  layers: number;
  /** Of a full micro-batch, and of an optimizer step. */
  tokensPerMicroBatch: number;
  tokensPerStep: number;
  memory: {
    items: MemoryItem[];
    totalBytes: number;
    /** Of the machine or the container, and what of it is free now. */
    machineBytes: number;
    availableBytes: number;
    /** "tight": only when other programs give memory back. */
    verdict: "fits" | "tight" | "exceeds";
    savings: MemorySaving[];
  };
  /** Of a token in a document of max_length: forward, backward, causal attention. */
  flopsPerToken: number;
  /** `skipped` says why there is no figure. */
  speed:
    | { skipped: "not-asked" | "memory" }
    | {
        tokensPerSecond: number;
        stepSeconds: number;
        baseSeconds: number;
        layerSeconds: number;
        mfu: number;
        /**
         * Numbers of layers that were trained to know it. [1] alone of a deeper model: the time sufficed for no more,
         * and the other layers are taken to compute as fast.
         */
        measuredLayers: number[];
        /** The figures contradict one another: other programs were in the way, and they are not to be trusted. */
        disturbed: boolean;
      };
  /** Where the number of steps is known: by max_steps, or by the data. */
  run?: { steps: number; tokens: number; hours?: number };
}

type Train = z.output<typeof trainSchema>;

/**
 * Throws ERR_BELLE_INVALID_ARGUMENT, ERR_BELLE_INVALID_DATA and ERR_BELLE_UNSUPPORTED for a config or settings that
 * could not be trained, ERR_BELLE_ABORTED when `signal` fires.
 */
export async function planTraining(options: PlanOptions): Promise<TrainingPlan> {
  const { config, dtype = "float32", measure = true, signal, onProgress = () => {} } = options;
  const seconds = options.measureSeconds ?? measureSeconds;
  if (!(seconds >= 0)) {
    throw new BelleError("ERR_BELLE_INVALID_ARGUMENT", `measureSeconds must be at least 0, not ${seconds}.`);
  }
  const text = typeof config === "string" ? config : JSON.stringify(config);
  const device = deviceOptions({ ...options, dtype });
  const backend = device.backend === "auto" ? bestBackend() : device.backend;
  const process_ = processBytes();
  const train = checkValue(trainSchema, options.train ?? {}, "train");
  const shards = options.data === undefined ? undefined : shardsOf(options.data, train);
  const need = (changes: Partial<Train> = {}, as: DType = dtype, json = text) =>
    nativePlan(json, as, backend, { ...train, ...changes }, shards?.microBatches, options.evaluation ? 1 : 0);
  const plan = need();
  refuseLongSamples(train.max_length, plan.maxPositionEmbeddings);
  const items: MemoryItem[] = [...plan.memory, { name: "process", bytes: process_ }];
  const { machineBytes, availableBytes } = machineMemory();
  const totalBytes = sum(items);
  const verdict = totalBytes > machineBytes ? "exceeds" : sum(plan.memory) > availableBytes ? "tight" : "fits";
  const tokensPerMicroBatch = train.per_device_train_batch_size * train.max_length;
  const tokensPerStep = tokensPerMicroBatch * train.gradient_accumulation_steps;
  const result: TrainingPlan = {
    parameters: plan.parameters,
    dtype,
    layers: plan.numHiddenLayers,
    tokensPerMicroBatch,
    tokensPerStep,
    memory: {
      items,
      totalBytes,
      machineBytes,
      availableBytes,
      verdict,
      savings: verdict === "fits" ? [] : savings(train, totalBytes, (...args) => sum(need(...args).memory) + process_),
    },
    flopsPerToken: flopsPerToken(plan, train.max_length),
    speed: { skipped: "not-asked" },
  };
  if (measure) result.speed = await speedOf();
  const run = runOf(train, shards, tokensPerStep);
  if (run !== undefined) {
    const hours = "tokensPerSecond" in result.speed ? run.tokens / result.speed.tokensPerSecond / 3600 : undefined;
    result.run = { ...run, ...(hours === undefined ? {} : { hours }) };
  }
  return result;

  async function speedOf(): Promise<TrainingPlan["speed"]> {
    const sliced = { ...train, ...loraOfSlices(train) };
    const most = Math.max(...measuredWindows(train.gradient_accumulation_steps));
    const slice = (depth: number) =>
      need({ ...sliced, gradient_accumulation_steps: most }, dtype, withLayers(text, depth));
    const times = await measureSlices({
      configOf: (layers) => withLayers(text, layers),
      layers: plan.numHiddenLayers,
      flopsOf: (layers) => flopsPerToken(slice(layers), train.max_length),
      seconds,
      fits: (depths) => depths.reduce((all, depth) => all + sum(slice(depth).memory), 0) < 0.9 * availableBytes,
      device: { backend: device.backend as NonNullable<DeviceOptions["backend"]>, threads: device.threads, dtype },
      train: sliced,
      data: options.data ?? fullBatches(train, plan.vocabSize),
      signal,
      onProgress,
    }).catch((error: unknown) => {
      throw signal?.aborted ? abortError(signal, "Planning") : error;
    });
    if (times === undefined) return { skipped: "memory" };
    const { stepSeconds, baseSeconds, layerSeconds, peakSeconds, depths } = times;
    const tokens = shards === undefined ? tokensPerStep : shards.tokens / shards.stepsPerEpoch;
    return {
      tokensPerSecond: tokens / stepSeconds,
      stepSeconds,
      baseSeconds,
      layerSeconds,
      mfu: peakSeconds / stepSeconds,
      measuredLayers: depths,
      disturbed: disturbed(times),
    };
  }
}

function flopsPerToken(plan: NativeTrainingPlan, length: number): number {
  return plan.flopsPerToken + plan.flopsPerSquaredLength * length;
}

function sum(items: ReadonlyArray<{ bytes: number }>): number {
  return items.reduce((total, { bytes }) => total + bytes, 0);
}

/** What "auto" will choose. */
function bestBackend(): string {
  return native(() => binding().backends()).findLast((backend) => backend.available)?.name ?? "cpu";
}

function nativePlan(
  config: string,
  dtype: DType,
  backend: string,
  train: Train,
  microBatches: number | undefined,
  evaluation: number,
): NativeTrainingPlan {
  const tokens = train.per_device_train_batch_size * train.max_length;
  const window = Math.min(train.gradient_accumulation_steps, microBatches ?? Number.POSITIVE_INFINITY);
  const request = trainConfig({ ...train, output_dir: "" }, [], dtype);
  const wanted = loraOfTrain(train);
  const lora = wanted === undefined ? undefined : loraOptions(wanted);
  return native(() =>
    binding().planTraining(config, { dtype, backend, tokens, window: window + evaluation, lora }, request),
  );
}

/** What this process holds before a model is loaded; the addon is loaded first, for it is part of that. */
function processBytes(): number {
  binding();
  return process.memoryUsage.rss();
}

function machineMemory(): { machineBytes: number; availableBytes: number } {
  // 0 or a number beyond all memory where there is no limit.
  const limit = process.constrainedMemory();
  const machineBytes = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  return { machineBytes, availableBytes: Math.min(process.availableMemory(), machineBytes) };
}

/** The same model with another number of layers, under every name config.json has for it. */
function withLayers(config: string, layers: number): string {
  const value = JSON.parse(config) as Record<string, unknown>;
  for (const name of ["num_hidden_layers", "n_layer", "num_layers"]) if (name in value) value[name] = layers;
  return JSON.stringify(value);
}

interface Shards {
  tokens: number;
  microBatches: number;
  stepsPerEpoch: number;
}

function shardsOf(folder: string, train: Train): Shards {
  const { packs, samples, tokens } = native(() => binding().openShards(folder, false));
  const microBatches = Math.ceil((train.packing ? packs : samples) / train.per_device_train_batch_size);
  return { tokens, microBatches, stepsPerEpoch: Math.ceil(microBatches / train.gradient_accumulation_steps) };
}

function runOf(train: Train, shards: Shards | undefined, tokensPerStep: number): TrainingPlan["run"] {
  if (train.max_steps > 0) {
    const tokens = shards === undefined ? tokensPerStep : shards.tokens / shards.stepsPerEpoch;
    return { steps: train.max_steps, tokens: Math.round(train.max_steps * tokens) };
  }
  if (shards === undefined) return undefined;
  const steps = Math.ceil(train.num_train_epochs * shards.stepsPerEpoch);
  return { steps, tokens: Math.round((steps / shards.stepsPerEpoch) * shards.tokens) };
}

/** What to lower, each by itself, the gentlest first: what only costs time before what changes the batch. */
function savings(train: Train, now: number, bytes: (changes: Partial<Train>, dtype?: DType) => number): MemorySaving[] {
  const { per_device_train_batch_size: batch, gradient_accumulation_steps: steps, max_length } = train;
  const half = Math.max(1, batch >> 1);
  const fewer = { per_device_train_batch_size: half, gradient_accumulation_steps: Math.ceil((steps * batch) / half) };
  const shorter = Math.max(2, max_length >> 1);
  const list: MemorySaving[] = [
    { change: "train.recompute: layer", totalBytes: bytes({ recompute: "layer" }) },
    { change: "model.dtype: bfloat16", totalBytes: bytes({}, "bfloat16") },
    {
      change: `train.per_device_train_batch_size: ${half}, train.gradient_accumulation_steps: ${fewer.gradient_accumulation_steps}`,
      totalBytes: bytes(fewer),
    },
    { change: `train.max_length: ${shorter}`, totalBytes: bytes({ max_length: shorter }) },
    { change: "train.trainable: lora", totalBytes: bytes({ trainable: "lora" }) },
    { change: "train.trainable: embeddings", totalBytes: bytes({ trainable: "embeddings" }) },
  ];
  return list.filter(({ totalBytes }) => totalBytes < now);
}

/** Micro-batches of full documents; which tokens they hold does not matter to the time. */
function fullBatches(train: Train, vocabulary: number): TrainData {
  const { per_device_train_batch_size: documents, max_length: length } = train;
  const inputIds = Int32Array.from({ length: documents * length }, (_, i) => (i * 7919 + 13) % vocabulary);
  const cuSeqlens = Int32Array.from({ length: documents + 1 }, (_, i) => i * length);
  const count = Math.max(...measuredWindows(train.gradient_accumulation_steps));
  return { batches: Array.from({ length: count }, () => ({ inputIds, cuSeqlens, labels: inputIds })) };
}
