// Vocabulary extension: train a BPE, append it to the base tokenizer, measure tokens per line before and after.
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { hashFile } from "../../data/byte_stream.ts";
import { nativeAsync } from "../../native/errors.ts";
import { binding } from "../../native/load.ts";
import { mergeVocabulary } from "../../tokenizer/merge_vocabulary.ts";
import { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { trainBpe } from "../../tokenizer/train_bpe.ts";
import type { StageContext } from "../stage.ts";
import type { RecipeProgress } from "./events.ts";
import type { ExtendAndTuneConfig } from "./schema.ts";
import { splitHead } from "./split_head.ts";

export interface TokenizerResult {
  /** Folder with tokenizer.model and merge-report.json. */
  folder: string;
  fingerprint: string;
  baseFingerprint: string;
  baseRows: number;
  additionRows: number;
  shared: number;
  rows: number;
  deadOld: number;
  deadNew: number;
  /** Of the held-out lines; absent without them. */
  heldOut?: { lines: number; characters: number; tokensBefore: number; tokensAfter: number };
}

/** sha256 of a file's bytes: the identity of an input. */
export async function fileFingerprint(path: string): Promise<string> {
  return (await hashFile(path, undefined)).sha256;
}

/** Everything the stage's result is made from. */
export async function tokenizerInputs(config: ExtendAndTuneConfig): Promise<unknown> {
  const { tokenizer } = config;
  return {
    tokenizer,
    base: (await Tokenizer.load(tokenizer.base)).fingerprint,
    files: await Promise.all(tokenizer.train.input.map(fileFingerprint)),
    heldOut: tokenizer.held_out === undefined ? null : await fileFingerprint(tokenizer.held_out),
  };
}

export async function extendTokenizer(
  config: ExtendAndTuneConfig,
  context: StageContext<RecipeProgress>,
): Promise<TokenizerResult> {
  const { base: basePath, train, merge_mode } = config.tokenizer;
  const folder = join(config.output_dir, "tokenizer");
  await mkdir(folder, { recursive: true });
  const base = await Tokenizer.load(basePath);
  const { held_out, input } = await holdOut(config, folder);
  const addition = await trainBpe({
    ...train,
    input,
    onProgress: (progress) => context.report({ kind: "bpe", progress }),
    ...(context.signal === undefined ? {} : { signal: context.signal }),
  });
  const { tokenizer, report } = await mergeVocabulary(base, addition, { mode: merge_mode });
  await addition.save(join(folder, "addition.model"));
  await nativeAsync(() =>
    binding().writeFile(
      join(folder, "merge-report.json"),
      `${JSON.stringify({ ...report, subTokens: report.subTokens.map((ids) => [...ids]) })}\n`,
    ),
  );
  await tokenizer.save(join(folder, "tokenizer.model"));
  const result: TokenizerResult = {
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
  if (held_out !== undefined) {
    const lines = (await readFile(held_out, "utf8")).split("\n").filter((line) => line.trim() !== "");
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
async function holdOut(
  config: ExtendAndTuneConfig,
  folder: string,
): Promise<{ held_out: string | undefined; input: string[] }> {
  const { held_out, held_out_head, train } = config.tokenizer;
  if (held_out_head === 0) return { held_out, input: train.input };
  const [first, ...others] = train.input;
  const files = { head: join(folder, "held_out.txt"), rest: join(folder, "train.txt") };
  await splitHead(first!, held_out_head, files);
  return { held_out: files.head, input: [files.rest, ...others] };
}

/** The old rows each new row is made of, as the merge left them. */
export async function readSubTokens(folder: string): Promise<number[][]> {
  const report = JSON.parse(await readFile(join(folder, "merge-report.json"), "utf8")) as { subTokens: number[][] };
  return report.subTokens;
}
