// The one typed description of the addon (native/addon). Everything above ts/native speaks these types; only load.ts
// knows how the binary is found. Promises run on native threads; a rejected one carries code ERR_BELLE_*.

import type { NativeExportCheck, NativeExportOptions, NativeExportProgress } from "./binding_export.ts";
import type { NativeMerge, NativeMergeProgress, NativeMergeTexts } from "./binding_merge.ts";
import type { NativeRankFileOptions, NativeTokenizer } from "./binding_tokenizer.ts";
import type { DType } from "./dtype.ts";

/** Plain numbers and strings a native error carries besides its message. */
export type NativeErrorDetails = Record<string, string | number | boolean>;

/** A stop flag shared with native threads: `stop()` asks, the thread looks at it between steps, tokens or lines. */
export interface NativeStop {
  stop(): void;
}

export interface NativeBpeTrainOptions {
  files: string[];
  sentences: string[];
  threads: number;
  /** sentencepiece's TrainerSpec and NormalizerSpec options by their own names */
  options: Record<string, string | number | boolean | string[]>;
  /** Bytes; left out: no limit. */
  memoryLimit?: number;
  workFolder?: string;
}

export interface NativeBpeProgress {
  phase: "read" | "count" | "merge" | "done";
  done: number;
  total: number;
  /** With phase done: ties decided by our own rule, shards of counts on disk, passes over them. 0 all in memory. */
  ties?: number;
  shards?: number;
  generations?: number;
}

export interface NativeParameter {
  name: string;
  shape: number[];
  dtype: DType;
}

export interface NativeModelOptions {
  backend: string;
  /** 0 = all cores */
  threads: number;
  dtype: DType;
}

export interface NativeForwardInput {
  inputIds: Int32Array;
  cuSeqlens: Int32Array;
  labels?: Int32Array;
}

export interface NativeForwardResult {
  lossSum: number;
  supervisedTokens: number;
  logits?: Float32Array;
  gradients?: Record<string, Float32Array>;
}

export interface NativeGenerateOptions {
  maxNewTokens: number;
  temperature: number;
  topK: number;
  topP: number;
  repetitionPenalty: number;
  seed: number;
  stop: Int32Array;
  /** sample only ids below this; 0 = all rows */
  vocabulary: number;
}

export interface NativeResizeOptions {
  rows: number;
  subTokens: Uint32Array[];
  init: "subtoken-mean" | "mean-cov" | "mean" | "normal";
  seed: number;
}

export interface NativeSaveOptions {
  dtype: DType;
  maxShardBytes: number;
  extraFiles: string[];
}

export interface NativeLoraOptions {
  r: number;
  loraAlpha: number;
  /** ["all-linear"], or the ends of module names */
  targetModules: string[];
  modulesToSave: string[];
  seed: number;
}

export interface NativeModel {
  readonly dtype: DType;
  readonly backend: string;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly numHiddenLayers: number;
  readonly maxPositionEmbeddings: number;
  readonly bosTokenId: number;
  readonly eosTokenIds: number[];
  readonly padTokenId: number;
  readonly parameterCount: number;
  parameters(): NativeParameter[];
  readParameter(name: string): Float32Array;
  forward(input: NativeForwardInput, logits: boolean, gradients: boolean): Promise<NativeForwardResult>;
  logLikelihood(sequences: Uint32Array[]): Promise<Float64Array>;
  generate(
    prompts: Uint32Array[],
    options: NativeGenerateOptions,
    stop: NativeStop,
    onToken: ((prompt: number, token: number) => void) | undefined,
  ): Promise<Uint32Array[]>;
  resizeVocabulary(options: NativeResizeOptions): Promise<void>;
  save(folder: string, options: NativeSaveOptions): Promise<void>;
  readonly adapter: Omit<NativeLoraOptions, "seed"> | undefined;
  addLora(options: NativeLoraOptions): Promise<void>;
  loadAdapter(folder: string): Promise<void>;
  saveAdapter(folder: string, options: Pick<NativeSaveOptions, "dtype" | "extraFiles">): Promise<void>;
  mergeAdapter(): Promise<void>;
  dispose(): void;
}

export interface NativeBatch {
  inputIds: Int32Array;
  cuSeqlens: Int32Array;
  labels: Int32Array;
}

