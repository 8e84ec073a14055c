// Reads the reference values: golden.json (scalars) and golden.safetensors (tensors) of one model.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import * as assert from "uvu/assert";

export interface TrainGolden {
  steps: number;
  lr: number;
  wd: number;
  warm: number;
  sched: "cosine" | "constant";
  clip: number;
  accum: number;
  losses: number[];
  grad_norms: number[];
  lrs: number[];
}

export interface Golden {
  forward: { loss: number; supervised_tokens: number };
  packed: { loss: number; supervised_tokens: number };
  generate: { prompts: number[][]; greedy: number[][] };
  sequence_nll: number[];
  train: TrainGolden;
  train_constant: TrainGolden;
  extend: TrainGolden & { sub_tokens: number[][] };
}

export const models = ["llama-mha", "yi-gqa", "llama-hd128", "bloom-h4", "bloom-h6"];

export interface Tensor {
  shape: number[];
  data: Float32Array | Int32Array;
}

/** F32 as it is; I64 and I32 as Int32Array. */
export function readSafetensors(path: string): Map<string, Tensor> {
  const bytes = readFileSync(path);
  const headerBytes = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + headerBytes).toString("utf8")) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = new Map<string, Tensor>();
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    // A copy: typed arrays need aligned memory.
    const raw = Uint8Array.from(bytes.subarray(8 + headerBytes + data_offsets[0], 8 + headerBytes + data_offsets[1]));
    if (dtype === "F32") tensors.set(name, { shape, data: new Float32Array(raw.buffer) });
    else if (dtype === "I32") tensors.set(name, { shape, data: new Int32Array(raw.buffer) });
    else if (dtype === "I64")
      tensors.set(name, { shape, data: Int32Array.from(new BigInt64Array(raw.buffer), Number) });
    else throw new Error(`${path}: ${name} has dtype ${dtype}`);
  }
  return tensors;
}

export class Goldens {
  readonly folder: string;
  readonly values: Golden;
  readonly #tensors: Map<string, Tensor>;

  constructor(shared: string, model: string) {
    this.folder = join(shared, "goldens", model);
    this.values = JSON.parse(readFileSync(join(this.folder, "golden.json"), "utf8")) as Golden;
    this.#tensors = readSafetensors(join(this.folder, "golden.safetensors"));
  }

  tensor(name: string): Tensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new Error(`${this.folder}: no tensor ${name}`);
    return tensor;
  }
  ids(name: string): Int32Array {
    return this.tensor(name).data as Int32Array;
  }
  floats(name: string): Float32Array {
    return this.tensor(name).data as Float32Array;
  }
  names(prefix: string): string[] {
    return [...this.#tensors.keys()].filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  }

  /** Micro-batch i of PREFIX.input_ids [batches, rows, tokens]: every row is a document of its own. */
  batch(prefix: string, index: number) {
    const [, rows = 0, tokens = 0] = this.tensor(`${prefix}.input_ids`).shape;
    const slice = (name: string) =>
      this.ids(`${prefix}.${name}`).slice(index * rows * tokens, (index + 1) * rows * tokens);
    return { inputIds: slice("input_ids"), labels: slice("labels"), cuSeqlens: rowOffsets(rows, tokens) };
  }
}

/** Offsets of `rows` documents of `tokens` tokens. */
export function rowOffsets(rows: number, tokens: number): Int32Array {
  return Int32Array.from({ length: rows + 1 }, (_, row) => row * tokens);
}

/** Largest difference, relative to the largest value expected. */
export function maxError(actual: Float32Array, expected: Float32Array): number {
  assert.is(actual.length, expected.length, "number of values");
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    // A NaN must not pass: Math.max keeps it.
    difference = Math.max(difference, Math.abs(actual[i]! - expected[i]!));
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return difference / largest;
}

/** Norm of the difference, relative to the norm of what is expected. */
export function normError(actual: Float32Array, expected: Float32Array): number {
  assert.is(actual.length, expected.length, "number of values");
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i]! - expected[i]!) ** 2;
    norm += expected[i]! ** 2;
  }
  return Math.sqrt(difference / norm);
}

export function below(value: number, limit: number, what: string): void {
  assert.ok(value <= limit, `${what}: ${value} is above ${limit}`);
}

export function relative(actual: number, expected: number): number {
  return Math.abs(actual - expected) / Math.abs(expected);
}

export function readJsonLines<T>(path: string): T[] {
  assert.ok(existsSync(path), path);
  return gunzipSync(readFileSync(path))
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);
}
