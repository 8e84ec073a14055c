// exportTokenizer: a sentencepiece tokenizer as the files of a Hugging Face model folder.
import { join } from "node:path";
import { withSignal } from "../native/abort.ts";
import type {
  NativeExportCheck,
  NativeExportDifference,
  NativeExportOptions,
  NativeExportProgress,
} from "../native/binding_export.ts";
import { nativeAsync } from "../native/errors.ts";
import { binding } from "../native/load.ts";
import { checkedFiles, checkedMaxLines, checkOnProgress, wrong } from "./text_options.ts";
import { nativeTokenizer, Tokenizer } from "./tokenizer.ts";

export interface ExportOptions {
  /**
   * Where the dummy prefix of the model goes. true (default): before every stretch of text between special tokens, as
   * sentencepiece gives every text one. false: before a text's first only, and not where the text begins with a space
   * or ▁; such lines then encode differently.
   */
  legacy?: boolean;
  /** transformers puts BOS before a text. Default: whether the vocabulary has one. `encode` here never does by itself. */
  addBos?: boolean;
  /** transformers puts EOS after a text. Default false. */
  addEos?: boolean;
  /** Tokens the model was made for. Default 2048. */
  modelMaxLength?: number;
  /**
   * Name LlamaTokenizer as the class, for a model that normalises and falls back to bytes as LLaMA's does. Default true.
   * transformers 5 then makes the tokenizer anew from vocabulary and merges, and gives a text that begins with a space no
   * dummy prefix, even with `legacy: true`. With false, or for another model, the class is PreTrainedTokenizerFast, which
   * takes tokenizer.json as it is.
   */
  llamaClass?: boolean;
  /**
   * Write a model whose normaliser has a charsmap (nmt_nfkc and its kin), although Hugging Face applies it to clusters of
   * characters and some texts get other ids, which `checkText` does not see. Default false: such a model is refused.
   */
  inexactCharsmap?: boolean;
  /** Text files, one text a line: how many lines would the folder encode differently? */
  checkText?: readonly string[];
  /** The first lines of checkText that are looked at; default all. Lines of white space only do not count. */
  maxLines?: number;
  signal?: AbortSignal;
  /** Of the check; bytes of text. */
  onProgress?: (progress: ExportProgress) => void;
}

export type ExportProgress = NativeExportProgress;

/** A line that differs: its first 200 characters, and the pieces from shortly before the first difference on. */
export type ExportDifference = NativeExportDifference;

/**
 * Hugging Face's rules against sentencepiece's, line by line; special pieces in a text count as text. `lost`: pieces that
 * encode to themselves here and not there, `lostPieces` the first 100 of them; `examples`: the first 5 lines that differ.
 */
export interface ExportCheck extends NativeExportCheck {
  /** differing ÷ lines. */
  share: number;
}

const names = ["tokenizer.model", "tokenizer.json", "special_tokens_map.json", "tokenizer_config.json"];

/**
 * Writes tokenizer.model, tokenizer.json, special_tokens_map.json and tokenizer_config.json into the folder, which is
 * made. Only BPE models that sentencepiece could have written, and a tokenizer.json that `toSentencePiece()` takes; `files`
 * are the paths.
 *
 * Hugging Face's tokenizers then give sentencepiece's ids, but for: pieces of equal score (a merge in mode chinese-llama)
 * and pieces that overlap themselves, which there join by rank, so ask `checkText`; text around user-defined pieces, where
 * a new stretch begins, with a dummy prefix of its own; `legacy` and `llamaClass`, see there; and the texts of control
 * pieces such as `<s>`, which there are those pieces and here mere text. Decoding differs in two things: `<unk>` gives
 * its own text, and a run of byte pieces that is no UTF-8 gives one U+FFFD a byte.
 *
 * The check comes first, and nothing is written when it fails. Throws ERR_BELLE_INVALID_ARGUMENT (options),
 * ERR_BELLE_UNSUPPORTED (a tokenizer that is no sentencepiece model, or one that tokenizer.json cannot describe),
 * ERR_BELLE_NOT_FOUND (files), ERR_BELLE_INVALID_DATA (files without text), ERR_BELLE_IO, ERR_BELLE_ABORTED.
 */
export async function exportTokenizer(
  tokenizer: Tokenizer,
  folder: string,
  options: ExportOptions = {},
): Promise<{ files: string[]; check?: ExportCheck }> {
  if (!(tokenizer instanceof Tokenizer)) wrong("tokenizer must be a Tokenizer; load it with Tokenizer.load(path).");
  if (typeof folder !== "string" || folder === "") wrong("folder must be the path of the folder to write.");
  const { signal, onProgress } = options;
  const settings = nativeOptions(options);
  const maxLines = checkedMaxLines(options.maxLines);
  checkOnProgress(onProgress);
  const texts = checkedFiles("checkText", options.checkText, "check");
  const check = await withSignal(signal, "The export", async (stop) =>
    texts === undefined
      ? undefined
      : binding().checkTokenizerExport(nativeTokenizer(tokenizer), texts, maxLines, settings, stop, onProgress),
  );
  await nativeAsync(() => binding().exportTokenizer(nativeTokenizer(tokenizer), folder, settings));
  const written = names.map((name) => join(folder, name));
  if (check === undefined) return { files: written };
  return { files: written, check: { ...check, share: check.differing / check.lines } };
}

function nativeOptions(options: ExportOptions): NativeExportOptions {
  const { addBos, modelMaxLength = 2048 } = options;
  const { legacy = true, addEos = false, llamaClass = true, inexactCharsmap = false } = options;
  const flags = { legacy, addEos, llamaClass, inexactCharsmap, ...(addBos === undefined ? {} : { addBos }) };
  for (const [name, value] of Object.entries(flags)) {
    if (typeof value !== "boolean") wrong(`${name} must be true or false, not ${String(value)}.`);
  }
  if (!(Number.isSafeInteger(modelMaxLength) && modelMaxLength > 0)) {
    wrong(`modelMaxLength must be a whole number of tokens, 1 or more, not ${String(modelMaxLength)}.`);
  }
  return { ...flags, modelMaxLength };
}