export type NativeTrainData = { kind: "memory"; batches: NativeBatch[] } | { kind: "shards"; folder: string };

/** TrainConfig of native/train/trainer.h, key by key. */
export interface NativeTrainConfig {
  learning_rate: number;
  weight_decay: number;
  adam_beta1: number;
  adam_beta2: number;
  adam_epsilon: number;
  max_grad_norm: number;
  lr_scheduler_type: "linear" | "cosine" | "constant" | "constant_with_warmup" | "warmup_stable_decay";
  warmup_ratio: number;
  warmup_steps: number;
  decay_ratio: number;
  gradient_accumulation_steps: number;
  per_device_train_batch_size: number;
  num_train_epochs: number;
  max_steps: number;
  trainable: "all" | "embeddings" | "lora";
  recompute: "none" | "selective" | "layer";
  packing: boolean;
  shuffle: boolean;
  seed: number;
  eval_steps: number;
  eval_on_start: boolean;
  save_steps: number;
  save_total_limit: number;
  output_dir: string;
  extra_files: string[];
  config_fingerprint: string;
  peak_flops: number;
}

export type NativeTrainEvent =
  | {
      type: "step";
      step: number;
      totalSteps: number;
      epoch: number;
      loss: number;
      gradNorm: number;
      lr: number;
      tokens: number;
      supervisedTokens: number;
      tokensPerSecond: number;
      mfu: number;
      /** bytes resident in this process */
      memory: number;
      seconds: number;
      skipped: boolean;
    }
  | { type: "checkpoint"; step: number; path: string; seconds: number }
  | { type: "eval"; step: number; loss: number; supervisedTokens: number }
  | { type: "warning"; message: string }
  | { type: "done"; step: number; stopped: boolean };

export interface NativeTrainer {
  readonly totalSteps: number;
  readonly plannedBytes: number;
  readonly step: number;
  /** Resumes first when `resume`; every event is delivered, in order, before the promise settles. ERR_BELLE_ABORTED after stop. */
  run(resume: boolean, stop: NativeStop, onEvent: (event: NativeTrainEvent) => void): Promise<void>;
  dispose(): void;
}

/** Bytes of one part of a training run (native/train/memory_plan.h), in the order of the table. */
export interface NativeMemoryItem {
  name:
    | "weights"
    | "master_remainder"
    | "gradients"
    | "adam_m"
    | "adam_v"
    | "saved_activations"
    | "scratch_activations"
    | "logits_chunk"
    | "batch_window";
  bytes: number;
}

/** What a run of a config.json needs, known without making the model. */
export interface NativeTrainingPlan {
  parameters: number;
  numHiddenLayers: number;
  vocabSize: number;
  /** 0 = unlimited (ALiBi) */
  maxPositionEmbeddings: number;
  memory: NativeMemoryItem[];
  /** Floating-point operations of a step: per token, and per squared length of each document. */
  flopsPerToken: number;
  flopsPerSquaredLength: number;
}

export interface NativeShardSample {
  ids: Int32Array;
  /** 1 = supervised */
  mask: Uint8Array;
}

/** Writes token shards (native/io/token_shard.h); nothing appears at `folder` before commit. */
export interface NativeShardWriter {
  /** Samples of one pack, in order. */
  addPack(samples: NativeShardSample[]): void;
  /** Adds the files to the manifest with the given fields and renames the folder into place. */
  commit(manifest: string): Promise<void>;
  /** Drops everything written. */
  abort(): void;
}

export interface NativeShardInfo {
  samples: number;
  packs: number;
  tokens: number;
  supervisedTokens: number;
  fingerprint: string;
}

/** native/bench/measure.h; each op needs its own sizes only. */
export interface NativeKernelRequest {
  op: string;
  backend: string;
  threads: number;
  dtype: DType;
  seconds: number;
  [size: string]: string | number | boolean;
}

export interface NativeKernelFigure {
  /** Wall time. */
  seconds: { median: number; min: number; max: number };
  repeats: number;
  /** What the op must compute; 0 where memory bounds it. */
  flops: number;
  /** What the op must read and write; 0 where computing bounds it. */
  bytes: number;
  /** Rows of logits held at once; 0 for other ops. */
  chunkRows: number;
  /** Logits, and what the process grew by at the first call; 0 for other ops. */
  workspaceBytes: number;
  /** Instruction set of the CPU kernels; empty on another backend. */
  isa: string;
}

