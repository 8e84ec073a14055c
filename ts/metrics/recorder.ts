// A listener of trainer events: metrics.jsonl and TensorBoard files. Both only look; the run does not depend on them.
import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { NativeTrainEvent } from "../native/binding.ts";
import { BelleError } from "../native/errors.ts";
import { JsonlWriter } from "./jsonl.ts";
import { eventFileName, restartEvent, scalarsEvent, versionEvent } from "./tfevents.ts";

export interface RecorderOptions {
  dir: string;
  jsonl: boolean;
  tensorboard: boolean;
  /** Step the run continues from; 0 for a fresh one. */
  resumedStep: number;
  /** Told once when the files cannot be written any more; recording stops, the run goes on. */
  onProblem?: (message: string) => void;
  /** Seconds since the epoch; for tests. */
  now?: () => number;
}

export interface MetricsRecorder {
  record(event: NativeTrainEvent): void;
  close(): void;
}

class EventFile {
  readonly #file: number;
  readonly #now: () => number;
  #head: Buffer;

  constructor(dir: string, now: () => number, resumedStep: number) {
    this.#now = now;
    const seconds = now();
    this.#file = openSync(join(dir, eventFileName(seconds, hostname(), process.pid)), "a");
    // A reader then forgets what an earlier run said of the steps to come; of a fresh run, everything.
    const restart = restartEvent(seconds, resumedStep > 0 ? resumedStep + 1 : 0);
    this.#head = Buffer.concat([versionEvent(seconds), restart]);
  }

  write(step: number, scalars: Readonly<Record<string, number>>): void {
    writeSync(this.#file, Buffer.concat([this.#head, scalarsEvent(this.#now(), step, scalars)]));
    this.#head = Buffer.alloc(0);
  }

  sync(): void {
    fsyncSync(this.#file);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/**
 * Opens the files in `dir`; ERR_BELLE_IO where that fails. TensorBoard tags: train/loss, train/grad_norm,
 * train/learning_rate, ..., eval/loss.
 */
export function createRecorder(options: RecorderOptions): MetricsRecorder {
  const now = options.now ?? (() => Date.now() / 1000);
  let jsonl: JsonlWriter | undefined;
  let board: EventFile | undefined;
  try {
    mkdirSync(options.dir, { recursive: true });
    if (options.jsonl) jsonl = new JsonlWriter(join(options.dir, "metrics.jsonl"), options.resumedStep);
    if (options.tensorboard) board = new EventFile(options.dir, now, options.resumedStep);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new BelleError(
      "ERR_BELLE_IO",
      `${options.dir}: metrics cannot be written there (${code}); set metrics.dir.`,
      {
        cause,
      },
    );
  }
  let failed = false;
  return {
    record(event) {
      if (failed) return;
      try {
        write(event, jsonl, board);
      } catch (error) {
        failed = true;
        const reason = (error as NodeJS.ErrnoException).code ?? String(error);
        options.onProblem?.(`${options.dir}: metrics cannot be written any more (${reason}); the run goes on without.`);
      }
    },
    close() {
      try {
        jsonl?.close();
        board?.close();
      } catch (error) {
        if (!failed) options.onProblem?.(`${options.dir}: metrics could not be closed (${String(error)}).`);
      }
    },
  };
}

function write(event: NativeTrainEvent, jsonl: JsonlWriter | undefined, board: EventFile | undefined): void {
  switch (event.type) {
    case "step": {
      const { type, step, epoch, loss, lr, tokens, mfu, memory, seconds, skipped } = event;
      const grad_norm = event.gradNorm;
      const tokens_per_second = event.tokensPerSecond;
      const supervised_tokens = event.supervisedTokens;
      const shared = { epoch, loss, grad_norm, learning_rate: lr, tokens_per_second, mfu, memory };
      jsonl?.write({ type, step, ...shared, tokens, supervised_tokens, seconds, skipped });
      const scalars = Object.entries(shared).map(([name, value]): [string, number] => [`train/${name}`, value]);
      board?.write(step, Object.fromEntries(scalars));
      break;
    }
    case "eval":
      if (jsonl?.evaluated(event.step)) break;
      jsonl?.write({ type: "eval", step: event.step, loss: event.loss, supervised_tokens: event.supervisedTokens });
      board?.write(event.step, { "eval/loss": event.loss });
      break;
    case "checkpoint":
      jsonl?.write({ type: "checkpoint", step: event.step, path: event.path, seconds: event.seconds });
      jsonl?.sync();
      board?.sync();
      break;
    case "warning":
    case "done":
      break;
  }
}
