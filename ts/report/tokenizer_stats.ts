// What a vocabulary is made of, and how a tokenizer does on texts, as numbers. The page (tokenizer_report.ts), the
// terminal and --json show these and no others.

export interface StatsPiece {
  piece: string;
  type: number;
}

export interface VocabularyStats {
  types: Record<string, number>;
  hanPieces: number;
  /** Of the pieces that stand for text: their script; none with zero pieces. */
  scripts: Record<string, number>;
  /** The same pieces by their length in characters, short ones first. ▁ counts as one. */
  lengths: Array<{ characters: number; pieces: number }>;
  longest: Array<{ piece: string; characters: number }>;
}

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

const typeNames: Readonly<Record<number, string>> = {
  1: "normal",
  2: "unknown",
  3: "control",
  4: "user_defined",
  5: "unused",
  6: "byte",
};
const unknownType = 2;
const byteType = 6;
const mostLongest = 20;
const mostFrequent = 30;
const mostNeverUsed = 100;

const letterScripts: ReadonlyArray<readonly [string, RegExp]> = [
  ["han", /\p{Script=Han}/u],
  ["latin", /\p{Script=Latin}/u],
  ["kana", /[\p{Script=Hiragana}\p{Script=Katakana}]/u],
  ["hangul", /\p{Script=Hangul}/u],
  ["cyrillic", /\p{Script=Cyrillic}/u],
  ["greek", /\p{Script=Greek}/u],
  ["arabic", /\p{Script=Arabic}/u],
  ["hebrew", /\p{Script=Hebrew}/u],
  ["devanagari", /\p{Script=Devanagari}/u],
  ["thai", /\p{Script=Thai}/u],
];

/** The order scripts are shown in. */
export const scriptNames = [
  ...letterScripts.map(([name]) => name),
  ...["other_letters", "mixed", "digits", "punctuation", "space"],
];

/** The script of a piece: of its letters, or what it is without any. */
export function scriptOf(piece: string): string {
  const found = letterScripts.filter(([, pattern]) => pattern.test(piece));
  if (found.length > 1) return "mixed";
  if (found.length === 1) return found[0]![0];
  if (/\p{L}/u.test(piece)) return "other_letters";
  if (/\p{N}/u.test(piece)) return "digits";
  return /^[\s\u2581]*$/u.test(piece) ? "space" : "punctuation";
}

const standsForText = (type: number) => type === 1 || type === 4 || type === 5;

function add(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

export function vocabularyStats(pieces: readonly StatsPiece[]): VocabularyStats {
  const types: Record<string, number> = {};
  const scripts: Record<string, number> = {};
  const lengths = new Map<number, number>();
  const measured: Array<{ piece: string; characters: number }> = [];
  for (const { piece, type } of pieces) {
    add(types, typeNames[type] ?? String(type));
    if (!standsForText(type)) continue;
    add(scripts, scriptOf(piece));
    const characters = [...piece].length;
    lengths.set(characters, (lengths.get(characters) ?? 0) + 1);
    measured.push({ piece, characters });
  }
  measured.sort((a, b) => b.characters - a.characters);
  return {
    types,
    hanPieces: pieces.filter(({ piece }) => /\p{Script=Han}/u.test(piece)).length,
    scripts: Object.fromEntries(scriptNames.flatMap((name) => (scripts[name] ? [[name, scripts[name]]] : []))),
    lengths: [...lengths].sort(([a], [b]) => a - b).map(([characters, count]) => ({ characters, pieces: count })),
    longest: measured.slice(0, mostLongest),
  };
}

export interface TokenSums {
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
    const text = this.#pieces.filter(({ type }) => standsForText(type)).length;
    const never = [...this.#counts.keys()].filter(
      (id) => this.#counts[id] === 0 && standsForText(this.#pieces[id]!.type),
    );
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
