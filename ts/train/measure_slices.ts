// How long a training step of a model takes, from thin slices of it: the same widths, batch and settings, few layers.
// A step's time is a straight line in the number of layers, and another in the number of micro-batches.
import { checkValue } from "../config/check.ts";
import { trainSchema } from "../config/train.ts";
import type { DeviceOptions } from "../model/load_options.ts";
import { Model } from "../model/model.ts";
import { throwIfAborted } from "../native/abort.ts";
import type { DType } from "../native/binding.ts";
import { addLora } from "./add_lora.ts";
import type { TrainConfig } from "./train_config.ts";
import { type TrainData, Trainer } from "./trainer.ts";

export interface SliceRequest {
  /** config.json of the model with this many layers. */
  configOf(layers: number): string;
  layers: number;
  /** Whether slices of these depths can be trained side by side in the memory that is free. */
  fits(depths: readonly number[]): boolean;
  device: DeviceOptions & { dtype: DType };
  train: TrainConfig;
  data: TrainData;
  signal: AbortSignal | undefined;
  onProgress: (done: number, total: number) => void;
}

export interface SliceTimes {
  /** Depths that were trained. */
  depths: number[];
  stepSeconds: number;
  /** Of a step: what does not depend on the depth (embeddings, head, their optimizer), and each layer. */
  baseSeconds: number;
  layerSeconds: number;
  /** What the step would take at an MFU of 1. */
  peakSeconds: number;
}

// Deeper slices say more of the real model, as long as a step of them stays about this short.
const deepStepSeconds = 1.5;
// In turns, so that a slow moment of the machine meets every slice alike; as many as this takes, at first one step each.
const measuringSeconds = 30;
const mostTurns = 4;
const stepsOfTurn = 2;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The value at `x` of the line through two points; where it would fall, noise was larger than the slope: level. */
export function extend(from: readonly [number, number], to: readonly [number, number], x: number): number {
  if (from[0] === to[0]) return to[1];
  return to[1] + Math.max(0, (to[1] - from[1]) / (to[0] - from[0])) * (x - to[0]);
}

/** Undefined where not even the thinnest slices fit. */
export async function measureSlices(request: SliceRequest): Promise<SliceTimes | undefined> {
  const { layers, fits, onProgress } = request;
  const depths = layers === 1 ? [1] : [1, 2];
  if (!fits(depths)) return undefined;
  const slices: Slice[] = [];
  const add = async (depth: number) => {
    slices.push(await Slice.create(request, depth));
    await slices.at(-1)!.turn(1);
  };
  try {
    for (const depth of depths) {
      await add(depth);
      onProgress(slices.length, depths.length + mostTurns);
    }
    const at = (depth: number, what: "seconds" | "peakSeconds") => {
      const [thin, thick] = [slices[0]!, slices.at(-1)!];
      return extend([thin.depth, thin.middle(what)], [thick.depth, thick.middle(what)], depth);
    };
    const each = Math.max(at(2, "seconds") - at(1, "seconds"), 1e-6);
    const deep = Math.min(layers, 1 + Math.floor((deepStepSeconds - at(1, "seconds")) / each));
    if (deep > 2 && fits([1, deep])) {
      slices.pop()!.dispose();
      await add(deep);
    }
    const turnSeconds = slices.reduce((sum, slice) => sum + slice.turnSeconds(stepsOfTurn), 0);
    const turns = Math.min(mostTurns, Math.round(measuringSeconds / turnSeconds));
    for (let turn = 0; turn < turns; turn++) {
      for (const slice of slices) await slice.turn(stepsOfTurn);
      onProgress(depths.length + mostTurns - turns + turn + 1, depths.length + mostTurns);
    }
    const stepSeconds = at(layers, "seconds");
    const layerSeconds = layers === 1 ? 0 : (stepSeconds - at(1, "seconds")) / (layers - 1);
    return {
      depths: slices.map(({ depth }) => depth),
      stepSeconds,
      baseSeconds: stepSeconds - layers * layerSeconds,
      layerSeconds,
      peakSeconds: at(layers, "peakSeconds"),
    };
  } finally {
    for (const slice of slices) slice.dispose();
  }
}

/** Micro-batches of the steps that are measured: a step of many is extended from one and three. */
export function measuredWindows(microBatches: number): number[] {
  return microBatches > 3 ? [1, 3] : [microBatches];
}

interface Window {
  microBatches: number;
  steps: Array<{ seconds: number; peakSeconds: number }>;
}

/** A model of few layers under training. */
class Slice {
  readonly depth: number;
  readonly #model: Model;
  readonly #windows: Window[];
  readonly #microBatches: number;
  readonly #request: SliceRequest;

  private constructor(depth: number, model: Model, request: SliceRequest) {
    this.depth = depth;
    this.#model = model;
    this.#request = request;
    this.#microBatches = request.train.gradient_accumulation_steps ?? 1;
    this.#windows = measuredWindows(this.#microBatches).map((microBatches) => ({ microBatches, steps: [] }));
  }

  static async create(request: SliceRequest, depth: number): Promise<Slice> {
    const model = await Model.create(request.configOf(depth), request.device);
    try {
      await addLora(model, checkValue(trainSchema, request.train, "train"));
      return new Slice(depth, model, request);
    } catch (error) {
      model.dispose();
      throw error;
    }
  }

  /** `steps` steps of each window, after one that touches new memory and finds another slice in the caches. */
  async turn(steps: number): Promise<void> {
    const { signal, train, data } = this.#request;
    for (const { microBatches, steps: taken } of this.#windows) {
      throwIfAborted(signal, "Planning");
      // A learning rate of 0 moves no weight, and takes as long as another.
      const settings = { learning_rate: 0, gradient_accumulation_steps: microBatches, output_dir: "" };
      using trainer = await Trainer.create({
        model: this.#model,
        data,
        config: { ...train, ...settings, max_steps: steps + 1 },
      });
      for await (const event of trainer.run(signal ? { signal } : {})) {
        if (event.type !== "step" || event.step === 1) continue;
        taken.push({ seconds: event.seconds, peakSeconds: event.mfu * event.seconds });
      }
    }
  }

  turnSeconds(steps: number): number {
    const medians = this.#windows.map((window) => median(window.steps.map(({ seconds }) => seconds)));
    return (steps + 1) * medians.reduce((sum, seconds) => sum + seconds, 0);
  }

  /** Of a step of the run's own number of micro-batches. */
  middle(what: "seconds" | "peakSeconds"): number {
    const points = this.#windows.map(({ microBatches, steps }): [number, number] => [
      microBatches,
      median(steps.map((step) => step[what])),
    ]);
    return extend(points[0]!, points.at(-1)!, this.#microBatches);
  }

  dispose(): void {
    this.#model.dispose();
  }
}
