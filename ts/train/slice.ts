// A slice: a model of few layers under training, and how long its steps took.
import { checkValue } from "../config/check.ts";
import { trainSchema } from "../config/train.ts";
import type { DeviceOptions } from "../model/load_options.ts";
import { Model } from "../model/model.ts";
import { throwIfAborted } from "../native/abort.ts";
import type { DType } from "../native/dtype.ts";
import { addLora } from "./add_lora.ts";
import type { TrainConfig } from "./train_config.ts";
import { type TrainData, Trainer } from "./trainer.ts";

export interface SliceSettings {
  device: DeviceOptions & { dtype: DType };
  train: TrainConfig;
  data: TrainData;
  signal: AbortSignal | undefined;
}

interface StepTime {
  seconds: number;
  /** What the step would take at an MFU of 1. */
  peakSeconds: number;
}

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

export class Slice {
  readonly depth: number;
  readonly #model: Model;
  readonly #settings: SliceSettings;
  readonly #microBatches: number;
  /** Of the steps taken, by their number of micro-batches. */
  readonly #times = new Map<number, StepTime[]>();
  #first: StepTime | undefined;

  private constructor(depth: number, model: Model, settings: SliceSettings) {
    this.depth = depth;
    this.#model = model;
    this.#settings = settings;
    this.#microBatches = settings.train.gradient_accumulation_steps ?? 1;
  }

  /** `config`: config.json of the model with `depth` layers. */
  static async create(depth: number, config: string, settings: SliceSettings): Promise<Slice> {
    const model = await Model.create(config, settings.device);
    try {
      await addLora(model, checkValue(trainSchema, settings.train, "train"));
      return new Slice(depth, model, settings);
    } catch (error) {
      model.dispose();
      throw error;
    }
  }

  /** A step of one micro-batch, the first, which touches new memory. */
  async firstStep(): Promise<void> {
    for await (const time of this.#train(1, 1)) this.#first = time;
  }

  /**
   * `steps` steps of each number of micro-batches, after one that touches new memory and finds another slice in the
   * caches. `taken` hears of every step.
   */
  async turn(windows: readonly number[], steps: number, taken: (microBatches: number) => void): Promise<void> {
    for (const microBatches of windows) {
      const times = this.#times.get(microBatches) ?? [];
      let warm = false;
      for await (const time of this.#train(microBatches, steps + 1)) {
        if (warm) times.push(time);
        warm = true;
        taken(microBatches);
      }
      this.#times.set(microBatches, times);
    }
  }

  async *#train(microBatches: number, steps: number): AsyncGenerator<StepTime, void, undefined> {
    const { signal, train, data } = this.#settings;
    throwIfAborted(signal, "Planning");
    // A learning rate of 0 moves no weight, and takes as long as another.
    const settings = { learning_rate: 0, gradient_accumulation_steps: microBatches, output_dir: "" };
    using trainer = await Trainer.create({
      model: this.#model,
      data,
      config: { ...train, ...settings, max_steps: steps },
    });
    for await (const event of trainer.run(signal ? { signal } : {})) {
      if (event.type === "step") yield { seconds: event.seconds, peakSeconds: event.mfu * event.seconds };
    }
  }

  /** Of a step of the run's own number of micro-batches. */
  seconds(): number {
    const points = this.#taken().map(([count, times]): [number, number] => [
      count,
      median(times.map(({ seconds }) => seconds)),
    ]);
    // From one number of micro-batches alone the optimizer's part counts with each: rather too slow than too fast.
    if (points.length === 1) return (points[0]![1] * this.#microBatches) / points[0]![0];
    return extend(points[0]!, points[1]!, this.#microBatches);
  }

  /** What that step would take at an MFU of 1. Other programs only ever lower the peak that was measured. */
  peakSeconds(): number {
    const each = this.#taken().flatMap(([count, times]) => times.map(({ peakSeconds }) => peakSeconds / count));
    return this.#microBatches * Math.min(...each);
  }

  /** The first step speaks where there was no turn. */
  #taken(): Array<[number, StepTime[]]> {
    return this.#times.size > 0 ? [...this.#times] : [[1, [this.#first!]]];
  }

  dispose(): void {
    this.#model.dispose();
  }
}
