// Trainer: runs the native step loop on its own thread and hands out its events.
import { Model, nativeModel } from "../model/model.js";
import { abortError, throwIfAborted } from "../native/abort.js";
import { BelleError, fromNative, native, nativeAsync } from "../native/errors.js";
import { binding } from "../native/load.js";
import { trainConfig } from "./train_config.js";
export class Trainer {
    #native;
    constructor(trainer) {
        this.#native = trainer;
    }
    /**
     * Checks the data and plans all memory: what cannot fit fails here, not at step 900.
     * Throws ERR_BELLE_INVALID_ARGUMENT, ERR_BELLE_INVALID_DATA, ERR_BELLE_OUT_OF_MEMORY.
     */
    static async create(options) {
        const { model, data, evaluation, config = {}, extraFiles = [], startsFrom } = options;
        if (!(model instanceof Model))
            wrong("model must be a Model; load it with Model.load(folder).");
        const request = trainConfig(config, extraFiles, model.dtype, startsFrom);
        const source = trainData("data", data);
        const heldOut = evaluation === undefined ? undefined : trainData("evaluation", evaluation);
        return new Trainer(await nativeAsync(() => binding().createTrainer(nativeModel(model), source, heldOut, request)));
    }
    /** Optimizer steps of the whole run. */
    get totalSteps() {
        return native(() => this.#native.totalSteps);
    }
    /** Bytes of weights, gradients, optimizer state and activations. */
    get plannedBytes() {
        return native(() => this.#native.plannedBytes);
    }
    /** Optimizer steps done. */
    get step() {
        return native(() => this.#native.step);
    }
    /**
     * Trains, and yields every event in order. Training does not wait for the consumer. Leaving the loop early stops the
     * run after its current step, with a checkpoint, as an abort does. Meanwhile other calls of the model throw
     * ERR_BELLE_BUSY. Throws ERR_BELLE_ABORTED, ERR_BELLE_NUMERIC (five steps in a row without a finite loss),
     * ERR_BELLE_DISK_FULL, ERR_BELLE_IO.
     */
    async *run(options = {}) {
        const { resume = false, signal } = options;
        throwIfAborted(signal, "Training");
        const queue = [];
        let outcome;
        let wake = () => { };
        const stop = binding().createStop();
        const onAbort = () => stop.stop();
        const running = native(() => this.#native.run(resume, stop, (event) => {
            queue.push(event);
            wake();
        })).then(() => {
            outcome = {};
        }, (error) => {
            outcome = { error: fromNative(error) };
        });
        running.then(() => wake());
        signal?.addEventListener("abort", onAbort, { once: true });
        if (signal?.aborted)
            onAbort();
        const failed = (error, asked) => {
            const aborted = error instanceof BelleError && error.code === "ERR_BELLE_ABORTED";
            if (error === undefined || (aborted && asked))
                return;
            throw aborted && signal?.aborted ? abortError(signal, "Training") : error;
        };
        let left = true;
        try {
            for (;;) {
                // Taken in one piece: events that arrive while the consumer works wait in the new queue.
                for (const event of queue.splice(0))
                    yield event;
                if (queue.length > 0)
                    continue;
                if (outcome !== undefined)
                    break;
                await new Promise((resolve) => {
                    wake = resolve;
                });
            }
            left = false;
        }
        finally {
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
    dispose() {
        this.#native.dispose();
    }
    [Symbol.dispose]() {
        this.dispose();
    }
    async [Symbol.asyncDispose]() {
        this.dispose();
    }
}
function wrong(message) {
    throw new BelleError("ERR_BELLE_INVALID_ARGUMENT", message);
}
function trainData(name, data) {
    if (typeof data === "string")
        return { kind: "shards", folder: data };
    if (typeof data === "object" && data !== null && Array.isArray(data.batches)) {
        if (data.batches.length === 0)
            wrong(`${name}.batches is empty; give at least one micro-batch.`);
        return { kind: "memory", batches: data.batches };
    }
    wrong(`${name} must be the path of a token-shard folder or { batches: [{ inputIds, cuSeqlens, labels }] }.`);
}
