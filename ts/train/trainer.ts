// Trainer: runs the native step loop on its own thread and hands out its events.

import { Model, nativeModel } from "../model/model.ts";
import { abortError, throwIfAborted } from "../native/abort.ts";
import type { NativeBatch, NativeTrainData, NativeTrainEvent, NativeTrainer } from "../native/binding.ts";
import { BelleError, fromNative, native, nativeAsync } from "../native/errors.ts";
import { binding } from "../native/load.ts";
import { type TrainConfig, trainConfig } from "./train_config.ts";

/** One micro-batch of packed documents; fields as in Model.forward. */
export type TrainBatch = NativeBatch;

/** A folder of token shards, or micro-batches in memory, used in the order given. */
export type TrainData = string | { batches: readonly TrainBatch[] };

/**
 * `step`: after each optimizer step; loss is per supervised token, gradNorm before clipping, lr as used, mfu the share
 * of peak_flops (1 = all), memory the bytes this process holds resident. `checkpoint`: one is on disk, whole. `eval`, `warning`. `done`: the last event; `stopped` when an
 * abort ended the run.
 */
export type TrainEvent = NativeTrainEvent;

export interface TrainerOptions {
  model: Model;
  data: TrainData;
  /** Held-out data: evaluated every eval_steps and at the end. */
  evaluation?: TrainData;
  /** The `train` section of the YAML; every key has a default. */
  config?: TrainConfig;
  /** Files copied into every checkpoint, e.g. tokenizer.model. */
  extraFiles?: readonly string[];
  /** Identity of the model's weights as they are now, e.g. a hash: resuming refuses checkpoints of another start. */
  startsFrom?: string;
}

export interface RunOptions {
  /** Continue from the newest checkpoint of output_dir, bit for bit as if it had never stopped. Default false. */
  resume?: boolean;
  /** On abort the step is finished and a checkpoint written (with output_dir); then ERR_BELLE_ABORTED. */
  signal?: AbortSignal;
}

export class Trainer implements Disposable, AsyncDisposable {
  readonly #native: NativeTrainer;

  private constructor(trainer: NativeTrainer) {
    this.#native = trainer;
  }

  /**
   * Checks the data and plans all memory: what cannot fit fails here, not at step 900.
   * Throws ERR_BELLE_INVALID_ARGUMENT, ERR_BELLE_INVALID_DATA, ERR_BELLE_OUT_OF_MEMORY.
   */
  static async create(options: TrainerOptions): Promise<Trainer> {
    const { model, data, evaluation, config = {}, extraFiles = [], startsFrom } = options;
    if (!(model instanceof Model)) wrong("model must be a Model; load it with Model.load(folder).");
    const request = trainConfig(config, extraFiles, model.dtype, startsFrom);
    const source = trainData("data", data);
    const heldOut = evaluation === undefined ? undefined : trainData("evaluation", evaluation);
    return new Trainer(await nativeAsync(() => binding().createTrainer(nativeModel(model), source, heldOut, request)));
  }

  /** Optimizer steps of the whole run. */
  get totalSteps(): number {
    return native(() => this.#native.totalSteps);
  }
  /** Bytes of weights, gradients, optimizer state and activations. */
  get plannedBytes(): number {
    return native(() => this.#native.plannedBytes);
  }
  /** Optimizer steps done. */
  get step(): number {
    return native(() => this.#native.step);
  }

  /**
   * Trains, and yields every event in order. Training does not wait for the consumer. Leaving the loop early stops the
   * run after its current step, with a checkpoint, as an abort does. Meanwhile other calls of the model throw
   * ERR_BELLE_BUSY. Throws ERR_BELLE_ABORTED, ERR_BELLE_NUMERIC (five steps in a row without a finite loss),
   * ERR_BELLE_DISK_FULL, ERR_BELLE_IO.
   */
  async *run(options: RunOptions = {}): AsyncGenerator<TrainEvent, void, undefined> {
    const { resume = false, signal } = options;
    throwIfAborted(signal, "Training");
    const queue: TrainEvent[] = [];
    let outcome: { error?: unknown } | undefined;
    let wake = () => {};
    const stop = binding().createStop();
    const onAbort = () => stop.stop();
    const running = native(() =>
      this.#native.run(resume, stop, (event) => {
        queue.push(event);
        wake();
      }),
    ).then(
      () => {
        outcome = {};
      },
      (error: unknown) => {
        outcome = { error: fromNative(error) };
      },
    );
    running.then(() => wake());
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted) onAbort();
    const failed = (error: unknown, asked: boolean) => {
      const aborted = error instanceof BelleError && error.code === "ERR_BELLE_ABORTED";
      if (error === undefined || (aborted && asked)) return;
      throw aborted && signal?.aborted ? abortError(signal, "Training") : error;
    };
    let left = true;
    try {
      for (;;) {
        // Taken in one piece: events that arrive while the consumer works wait in the new queue.
        for (const event of queue.splice(0)) yield event;
        if (queue.length > 0) continue;
        if (outcome !== undefined) break;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      left = false;
    } finally {
      signal?.removeEventListener("abort", onAbort);
      if (left) {
        stop.stop();
        await running;
        failed(outcome?.error, true);
      }
    }
    failed(outcome.error, false);
  }

  /** Frees optimizer state and gradients, at once or when the run ends. The model stays. */
  dispose(): void {
    this.#native.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.dispose();
  }
}

function wrong(message: string): never {
  throw new BelleError("ERR_BELLE_INVALID_ARGUMENT", message);
}

function trainData(name: string, data: TrainData): NativeTrainData {
  if (typeof data === "string") return { kind: "shards", folder: data };
  if (typeof data === "object" && data !== null && Array.isArray(data.batches)) {
    if (data.batches.length === 0) wrong(`${name}.batches is empty; give at least one micro-batch.`);
    return { kind: "memory", batches: data.batches as TrainBatch[] };
  }
  wrong(`${name} must be the path of a token-shard folder or { batches: [{ inputIds, cuSeqlens, labels }] }.`);
}
