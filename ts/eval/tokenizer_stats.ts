// tokenizerStats: what vocabularies are made of, and how they do on texts, as numbers. The page, the terminal and --json
// show these and no others.
import { readRows } from "../data/rows.ts";
import { throwIfAborted } from "../native/abort.ts";
import { BelleError } from "../native/errors.ts";
import { checkedFiles, checkOnProgress, wrong } from "../tokenizer/text_options.ts";
import { nativeTokenizer, Tokenizer } from "../tokenizer/tokenizer.ts";
import { type StatsPiece, standsForText, type VocabularyStats, vocabularyStats } from "./vocabulary_stats.ts";

export interface TextStats {
  path: string;
  lines: number;
  characters: number;
  bytes: number;
  tokens: number;
  unknownTokens: number;
  byteTokens: number;
  tokensPerLine: number;
  charactersPerToken: number;
  unknownShare: number;
  byteShare: number;
}

/** Over all texts together. */
export interface UsageStats {
  tokens: number;
  frequent: Array<{ id: number; piece: string; count: number; share: number }>;
  /** Pieces that stand for text and no text used. */
  neverUsed: number;
  /** Their share of such pieces. */
  neverUsedShare: number;
  /** The first 100 of them. */
  neverUsedPieces: string[];
}

export interface TokenizerStats extends VocabularyStats {
  path: string;
  vocabSize: number;
  fingerprint: string;
  modelType: string;
  normalizer: string;
  addDummyPrefix: boolean;
  removeExtraWhitespaces: boolean;
  byteFallback: boolean;
  bosId: number;
  eosId: number;
  padId: number;
  unkId: number;
  texts: TextStats[];
  /** Absent without texts. */
  usage?: UsageStats;
}

const unknownType = 2;
const byteType = 6;
const mostFrequent = 30;
const mostNeverUsed = 100;
/** Characters of a batch: some milliseconds of encoding. */
const batchSize = 1 << 16;

interface TokenSums {
  tokens: number;
  unknownTokens: number;
  byteTokens: number;
}

/** Counts the ids of texts, file by file. */
export class UsageCounter {
  readonly #pieces: readonly StatsPiece[];
  readonly #counts: Float64Array;
  readonly texts: TextStats[] = [];

  constructor(pieces: readonly StatsPiece[]) {
    this.#pieces = pieces;
    this.#counts = new Float64Array(pieces.length);
  }

  /** Ids of the file that finish() ends; `sums` adds them up. */
  count(ids: Uint32Array, sums: TokenSums): void {
    sums.tokens += ids.length;
    for (const id of ids) {
      this.#counts[id]!++;
      const type = this.#pieces[id]!.type;
      if (type === unknownType) sums.unknownTokens++;
      else if (type === byteType) sums.byteTokens++;
    }
  }

  finish(path: string, size: { lines: number; characters: number; bytes: number }, sums: TokenSums): void {
    const tokens = Math.max(1, sums.tokens);
    this.texts.push({
      path,
      ...size,
      ...sums,
      tokensPerLine: sums.tokens / Math.max(1, size.lines),
      charactersPerToken: size.characters / tokens,
      unknownShare: sums.unknownTokens / tokens,
      byteShare: sums.byteTokens / tokens,
    });
  }

