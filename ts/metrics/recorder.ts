// A listener of trainer events: metrics.jsonl and TensorBoard files. Both only look; the run does not depend on them.
import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { NativeTrainEvent } from "../native/binding.ts";
import { JsonlWriter } from "./jsonl.ts";
import { eventFileName, restartEvent, scalarsEvent, versionEvent } from "./tfevents.ts";

export interface RecorderOptions {
  dir: string;
  jsonl: boolean;
  tensorboard: boolean;
  /** Step the run continues from; 0 for a fresh one. */
  resumedStep: number;
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

  constructor(dir: string, now: () => number, resumedStep: number) {
    this.#now = now;
    const seconds = now();
    this.#file = openSync(join(dir, eventFileName(seconds, hostname(), process.pid)), "a");
    writeSync(this.#file, versionEvent(seconds));
    if (resumedStep > 0) writeSync(this.#file, restartEvent(seconds, resumedStep + 1));
  }

  write(step: number, scalars: Readonly<Record<string, number>>): void {
    writeSync(this.#file, scalarsEvent(this.#now(), step, scalars));
  }

  sync(): void {
    fsyncSync(this.#file);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Opens the files in `dir`. TensorBoard tags: train/loss, train/grad_norm, train/learning_rate, ..., eval/loss. */
export function createRecorder(options: RecorderOptions): MetricsRecorder {
  mkdirSync(options.dir, { recursive: true });
  const now = options.now ?? (() => Date.now() / 1000);
  const jsonl = options.jsonl ? new JsonlWriter(join(options.dir, "metrics.jsonl"), options.resumedStep) : undefined;
  const board = options.tensorboard ? new EventFile(options.dir, now, options.resumedStep) : undefined;
  return {
    record(event) {
      switch (event.type) {
        case "step": {
          const { type, step, epoch, loss, lr, tokens, mfu, seconds, skipped } = event;
          const grad_norm = event.gradNorm;
          const tokens_per_second = event.tokensPerSecond;
          const supervised_tokens = event.supervisedTokens;
          const shared = { epoch, loss, grad_norm, learning_rate: lr, tokens_per_second, mfu };
          jsonl?.write({ type, step, ...shared, tokens, supervised_tokens, seconds, skipped });
          const scalars = Object.entries(shared).map(([name, value]): [string, number] => [`train/${name}`, value]);
          board?.write(step, Object.fromEntries(scalars));
          break;
        }
        case "eval":
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
    },
    close() {
      jsonl?.close();
      board?.close();
    },
  };
}
