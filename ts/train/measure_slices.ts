// How long a training step of a model takes, from thin slices of it: the same widths, batch and settings, few layers.
// A step's time is a straight line in the number of layers, and another in the number of micro-batches.
import { extend, Slice, type SliceSettings } from "./slice.ts";

export interface SliceRequest extends SliceSettings {
  /** config.json of the model with this many layers. */
  configOf(layers: number): string;
  layers: number;
  /** Operations of a token of the model with this many layers, in any unit. */
  flopsOf(layers: number): number;
  /** Whether slices of these depths can be trained side by side in the memory that is free. */
  fits(depths: readonly number[]): boolean;
  /** What measuring may take; a single step is always taken, however long. */
  seconds: number;
  /** In micro-batches; the total changes when it is known how long one takes. */
  onProgress: (done: number, total: number) => void;
}

export interface SliceTimes {
  /** Depths that were trained; of a deeper model [1] alone where the time did not suffice for a second slice. */
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
const turnsSeconds = 30;
const mostTurns = 4;
const stepsOfTurn = 2;

/** Figures that cannot be: other programs had the machine while some of the slices ran. */
export function disturbed({ stepSeconds, baseSeconds, peakSeconds }: Omit<SliceTimes, "depths" | "layerSeconds">) {
  return baseSeconds < 0 || stepSeconds < peakSeconds;
}

/** Undefined where not even the thinnest slices fit. */
export async function measureSlices(request: SliceRequest): Promise<SliceTimes | undefined> {
  const { layers, configOf, flopsOf, fits } = request;
  const depths = layers === 1 ? [1] : [1, 2];
  if (!fits(depths)) return undefined;
  const until = performance.now() + 1000 * request.seconds;
  const left = () => (until - performance.now()) / 1000;
  let windows = measuredWindows(request.train.gradient_accumulation_steps ?? 1);
  const slices: Slice[] = [];
  const progress = new Progress(request.onProgress);
  const add = async (depth: number) => slices.push(await Slice.create(depth, configOf(depth), request));
  const turn = (slice: Slice, steps: number) => slice.turn(windows, steps, (count) => progress.taken(count));
  // Wall time: making a model and a trainer of it take their part.
  const timed = async (work: () => Promise<unknown>) => {
    const began = performance.now();
    await work();
    return (performance.now() - began) / 1000;
  };
  const at = (depth: number) => {
    const [thin, thick] = [slices[0]!, slices.at(-1)!];
    // One slice says nothing of a layer alone: the others are taken to compute as fast as all of it.
    if (thin === thick) return (thin.seconds() * flopsOf(depth)) / flopsOf(thin.depth);
    return extend([thin.depth, thin.seconds()], [thick.depth, thick.seconds()], depth);
  };
  try {
    progress.expect(1 + depths.length * microBatches(windows, 1));
    const make = await timed(() => add(1));
    const thin = slices[0]!;
    const first = await timed(() => thin.firstStep());
    progress.taken(1);
    // A slice of two layers takes at most twice the time.
    if (make + 3 * microBatches(windows, 1) * first > left()) windows = [1];
    progress.expect(1 + depths.length * microBatches(windows, 1));
    if (microBatches(windows, 1) * first < left()) {
      const one = await timed(() => turn(thin, 1));
      let other = 0;
      if (layers > 1 && 2 * (make + one) < left()) {
        await add(2);
        other = await timed(() => turn(slices[1]!, 1));
        const each = Math.max(at(2) - at(1), 1e-6);
        const deep = Math.min(layers, 1 + Math.floor((deepStepSeconds - at(1)) / each));
        if (deep > 2 && fits([1, deep])) {
          progress.expect(progress.done + microBatches(windows, 1));
          slices.pop()!.dispose();
          await add(deep);
          other = await timed(() => turn(slices[1]!, 1));
        }
      }
      const longer = ((one + other) * (stepsOfTurn + 1)) / 2;
      const turns = Math.floor(Math.min(mostTurns, Math.round(turnsSeconds / longer), Math.max(0, left()) / longer));
      progress.expect(progress.done + turns * slices.length * microBatches(windows, stepsOfTurn));
      for (let i = 0; i < turns; i++) for (const slice of slices) await turn(slice, stepsOfTurn);
    }
    progress.expect(progress.done);
    const stepSeconds = at(layers);
    const layerSeconds = layers === 1 ? 0 : (stepSeconds - at(1)) / (layers - 1);
    return {
      depths: slices.map(({ depth }) => depth),
      stepSeconds,
      baseSeconds: stepSeconds - layers * layerSeconds,
      layerSeconds,
      peakSeconds: Math.min(...slices.map((slice) => (slice.peakSeconds() * flopsOf(layers)) / flopsOf(slice.depth))),
    };
  } finally {
    for (const slice of slices) slice.dispose();
  }
}

/** Micro-batches of the steps that are measured: a step of many is extended from one and three. */
export function measuredWindows(count: number): number[] {
  return count > 3 ? [1, 3] : [count];
}

/** Of a slice's turn of so many steps: each window's, and one before them. */
function microBatches(windows: readonly number[], steps: number): number {
  return windows.reduce((sum, count) => sum + (steps + 1) * count, 0);
}

class Progress {
  readonly #report: (done: number, total: number) => void;
  #total = 0;
  done = 0;

  constructor(report: (done: number, total: number) => void) {
    this.#report = report;
  }

  expect(total: number): void {
    this.#total = total;
    this.#report(this.done, total);
  }

  taken(count: number): void {
    this.done += count;
    this.#report(this.done, this.#total);
  }
}
