// What a vocabulary is made of, as numbers.

/** As people read it: see NativeTokenizer.readablePieces. */
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

const typeNames: Readonly<Record<number, string>> = {
  1: "normal",
  2: "unknown",
  3: "control",
  4: "user_defined",
  5: "unused",
  6: "byte",
};
const mostLongest = 20;

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

/** Nothing stands at some ids of a tokenizer.json. */
export function standsForText({ piece, type }: StatsPiece): boolean {
  return piece !== "" && (type === 1 || type === 4 || type === 5);
}

function add(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

export function vocabularyStats(pieces: readonly StatsPiece[]): VocabularyStats {
  const types: Record<string, number> = {};
  const scripts: Record<string, number> = {};
  const lengths = new Map<number, number>();
  const measured: Array<{ piece: string; characters: number }> = [];
  for (const one of pieces) {
    const { piece, type } = one;
    add(types, typeNames[type] ?? String(type));
    if (!standsForText(one)) continue;
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
