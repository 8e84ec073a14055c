// mergeVocabulary: appends the pieces of one tokenizer to another, base ids unchanged.
import { withSignal } from "../native/abort.ts";
import type {
  NativeHfExportEffect,
  NativeMergeEffect,
  NativeMergeProgress,
  NativeMergeReport,
} from "../native/binding_merge.ts";
import { binding } from "../native/load.ts";
import { checkedFiles, checkedMaxLines, checkOnProgress, wrong } from "./text_options.ts";
import { nativeTokenizer, Tokenizer, tokenizerOf } from "./tokenizer.ts";

/**
 * - `safe`: only pieces with a Han character, scored below every old one: text without Han characters encodes exactly
 *   as before.
 * - `belle`: all normal pieces with the scores they were trained with (BELLE's merge_tokenizers.py).
 * - `chinese-llama`: the same with score 0 (Chinese-LLaMA-Alpaca); some old pieces become unreachable, see the report.
 */
export type MergeMode = "safe" | "belle" | "chinese-llama";

/** What the merge does to the lines of a text: the old encoding of each against the new one. */
export interface MergeEffect extends NativeMergeEffect {
  /** changed ÷ lines. */
  changedShare: number;
  tokensPerLineBefore: number;
  tokensPerLineAfter: number;
  charactersPerTokenBefore: number;
  charactersPerTokenAfter: number;
}

/**
 * Counts of rows, and the first 100 pieces of each kind by name; `deadOld`/`deadNew`: pieces that no longer, or never,
 * encode to themselves; `paddedRows8/64/128`: rows rounded up for the device; `guarantee`: whether text without Han
 * characters must encode as before, and by which conditions; `subTokens[i]`: the base ids of new row baseRows + i, for
 * Model.resizeVocabulary. `protected` and `target` are there when their text was given, and with target text `hfExport`:
 * how many of its lines a Hugging Face folder of the merged tokenizer (exportTokenizer) would encode differently, and how
 * many pieces it could no longer make; `refused` says why there can be no such folder.
 */
export interface MergeReport extends NativeMergeReport {
  protected?: MergeEffect;
  target?: MergeEffect;
  hfExport?: NativeHfExportEffect;
}

/** `done` of `total`: bytes of text; the merge itself is one step. */
export type MergeProgress = NativeMergeProgress;

export interface MergeOptions {
  /** Default "safe". */
  mode?: MergeMode;
  /** Text files whose encoding should stay, such as English; one text a line. */
  protectedText?: readonly string[];
  /** Text files the new pieces are for, not trained on; one text a line. */
  targetText?: readonly string[];
  /** The first lines of each of the two that are looked at; default all. Lines of white space only do not count. */
  maxLines?: number;
  signal?: AbortSignal;
  onProgress?: (progress: MergeProgress) => void;
}

const modes: readonly string[] = ["safe", "belle", "chinese-llama"] satisfies MergeMode[];

/**
 * Runs on native threads. A UNIGRAM `addition` is accepted, and of both a tokenizer.json that `toSentencePiece()` takes.
 * Throws ERR_BELLE_INVALID_ARGUMENT (options), ERR_BELLE_UNSUPPORTED (byte-level and other tokenizers that are no such
 * model), ERR_BELLE_NOT_FOUND (files), ERR_BELLE_INVALID_DATA (files without text), ERR_BELLE_ABORTED.
 */
export async function mergeVocabulary(
  base: Tokenizer,
  addition: Tokenizer,
  options: MergeOptions = {},
): Promise<{ tokenizer: Tokenizer; report: MergeReport }> {
  for (const [name, value] of Object.entries({ base, addition })) {
    if (!(value instanceof Tokenizer)) wrong(`${name} must be a Tokenizer; load it with Tokenizer.load(path).`);
  }
  const { mode = "safe", signal, onProgress } = options;
  if (!modes.includes(mode)) wrong(`mode must be one of ${modes.join(", ")}, not ${String(mode)}.`);
  checkOnProgress(onProgress);
  const texts = {
    protectedText: checkedFiles("protectedText", options.protectedText, "compare") ?? [],
    targetText: checkedFiles("targetText", options.targetText, "compare") ?? [],
    maxLines: checkedMaxLines(options.maxLines),
  };
  const merged = await withSignal(signal, "The vocabulary merge", (stop) =>
    binding().mergeVocabulary(nativeTokenizer(base), nativeTokenizer(addition), mode, texts, stop, onProgress),
  );
  const report: MergeReport = merged.report;
  if (merged.protected !== undefined) report.protected = withRatios(merged.protected);
  if (merged.target !== undefined) report.target = withRatios(merged.target);
  if (merged.hfExport !== undefined) report.hfExport = merged.hfExport;
  return { tokenizer: tokenizerOf(merged.tokenizer), report };
}

function withRatios(effect: NativeMergeEffect): MergeEffect {
  const { examples, ...counts } = effect;
  const { lines, characters, changed, tokensBefore, tokensAfter } = counts;
  return {
    ...counts,
    changedShare: changed / lines,
    tokensPerLineBefore: tokensBefore / lines,
    tokensPerLineAfter: tokensAfter / lines,
    // A normaliser can make nothing of a text.
    charactersPerTokenBefore: characters / Math.max(1, tokensBefore),
    charactersPerTokenAfter: characters / Math.max(1, tokensAfter),
    examples,
  };
}
