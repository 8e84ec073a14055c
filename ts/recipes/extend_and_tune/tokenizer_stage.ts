// Vocabulary extension: train a BPE, append it to the base tokenizer, measure tokens per line before and after.
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { hashFile } from "../../data/byte_stream.ts";
import { BelleError } from "../../native/errors.ts";
import { spoolCorpus } from "../../tokenizer/corpus_spool.ts";
import { saveMergeReport } from "../../tokenizer/merge_report.ts";
import { mergeVocabulary } from "../../tokenizer/merge_vocabulary.ts";
import { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { trainBpe } from "../../tokenizer/train_bpe.ts";
import type { StageContext } from "../stage.ts";
import type { RecipeProgress } from "./events.ts";
import type { ExtendAndTuneConfig } from "./schema.ts";
import { splitHead } from "./split_head.ts";

type Context = StageContext<RecipeProgress>;

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

/** sha256 of a file's bytes: the identity of an input. Meaningless once the signal was raised: look at it then. */
export async function fileFingerprint(path: string, signal: AbortSignal | undefined): Promise<string> {
  return (await hashFile(path, signal)).sha256;
}

/** Everything the stage's result is made from. */
export async function tokenizerInputs(config: ExtendAndTuneConfig, signal: AbortSignal | undefined): Promise<unknown> {
  const { tokenizer } = config;
  const base = (await Tokenizer.load(tokenizer.base)).fingerprint;
  const files: string[] = [];
  for (const path of tokenizer.train.input) files.push(await fileFingerprint(path, signal));
  const heldOut = tokenizer.held_out === undefined ? null : await fileFingerprint(tokenizer.held_out, signal);
  return { tokenizer, base, files, heldOut };
}

export function tokenizerFolder(config: ExtendAndTuneConfig): string {
  return join(config.output_dir, "tokenizer");
}

export async function extendTokenizer(config: ExtendAndTuneConfig, context: Context): Promise<TokenizerResult> {
  const { base: basePath, train, merge_mode } = config.tokenizer;
  const folder = tokenizerFolder(config);
  await mkdir(folder, { recursive: true });
  const base = await Tokenizer.load(basePath);
  await checkBase(base, config);
  const { lines, input } = await holdOut(config, folder, context);
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

/** Hours of training would end at a base that nothing can be appended to: merged with itself, it says so now. */
async function checkBase(base: Tokenizer, { tokenizer }: ExtendAndTuneConfig): Promise<void> {
  try {
    await mergeVocabulary(base, base, { mode: tokenizer.merge_mode });
  } catch (cause) {
    if (!(cause instanceof BelleError)) throw cause;
    throw new BelleError(cause.code, `tokenizer.base (${tokenizer.base}): ${cause.message}`, { cause });
  }
}

/** The files to train on, and the lines held out: as configured, or cut from the head of the first file. */
async function holdOut(
  config: ExtendAndTuneConfig,
  folder: string,
  context: Context,
): Promise<{ lines: string[] | undefined; input: string[] }> {
  const { held_out, held_out_head, train } = config.tokenizer;
  if (held_out_head === 0) {
    if (held_out === undefined) return { lines: undefined, input: train.input };
    return {
      lines: await asText(held_out, folder, context, (path) => heldOutLines(path, held_out)),
      input: train.input,
    };
  }
  const [first, ...others] = train.input;
  return asText(first!, folder, context, async (path) => {
    // A frequency column stays one.
    const ending = path.endsWith(".tsv") ? "tsv" : "txt";
    const files = { head: join(folder, `held_out.${ending}`), rest: join(folder, `train.${ending}`) };
    await splitHead(path, held_out_head, files, first);
    return { lines: await heldOutLines(files.head, files.head), input: [files.rest, ...others] };
  });
}

/** Calls `use` with the path of the file's text: itself, or what was unpacked from it, for as long as that takes. */
async function asText<T>(
  path: string,
  folder: string,
  { signal, report }: Context,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const unpacked = join(folder, "unpacked");
  const corpus = await spoolCorpus([path], {
    folder: unpacked,
    folderSetting: "output_dir",
    signal,
    onProgress: (progress) => report({ kind: "bpe", progress: { phase: "unpack", ...progress } }),
  });
  const result = await use(corpus.files[0]!);
  await rm(unpacked, { recursive: true, force: true });
  return result;
}

/** The lines that are not blank; ERR_BELLE_INVALID_DATA where there is none to measure on. */
async function heldOutLines(path: string, name: string): Promise<string[]> {
  const rows = (await readFile(path, "utf8")).split(/\r?\n/u);
  const texts = path.endsWith(".tsv") ? rows.map((row) => row.split("\t", 1)[0]!) : rows;
  const lines = texts.filter((line) => line.trim() !== "");
  if (lines.length > 0) return lines;
  throw new BelleError("ERR_BELLE_INVALID_DATA", `${name}: all held-out lines are blank; hold lines with text out.`);
}
