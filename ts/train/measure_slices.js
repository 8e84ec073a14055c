import { Model } from "../model/model.js";
import { throwIfAborted } from "../native/abort.js";
import { Trainer } from "./trainer.js";
// Deeper slices say more of the real model, as long as a step of them stays about this short.
const deepStepSeconds = 1.5;
// In turns, so that a slow moment of the machine meets every slice alike; fewer where they took longer than this.
const measuringSeconds = 30;
const mostTurns = 4;
const stepsOfTurn = 2;
export function median(values) {
    const sorted = [...values].sort((a, b) => a - b);
    const middle = sorted.length >> 1;
    return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
/** The value at `x` of the line through two points; where it would fall, noise was larger than the slope: level. */
export function extend(from, to, x) {
    if (from[0] === to[0])
        return to[1];
    return to[1] + Math.max(0, (to[1] - from[1]) / (to[0] - from[0])) * (x - to[0]);
}
/** Undefined where not even the thinnest slices fit. */
export async function measureSlices(request) {
    const { layers, fits } = request;
    const depths = layers === 1 ? [1] : [1, 2];
    if (!fits(depths))
        return undefined;
    const slices = [];
    try {
        for (const depth of depths)
            slices.push(await Slice.create(request, depth));
        const at = (depth, what) => {
            const [thin, thick] = [slices[0], slices.at(-1)];
            return extend([thin.depth, thin.middle(what)], [thick.depth, thick.middle(what)], depth);
        };
        for (const slice of slices)
            await slice.round(1);
        const each = Math.max(at(2, "seconds") - at(1, "seconds"), 1e-6);
        const deep = Math.min(layers, 1 + Math.floor((deepStepSeconds - at(1, "seconds")) / each));
        if (deep > 2 && fits([1, deep])) {
            slices.pop().dispose();
            slices.push(await Slice.create(request, deep));
        }
        const turnSeconds = slices.reduce((sum, slice) => sum + slice.turnSeconds(), 0);
        const turns = Math.min(mostTurns, Math.max(1, Math.round(measuringSeconds / turnSeconds)));
        for (let turn = 0; turn < turns; turn++) {
            for (const slice of slices)
                await slice.round(stepsOfTurn);
            request.onProgress(turn + 1, turns);
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
    }
    finally {
        for (const slice of slices)
            slice.dispose();
    }
}
/** Micro-batches of the steps that are measured: a step of many is extended from one and three. */
export function measuredWindows(microBatches) {
    return microBatches > 3 ? [1, 3] : [microBatches];
}
/** A model of few layers under training. */
class Slice {
    depth;
    #model;
    #windows = [];
    #request;
    constructor(depth, model, request) {
        this.depth = depth;
        this.#model = model;
        this.#request = request;
    }
    static async create(request, depth) {
        throwIfAborted(request.signal, "Planning");
        const model = await Model.create(request.configOf(depth), request.device);
        const slice = new Slice(depth, model, request);
        try {
            for (const microBatches of measuredWindows(slice.#microBatches)) {
                const trainer = await Trainer.create({
                    model,
                    data: request.data,
                    // A learning rate of 0 moves no weight, and takes as long as any.
                    config: {
                        ...request.train,
                        gradient_accumulation_steps: microBatches,
                        learning_rate: 0,
                        max_steps: 1_000_000,
                        output_dir: "",
                    },
                });
                slice.#windows.push({ trainer, microBatches, steps: [] });
            }
            await slice.round(1);
            return slice;
        }
        catch (error) {
            slice.dispose();
            throw error;
        }
    }
    get #microBatches() {
        return this.#request.train.gradient_accumulation_steps ?? 1;
    }
    /** `steps` steps of each window, after one that finds the caches as another slice left them. */
    async round(steps) {
        const { signal } = this.#request;
        for (const { trainer, steps: taken } of this.#windows) {
            let left = steps + 1;
            for await (const event of trainer.run(signal ? { signal } : {})) {
                if (event.type !== "step")
                    continue;
                if (left <= steps)
                    taken.push({ seconds: event.seconds, peakSeconds: event.mfu * event.seconds });
                if (--left === 0)
                    break;
            }
        }
    }
    /** What a turn takes: the steps that count, one before them, and one that is under way when the last has come. */
    turnSeconds() {
        const medians = this.#windows.map(({ steps }) => median(steps.map(({ seconds }) => seconds)));
        return (stepsOfTurn + 2) * medians.reduce((sum, seconds) => sum + seconds, 0);
    }
    /** Of a step of the run's own number of micro-batches. */
    middle(what) {
        const points = this.#windows.map(({ microBatches, steps }) => [
            microBatches,
            median(steps.map((step) => step[what])),
        ]);
        return extend(points[0], points.at(-1), this.#microBatches);
    }
    dispose() {
        for (const { trainer } of this.#windows)
            trainer.dispose();
        this.#model.dispose();
    }
}