/** A place where a backend's library was looked for. */
export interface NativePlace {
  kind: "BELLE_CUDA_LIB" | "package" | "addon" | "loader" | "toolkit" | "python";
  /** The file; empty where there is no such place. */
  path: string;
  /** `failed`: it fits and opens no device. */
  state: "absent" | "refused" | "failed" | "used";
  /** Why it is not used. */
  reason: string;
}

export interface NativeBackend {
  name: string;
  available: boolean;
  /** Why it is not available. */
  reason: string;
  /** What it is, when it is available. */
  description: string;
  /** In the order they were looked at; empty for a backend that is built in. */
  places: NativePlace[];
}

export interface NativeBinding {
  readonly version: string;
  readonly backendAbi: number;
  readonly compiler: string;
  /** { isa: "avx512bf16" | "avx512" | "avx2" | "baseline", threads } */
  cpu(): { isa: string; threads: number };
  backends(): NativeBackend[];
  /** libbelle_cuda.so of the optional package; looked at after BELLE_CUDA_LIB. */
  setCudaPackage(path: string): void;

  createStop(): NativeStop;

  /** A .model, a tokenizer.json or a tiktoken rank file; options: what a rank file does not say. */
  loadTokenizer(path: string, options?: NativeRankFileOptions): Promise<NativeTokenizer>;
  parseTokenizer(bytes: Uint8Array, options?: NativeRankFileOptions): NativeTokenizer;
  trainBpe(
    options: NativeBpeTrainOptions,
    stop: NativeStop,
    onProgress: ((progress: NativeBpeProgress) => void) | undefined,
  ): Promise<NativeTokenizer>;
  mergeVocabulary(
    base: NativeTokenizer,
    addition: NativeTokenizer,
    mode: "safe" | "belle" | "chinese-llama",
    options: NativeMergeTexts,
    stop: NativeStop,
    onProgress: ((progress: NativeMergeProgress) => void) | undefined,
  ): Promise<NativeMerge>;
  /** Makes the folder and writes the four files. */
  exportTokenizer(tokenizer: NativeTokenizer, folder: string, options: NativeExportOptions): Promise<void>;
  /** maxLines: 0 = all. */
  checkTokenizerExport(
    tokenizer: NativeTokenizer,
    files: string[],
    maxLines: number,
    options: NativeExportOptions,
    stop: NativeStop,
    onProgress: ((progress: NativeExportProgress) => void) | undefined,
  ): Promise<NativeExportCheck>;

  loadModel(folder: string, options: NativeModelOptions): Promise<NativeModel>;
  /** config: text of a Hugging Face config.json. */
  createModel(config: string, seed: number, options: NativeModelOptions): Promise<NativeModel>;

  createTrainer(
    model: NativeModel,
    data: NativeTrainData,
    evaluation: NativeTrainData | undefined,
    config: NativeTrainConfig,
  ): Promise<NativeTrainer>;

  /** config: text of a Hugging Face config.json. backend: "cpu" or "cuda", which runs it. window: micro-batches held at once. lora: with trainable "lora". */
  planTraining(
    config: string,
    options: { dtype: DType; backend: string; tokens: number; window: number; lora: NativeLoraOptions | undefined },
    train: NativeTrainConfig,
  ): NativeTrainingPlan;

  /** Opens a backend of its own, prepares buffers, times the op. */
  benchKernel(request: NativeKernelRequest, stop: NativeStop): Promise<NativeKernelFigure>;

  createShardWriter(folder: string, options: { wide: boolean; maxShardTokens: number }): NativeShardWriter;
  openShards(folder: string, hashes: boolean): NativeShardInfo;
  /** Sample by number, for inspection. */
  readShardSample(folder: string, sample: number): { inputIds: Int32Array; labels: Int32Array };

  /** Commits a text file: temp, fsync, rename, directory fsync. */
  writeFile(path: string, text: string): Promise<void>;
  /** Verifies `<folder>/MANIFEST.json`; resolves to its text. */
  verifyManifest(folder: string): Promise<string>;
  freeSpace(path: string): number;
}
