// A recipe is a list of stages. A stage's result is committed beside its outputs with the fingerprint of everything it
// was made from, so a run that was interrupted, or killed, goes on where it stood and repeats nothing it has.
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fingerprint } from "../config/fingerprint.ts";
import { nativeAsync } from "../native/errors.ts";
import { binding } from "../native/load.ts";

export type StageEvent<P> =
  | { type: "stage-start"; stage: string; index: number; stages: number }
  | { type: "stage-kept"; stage: string; index: number; stages: number }
  | { type: "stage-progress"; stage: string; progress: P }
  | { type: "stage-done"; stage: string; index: number; stages: number; seconds: number };

export interface StageContext<P> {
  signal: AbortSignal | undefined;
  report(progress: P): void;
}

interface StageRecord {
  stage: string;
  inputs: string;
  seconds: number;
  result: unknown;
}

/** Runs stages under one output folder; records go to `<folder>/stages/<stage>.json`. */
export class StageRunner<P> {
  private readonly folder: string;
  private readonly stages: number;
  private readonly signal: AbortSignal | undefined;
  private readonly emit: (event: StageEvent<P>) => void;
  private index = 0;

  constructor(folder: string, stages: number, signal: AbortSignal | undefined, emit: (event: StageEvent<P>) => void) {
    this.folder = folder;
    this.stages = stages;
    this.signal = signal;
    this.emit = emit;
  }

  /**
   * The stage's result: the recorded one when its inputs are the same, else what `body` returns, recorded. `inputs` is
   * everything that decides the result (config sections, fingerprints of files and of earlier stages). The result is
   * plain JSON.
   */
  async run<R>(stage: string, inputs: unknown, body: (context: StageContext<P>) => Promise<R>): Promise<R> {
    this.signal?.throwIfAborted();
    const index = ++this.index;
    const key = fingerprint(inputs);
    const path = join(this.folder, "stages", `${stage}.json`);
    const record = await readRecord(path);
    if (record?.inputs === key) {
      this.emit({ type: "stage-kept", stage, index, stages: this.stages });
      return record.result as R;
    }
    this.emit({ type: "stage-start", stage, index, stages: this.stages });
    const started = performance.now();
    const result = await body({
      signal: this.signal,
      report: (progress) => this.emit({ type: "stage-progress", stage, progress }),
    });
    const seconds = (performance.now() - started) / 1000;
    const made: StageRecord = { stage, inputs: key, seconds, result };
    await mkdir(dirname(path), { recursive: true });
    await nativeAsync(() => binding().writeFile(path, `${JSON.stringify(made, null, 2)}\n`));
    this.emit({ type: "stage-done", stage, index, stages: this.stages, seconds });
    return result;
  }
}

/** A record that is missing or unreadable means the stage has not been done. */
async function readRecord(path: string): Promise<StageRecord | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch {
    return undefined;
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && "inputs" in value && "result" in value) {
      return value as StageRecord;
    }
  } catch {
    // Written by commit, so this is damage from outside: do the stage again.
  }
  return undefined;
}
