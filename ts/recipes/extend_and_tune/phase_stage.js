// One training phase: embeddings-only pre-training or fine-tuning, by the same run a YAML of its own would start.
import { join } from "node:path";
import { runSchema } from "../../config/run.js";
import { metricCurve, readMetrics } from "../../metrics/read.js";
import { trainingRun } from "../../train/run.js";
/** Where a phase works, its trained model, and its record. */
export function phaseOutputs(config, phase) {
    const folder = join(config.output_dir, phase);
    return { folder, model: join(folder, "final"), metrics: join(folder, "metrics.jsonl") };
}
export async function runPhase(config, phase, from, context) {
    const { data, train } = config[phase];
    const run = runSchema.parse({
        model: { path: from.model, dtype: config.model.dtype, threads: config.model.threads },
        tokenizer: { path: from.tokenizer },
        data,
        train: { ...train, eval_on_start: true, output_dir: phaseOutputs(config, phase).folder },
    });
    let trainTokens = 0;
    let samples = 0;
    let heldOutSamples = 0;
    let totalSteps = 0;
    const done = await trainingRun(run, context.signal, (event) => {
        switch (event.type) {
            case "prepare":
                if (event.progress.phase === "hash")
                    break;
                context.report({ kind: "prepare", done: event.progress.done, total: event.progress.total });
                break;
            case "data":
                if (event.data === "eval")
                    heldOutSamples = event.result.manifest.samples;
                else {
                    trainTokens = event.result.manifest.tokens;
                    samples = event.result.manifest.samples;
                }
                break;
            case "model":
                totalSteps = event.totalSteps;
                break;
            case "saved":
                break;
            default:
                context.report({ kind: "train", phase, event, totalSteps });
        }
    });
    const { metrics } = phaseOutputs(config, phase);
    const losses = metricCurve(await readMetrics(metrics), "eval", "loss");
    return {
        model: done.model,
        steps: done.step,
        trainable: train.trainable,
        trainTokens,
        samples,
        heldOutSamples,
        heldOutBefore: losses.find(([step]) => step === 0)?.[1],
        // Of this very step: where the last loss is no number, an earlier one must not stand for it.
        heldOutAfter: losses.find(([step]) => step === done.step)?.[1],
        metrics,
    };
}
