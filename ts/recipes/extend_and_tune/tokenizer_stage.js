// Vocabulary extension: train a BPE, append it to the base tokenizer, measure tokens per line before and after.
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { hashFile } from "../../data/byte_stream.js";
import { BelleError } from "../../native/errors.js";
import { saveMergeReport } from "../../tokenizer/merge_report.js";
import { mergeVocabulary } from "../../tokenizer/merge_vocabulary.js";
import { Tokenizer } from "../../tokenizer/tokenizer.js";
import { trainBpe } from "../../tokenizer/train_bpe.js";
import { splitHead } from "./split_head.js";
/** sha256 of a file's bytes: the identity of an input. Meaningless once the signal was raised: look at it then. */
export async function fileFingerprint(path, signal) {
    return (await hashFile(path, signal)).sha256;
}
/** Everything the stage's result is made from. */
export async function tokenizerInputs(config, signal) {
    const { tokenizer } = config;
    const base = (await Tokenizer.load(tokenizer.base)).fingerprint;
    const files = [];
    for (const path of tokenizer.train.input)
        files.push(await fileFingerprint(path, signal));
    const heldOut = tokenizer.held_out === undefined ? null : await fileFingerprint(tokenizer.held_out, signal);
    return { tokenizer, base, files, heldOut };
}
export function tokenizerFolder(config) {
    return join(config.output_dir, "tokenizer");
}
export async function extendTokenizer(config, context) {
    const { base: basePath, train, merge_mode } = config.tokenizer;
    const folder = tokenizerFolder(config);
    await mkdir(folder, { recursive: true });
    const base = await Tokenizer.load(basePath);
    const { held_out, input } = await holdOut(config, folder);
    const lines = held_out === undefined ? undefined : await heldOutLines(held_out);
    const addition = await trainBpe({
        ...train,
        input,
        onProgress: (progress) => context.report({ kind: "bpe", progress }),
        ...(context.signal === undefined ? {} : { signal: context.signal }),
    });
    const { tokenizer, report } = await mergeVocabulary(base, addition, { mode: merge_mode });
    await addition.save(join(folder, "addition.model"));
    await saveMergeReport(folder, merge_mode, report);
    await tokenizer.save(join(folder, "tokenizer.model"));
    const result = {
        folder,
        fingerprint: tokenizer.fingerprint,
        baseFingerprint: base.fingerprint,
        baseRows: report.baseRows,
        additionRows: report.additionRows,
        shared: report.shared,
        rows: report.rows,
        deadOld: report.deadOld,
        deadNew: report.deadNew,
    };
    if (lines !== undefined) {
        result.heldOut = {
            lines: lines.length,
            characters: lines.reduce((sum, line) => sum + [...line].length, 0),
            tokensBefore: base.encodeBatch(lines).ids.length,
            tokensAfter: tokenizer.encodeBatch(lines).ids.length,
        };
    }
    return result;
}
/** The files to train on and the held-out lines: as configured, or cut from the head of the first file. */
async function holdOut(config, folder) {
    const { held_out, held_out_head, train } = config.tokenizer;
    if (held_out_head === 0)
        return { held_out, input: train.input };
    const [first, ...others] = train.input;
    const files = { head: join(folder, "held_out.txt"), rest: join(folder, "train.txt") };
    await splitHead(first, held_out_head, files);
    return { held_out: files.head, input: [files.rest, ...others] };
}
/** The lines that are not blank; ERR_BELLE_INVALID_DATA where there is none to measure on. */
async function heldOutLines(path) {
    const lines = (await readFile(path, "utf8")).split(/\r?\n/u).filter((line) => line.trim() !== "");
    if (lines.length > 0)
        return lines;
    throw new BelleError("ERR_BELLE_INVALID_DATA", `${path}: all held-out lines are blank; hold lines with text out.`);
}
