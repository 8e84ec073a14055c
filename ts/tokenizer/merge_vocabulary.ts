// mergeVocabulary: appends the pieces of one tokenizer to another, base ids unchanged.
import type { NativeMergeReport } from "../native/binding.ts";
import { BelleError, nativeAsync } from "../native/errors.ts";
import { binding } from "../native/load.ts";
import { nativeTokenizer, Tokenizer, tokenizerOf } from "./tokenizer.ts";

/**
 * - `safe`: only pieces with a Han character, scored below every old one: text without Han characters encodes exactly
 *   as before.
 * - `belle`: all normal pieces with the scores they were trained with (BELLE's merge_tokenizers.py).
 * - `chinese-llama`: the same with score 0 (Chinese-LLaMA-Alpaca); some old pieces become unreachable, see the report.
 */
export type MergeMode = "safe" | "belle" | "chinese-llama";

/**
 * Counts of rows; `deadOld`/`deadNew`: pieces that no longer, or never, encode to themselves (the first 100 old ones by
 * name); `paddedRows64/128`: rows rounded up for the device; `subTokens[i]`: the base ids of new row baseRows + i, for
 * Model.resizeVocabulary.
 */
export type MergeReport = NativeMergeReport;

export interface MergeOptions {
  /** Default "safe". */
  mode?: MergeMode;
}

const modes: readonly string[] = ["safe", "belle", "chinese-llama"] satisfies MergeMode[];

/** Throws ERR_BELLE_INVALID_ARGUMENT; runs on a native thread. A UNIGRAM `addition` is accepted. */
export async function mergeVocabulary(
  base: Tokenizer,
  addition: Tokenizer,
  options: MergeOptions = {},
): Promise<{ tokenizer: Tokenizer; report: MergeReport }> {
  for (const [name, value] of Object.entries({ base, addition })) {
    if (!(value instanceof Tokenizer)) {
      throw new BelleError(
        "ERR_BELLE_INVALID_ARGUMENT",
        `${name} must be a Tokenizer; load it with Tokenizer.load(path).`,
      );
    }
  }
  const mode = options.mode ?? "safe";
  if (!modes.includes(mode)) {
    throw new BelleError("ERR_BELLE_INVALID_ARGUMENT", `mode must be one of ${modes.join(", ")}, not ${String(mode)}.`);
  }
  const merged = await nativeAsync(() =>
    binding().mergeVocabulary(nativeTokenizer(base), nativeTokenizer(addition), mode),
  );
  return { tokenizer: tokenizerOf(merged.tokenizer), report: merged.report };
}
