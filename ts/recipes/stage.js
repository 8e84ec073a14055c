// A recipe is a list of stages. A stage's result is committed beside its outputs with the fingerprint of everything it
// was made from, so a run that was interrupted, or killed, goes on where it stood and repeats nothing it has.
import { existsSync } from "node:fs";
import { readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { fingerprint } from "../config/fingerprint.js";
import { throwIfAborted } from "../native/abort.js";
import { commitText } from "../native/commit_text.js";
/** Runs stages under one output folder; records go to `<folder>/stages/<stage>.json`. */
export class StageRunner {
    folder;
    stages;
    signal;
    emit;
    index = 0;
    constructor(folder, stages, signal, emit) {
        this.folder = folder;
        this.stages = stages;
        this.signal = signal;
        this.emit = emit;
    }
    /**
     * The stage's result: the recorded one when its inputs are the same and its outputs are there, else what `body`
     * returns, recorded. The result is plain JSON. Throws ERR_BELLE_ABORTED before a stage when the signal was raised.
     */
    async run(stage, body) {
        throwIfAborted(this.signal, "The recipe");
        const { name } = stage;
        const place = { stage: name, index: ++this.index, stages: this.stages };
        const key = fingerprint(stage.inputs);
        const path = join(this.folder, "stages", `${name}.json`);
        const record = await readRecord(path);
        if (record?.inputs === key && "result" in record && stage.outputs.every((output) => existsSync(output))) {
            this.emit({ type: "stage-kept", ...place });
            return record.result;
        }
        this.emit({ type: "stage-start", ...place });
        if (stage.resumesIn !== undefined)
            await this.begin(name, key, stage.resumesIn);
        const started = performance.now();
        const result = await body({
            signal: this.signal,
            report: (progress) => this.emit({ type: "stage-progress", stage: name, progress }),
        });
        const seconds = (performance.now() - started) / 1000;
        const text = await writeRecord(path, { stage: name, inputs: key, seconds, result });
        this.emit({ type: "stage-done", ...place, seconds });
        // What the record holds, so that a run that made the stage and one that kept it go on from the same value.
        return JSON.parse(text).result;
    }
    /** Notes what the work in `folder` is begun from, after setting aside what was begun from anything else. */
    async begin(name, inputs, folder) {
        const path = join(this.folder, "stages", `${name}.begun.json`);
        if ((await readRecord(path))?.inputs === inputs)
            return;
        if (existsSync(folder)) {
            let number = 1;
            while (existsSync(`${folder}.earlier-${number}`))
                number++;
            const to = `${folder}.earlier-${number}`;
            await rename(folder, to);
            this.emit({ type: "stage-aside", stage: name, from: folder, to });
        }
        await writeRecord(path, { stage: name, inputs });
    }
}
async function writeRecord(path, record) {
    const text = `${JSON.stringify(record, null, 2)}\n`;
    await commitText(path, text);
    return text;
}
/** A record that is missing or unreadable means the stage has not been done. */
async function readRecord(path) {
    try {
        const value = JSON.parse(await readFile(path, "utf8"));
        const ours = typeof value === "object" && value !== null && "inputs" in value && typeof value.inputs === "string";
        return ours ? value : undefined;
    }
    catch {
        // Written by commit, so text that is no JSON is damage from outside: do the stage again.
        return undefined;
    }
}
