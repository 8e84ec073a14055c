// The training options of sentencepiece by their own names (src/sentencepiece_model.proto, spm_train --help), their
// kinds, and what is said about those that BPE training does not have.
import { suggest } from "../config/suggest.ts";
import { BelleError } from "../native/errors.ts";

/** sentencepiece's options for BPE; defaults are sentencepiece's. */
export interface SentencePieceOptions {
  /** Rows of the vocabulary, special and byte pieces included. Default 8000. */
  vocab_size?: number;
  /** Share of the characters of the text that get a piece of their own, 0.98 to 1. Default 0.9995. */
  character_coverage?: number;
  /** Train on this many sentences; 0 = all. */
  input_sentence_size?: number;
  shuffle_input_sentence?: boolean;
  /** Longer lines are skipped, in bytes. Default 4192. */
  max_sentence_length?: number;
  /** In characters. Default 16. */
  max_sentencepiece_length?: number;
  split_by_unicode_script?: boolean;
  split_by_number?: boolean;
  split_by_whitespace?: boolean;
  treat_whitespace_as_suffix?: boolean;
  allow_whitespace_only_pieces?: boolean;
  split_digits?: boolean;
  byte_fallback?: boolean;
  /** Fail when the text does not yield vocab_size pieces. Default true. */
  hard_vocab_limit?: boolean;
  /** A list, or one string with commas as on spm_train's command line. */
  control_symbols?: string | readonly string[];
  user_defined_symbols?: string | readonly string[];
  required_chars?: string;
  unk_id?: number;
  bos_id?: number;
  eos_id?: number;
  pad_id?: number;
  unk_piece?: string;
  bos_piece?: string;
  eos_piece?: string;
  pad_piece?: string;
  unk_surface?: string;
  /** identity | nfkc | nmt_nfkc | nfkc_cf | nmt_nfkc_cf. Default nmt_nfkc. */
  normalization_rule_name?: string;
  add_dummy_prefix?: boolean;
  remove_extra_whitespaces?: boolean;
  escape_whitespaces?: boolean;
}

type Camel<S extends string> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : S;
/** The same options in camelCase. */
export type CamelCaseSentencePieceOptions = {
  [K in keyof SentencePieceOptions as Camel<K>]: SentencePieceOptions[K];
};

const kinds: Record<keyof SentencePieceOptions, "number" | "boolean" | "string" | "strings"> = {
  vocab_size: "number",
  character_coverage: "number",
  input_sentence_size: "number",
  shuffle_input_sentence: "boolean",
  max_sentence_length: "number",
  max_sentencepiece_length: "number",
  split_by_unicode_script: "boolean",
  split_by_number: "boolean",
  split_by_whitespace: "boolean",
  treat_whitespace_as_suffix: "boolean",
  allow_whitespace_only_pieces: "boolean",
  split_digits: "boolean",
  byte_fallback: "boolean",
  hard_vocab_limit: "boolean",
  control_symbols: "strings",
  user_defined_symbols: "strings",
  required_chars: "string",
  unk_id: "number",
  bos_id: "number",
  eos_id: "number",
  pad_id: "number",
  unk_piece: "string",
  bos_piece: "string",
  eos_piece: "string",
  pad_piece: "string",
  unk_surface: "string",
  normalization_rule_name: "string",
  add_dummy_prefix: "boolean",
  remove_extra_whitespaces: "boolean",
  escape_whitespaces: "boolean",
};

const unigram = "it belongs to UNIGRAM training; leave it out";
/** Options of spm_train that are not accepted here, and why. */
const refused: Record<string, string> = {
  model_prefix: "the tokenizer is returned; write it with tokenizer.save(path)",
  input_format: "files ending in .tsv are read as text TAB frequency, all others as plain text",
  accept_language: "it only labels the model; leave it out",
  seed_sentencepiece_size: unigram,
  seed_sentencepieces_file: unigram,
  shrinking_factor: unigram,
  num_sub_iterations: unigram,
  enable_differential_privacy: unigram,
  differential_privacy_noise_level: unigram,
  differential_privacy_clipping_threshold: unigram,
  train_extremely_large_corpus: "BPE training here has no such limit; leave it out",
  use_all_vocab: "it belongs to the WORD and CHAR models; leave it out",
  self_test_sample_size: "self-test samples are drawn at random by sentencepiece; leave it out",
  vocabulary_output_piece_score: "tokenizer.pieces() gives the scores",
  normalization_rule_tsv: "custom rules are not read; choose one with normalization_rule_name",
  denormalization_rule_tsv: "custom rules are not read",
  control_symbols_file: "give the symbols themselves in control_symbols",
  user_defined_symbols_file: "give the symbols themselves in user_defined_symbols",
  pretokenization_delimiter: "this version does not have it; cut the lines of the input there",
  random_seed: "sentence sampling uses sentencepiece's fixed seed, so that results repeat; leave it out",
  minloglevel: "pass onProgress to hear of the training",
  model_writer: "the tokenizer is returned",
  sentence_iterator: "pass the lines as sentences, or files",
};

const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const camel = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

function refuse(message: string): never {
  throw new BelleError("ERR_BELLE_INVALID_ARGUMENT", message);
}

function checked(name: string, value: unknown, kind: (typeof kinds)[keyof SentencePieceOptions]) {
  if (kind === "strings") {
    const list: unknown = typeof value === "string" ? (value === "" ? [] : value.split(",")) : value;
    if (Array.isArray(list) && list.every((item) => typeof item === "string" && item !== "")) return list as string[];
    return refuse(`${name} must be an array of strings that are not empty, or one string with commas.`);
  }
  if (typeof value !== kind) refuse(`${name} must be a ${kind}, not ${shown(value)}.`);
  return value as number | boolean | string;
}

function shown(value: unknown): string {
  return typeof value === "object" && value !== null
    ? Array.isArray(value)
      ? "an array"
      : "an object"
    : String(JSON.stringify(value));
}

/**
 * Splits a caller's options into sentencepiece's (snake_case or camelCase, checked for kind) and leaves out `own`,
 * the caller's other option names. Unknown names are errors with the closest known one.
 */
export function sentencePieceOptions(
  options: object,
  own: readonly string[],
): Record<string, string | number | boolean | string[]> {
  const result: Record<string, string | number | boolean | string[]> = {};
  for (const [name, value] of Object.entries(options)) {
    if (own.includes(name) || value === undefined) continue;
    const key = snake(name);
    if (Object.hasOwn(refused, key)) refuse(`${name} is not an option of trainBpe: ${refused[key]}.`);
    if (!Object.hasOwn(kinds, key)) {
      const spelt = name.includes("_") ? Object.keys(kinds) : Object.keys(kinds).map(camel);
      const close = suggest(name, [...spelt, ...own]);
      refuse(
        `${name} is not an option of trainBpe${close === undefined ? "" : `; did you mean ${close}?`}` +
          (close === undefined ? " (it takes sentencepiece's BPE training options by name)." : ""),
      );
    }
    const given = checked(name, value, kinds[key as keyof SentencePieceOptions]);
    if (Object.hasOwn(result, key)) refuse(`${key} is given twice, as ${key} and as ${camel(key)}; keep one.`);
    result[key] = given;
  }
  return result;
}