  usage(): UsageStats {
    const tokens = this.#counts.reduce((sum, count) => sum + count, 0);
    const used = [...this.#counts.keys()].filter((id) => this.#counts[id]! > 0);
    used.sort((a, b) => this.#counts[b]! - this.#counts[a]! || a - b);
    const text = this.#pieces.filter(standsForText).length;
    const never = [...this.#counts.keys()].filter((id) => this.#counts[id] === 0 && standsForText(this.#pieces[id]!));
    return {
      tokens,
      frequent: used.slice(0, mostFrequent).map((id) => {
        const count = this.#counts[id]!;
        return { id, piece: this.#pieces[id]!.piece, count, share: count / tokens };
      }),
      neverUsed: never.length,
      neverUsedShare: never.length / Math.max(1, text),
      neverUsedPieces: never.slice(0, mostNeverUsed).map((id) => this.#pieces[id]!.piece),
    };
  }
}

/** Tokens per line and characters per token over all texts. */
export function totals(texts: readonly TextStats[]): TextStats | undefined {
  if (texts.length === 0) return undefined;
  const sum = (value: (text: TextStats) => number) => texts.reduce((all, text) => all + value(text), 0);
  const [lines, characters, tokens] = [sum((t) => t.lines), sum((t) => t.characters), sum((t) => t.tokens)];
  const [unknownTokens, byteTokens] = [sum((t) => t.unknownTokens), sum((t) => t.byteTokens)];
  return {
    path: "",
    ...{ lines, characters, tokens, unknownTokens, byteTokens, bytes: sum((t) => t.bytes) },
    tokensPerLine: tokens / Math.max(1, lines),
    charactersPerToken: characters / Math.max(1, tokens),
    unknownShare: unknownTokens / Math.max(1, tokens),
    byteShare: byteTokens / Math.max(1, tokens),
  };
}

export interface TokenizerStatsOptions {
  /** Text files, one text a line, to measure all the tokenizers on. */
  files?: readonly string[];
  signal?: AbortSignal;
  /** `lines` of the file have been read. */
  onProgress?: (progress: { file: string; lines: number }) => void;
}

/**
 * Of each tokenizer, named by its path; the texts are read once for all. Pieces are written as people read them: those of
 * a byte-level file as the text of their bytes, a space as ▁; bytes that are no whole character as <0xE4>, and such pieces
 * count as byte pieces. Throws as Tokenizer.load, ERR_BELLE_INVALID_ARGUMENT (options), ERR_BELLE_NOT_FOUND (files),
 * ERR_BELLE_INVALID_DATA (a file without text, a line that is none), ERR_BELLE_ABORTED.
 */
export async function tokenizerStats(
  paths: readonly string[],
  options: TokenizerStatsOptions = {},
): Promise<TokenizerStats[]> {
  if (!Array.isArray(paths) || paths.length === 0) wrong("paths must be an array of tokenizer paths, one at least.");
  const files = checkedFiles("files", options.files, "measure") ?? [];
  checkOnProgress(options.onProgress);
  const subjects: Subject[] = [];
  for (const path of paths) {
    throwIfAborted(options.signal, "Counting");
    subjects.push(await loadSubject(path));
  }
  for (const file of files) await countText(file, subjects, options);
  return subjects.map(statsOf);
}

interface Subject {
  path: string;
  tokenizer: Tokenizer;
  pieces: StatsPiece[];
  counter: UsageCounter;
}

async function loadSubject(path: string): Promise<Subject> {
  const tokenizer = await Tokenizer.load(path);
  const pieces = nativeTokenizer(tokenizer).readablePieces();
  return { path, tokenizer, pieces, counter: new UsageCounter(pieces) };
}

async function countText(file: string, subjects: readonly Subject[], options: TokenizerStatsOptions): Promise<void> {
  const { signal, onProgress } = options;
  const size = { lines: 0, characters: 0, bytes: 0 };
  const sums = subjects.map(() => ({ tokens: 0, unknownTokens: 0, byteTokens: 0 }));
  let batch: string[] = [];
  let pending = 0;
  const flush = () => {
    for (const [i, { tokenizer, counter }] of subjects.entries()) {
      counter.count(tokenizer.encodeBatch(batch).ids, sums[i]!);
    }
    batch = [];
    pending = 0;
    onProgress?.({ file, lines: size.lines });
    throwIfAborted(signal, "Counting");
  };
  const reader = await readRows(file, { text: true });
  for await (const row of reader.rows) {
    if (row.kind === "bad") {
      throw new BelleError("ERR_BELLE_INVALID_DATA", `${file}: line ${row.line} ${row.message}.`);
    }
    if (typeof row.value !== "string") continue;
    size.lines++;
    for (const _ of row.value) size.characters++;
    size.bytes += Buffer.byteLength(row.value);
    batch.push(row.value);
    pending += row.value.length;
    if (pending > batchSize) flush();
  }
  flush();
  if (size.characters === 0) {
    throw new BelleError("ERR_BELLE_INVALID_DATA", `${file} holds no text to measure; give a file with lines of text.`);
  }
  for (const [i, { counter }] of subjects.entries()) counter.finish(file, size, sums[i]!);
}

function statsOf({ path, tokenizer, pieces, counter }: Subject): TokenizerStats {
  const { info, bosId, eosId, padId, unkId, vocabSize, fingerprint } = tokenizer;
  const { texts } = counter;
  const stats = {
    path,
    vocabSize,
    fingerprint,
    // A tokenizer.json says what it does to text in steps, not in sentencepiece's words.
    ...(info ?? {
      ...{ modelType: "bpe", normalizer: tokenizer.fileName, addDummyPrefix: false, removeExtraWhitespaces: false },
      byteFallback: tokenizer.pieces().some(({ type }) => type === byteType),
    }),
    bosId,
    eosId,
    padId,
    unkId,
    ...vocabularyStats(pieces),
    texts,
  };
  return texts.length === 0 ? stats : { ...stats, usage: counter.usage() };
}
