// One or several tokenizers side by side as a report.
import type { Language } from "../config/language.ts";
import { type TextStats, type TokenizerStats, totals } from "../eval/tokenizer_stats.ts";
import { scriptNames } from "../eval/vocabulary_stats.ts";
import type { BarChart, Cell, Column, Report, Section } from "./report.ts";
import { tokenizerLabels } from "./tokenizer_labels.ts";
import { visible } from "./visible.ts";

/** Longer pieces share one bar. */
const longestBar = 16;
const shownCharacters = 60;

const number = (value: number, digits = 0): Cell => ({ value, digits });
const share = (value: number): Cell => ({ value, digits: 2, percent: true });
const left = (label: string): Column => ({ label, align: "left" });
const right = (label: string): Column => ({ label, align: "right" });

/** A piece as a reader sees it: nothing invisible acts, nothing is endless. */
export function shownPiece(piece: string): string {
  const characters = [...piece];
  return visible(characters.length > shownCharacters ? `${characters.slice(0, shownCharacters).join("")}…` : piece);
}

/** Paths without the folders they share, for legends and tables. */
export function shortNames(paths: readonly string[]): string[] {
  const split = paths.map((path) => path.replace(/\/+$/u, "").split("/"));
  const most = Math.min(...split.map((parts) => parts.length)) - 1;
  let shared = 0;
  while (shared < most && split.every((parts) => parts[shared] === split[0]![shared])) shared++;
  return split.map((parts) => visible(parts.slice(shared).join("/")));
}

function bars(
  tokenizers: readonly TokenizerStats[],
  categories: string[],
  values: (one: TokenizerStats, category: number) => number | undefined,
  yLabel: string,
  digits = 0,
): BarChart {
  const names = shortNames(tokenizers.map(({ path }) => path));
  const series = tokenizers.map((one, i) => ({
    label: names[i]!,
    values: categories.map((_, k) => {
      const value = values(one, k);
      return value === undefined ? undefined : { value };
    }),
  }));
  const highest = Math.max(0, ...series.flatMap((one) => one.values.map((bar) => bar?.value ?? 0)));
  return { kind: "bars", categories, series, yLabel, yRange: [0, highest > 0 ? highest * 1.05 : 1], digits };
}

/** Pieces of 1, 2, … characters; the last counts all from `longestBar` on. */
export function lengthBuckets({ lengths }: TokenizerStats): number[] {
  const buckets = new Array<number>(longestBar).fill(0);
  for (const { characters, pieces } of lengths) buckets[Math.max(1, Math.min(characters, longestBar)) - 1]! += pieces;
  return buckets;
}

export function lengthNames(): string[] {
  return Array.from({ length: longestBar }, (_, i) => (i + 1 < longestBar ? String(i + 1) : `${longestBar}+`));
}

export function tokenizerReport(tokenizers: readonly TokenizerStats[], language: Language): Report {
  const { words, script, type } = tokenizerLabels(language);
  const sections: Section[] = [];
  const names = shortNames(tokenizers.map(({ path }) => path));
  const first = tokenizers[0]!;
  const total = totals(first.texts);
  if (tokenizers.length === 1) {
    const figures = [
      { label: words.rows, value: String(first.vocabSize) },
      { label: words.hanPieces, value: String(first.hanPieces) },
    ];
    if (total !== undefined) {
      figures.push({ label: words.tokensPerLine, value: total.tokensPerLine.toFixed(2) });
      figures.push({ label: words.charactersPerToken, value: total.charactersPerToken.toFixed(3) });
    }
    sections.push({ kind: "figures", figures });
  }
  sections.push({
    kind: "table",
    title: words.overview,
    table: {
      columns: [
        left(words.tokenizer),
        ...[words.rows, words.hanPieces].map(right),
        left(words.normalizer),
        left(words.byteFallback),
        ...(total === undefined ? [] : [words.tokensPerLine, words.charactersPerToken, words.neverUsed].map(right)),
      ],
      rows: tokenizers.map((one, i) => {
        const all = totals(one.texts);
        const measured: Cell[] =
          all === undefined || one.usage === undefined
            ? []
            : [number(all.tokensPerLine, 2), number(all.charactersPerToken, 3), share(one.usage.neverUsedShare)];
        const fallback = one.byteFallback ? words.yes : words.no;
        return [names[i], number(one.vocabSize), number(one.hanPieces), visible(one.normalizer), fallback, ...measured];
      }),
    },
  });
  if (total !== undefined) sections.push(...textSections(tokenizers, words));

  const types = [...new Set(tokenizers.flatMap((one) => Object.keys(one.types)))];
  const scripts = scriptNames.filter((name) => tokenizers.some((one) => one.scripts[name] !== undefined));
  const lengths = tokenizers.map(lengthBuckets);
  const chart = (title: string, drawn: BarChart, note?: string): Section =>
    note === undefined ? { kind: "chart", title, chart: drawn } : { kind: "chart", title, chart: drawn, note };
  const typeBars = bars(tokenizers, types.map(type), (one, k) => one.types[types[k]!] ?? 0, words.pieces);
  const scriptBars = bars(tokenizers, scripts.map(script), (one, k) => one.scripts[scripts[k]!] ?? 0, words.pieces);
  const lengthBars = bars(tokenizers, lengthNames(), (one, k) => lengths[tokenizers.indexOf(one)]![k], words.pieces);
  sections.push(chart(words.types, typeBars));
  sections.push(chart(words.scripts, scriptBars, words.scriptNote));
  sections.push(chart(words.lengths, lengthBars, words.lengthNote));
  sections.push(...pieceSections(tokenizers, words));
  sections.push({
    kind: "keyValues",
    title: words.fingerprint,
    entries: tokenizers.map((one) => [visible(one.path), one.fingerprint]),
  });
  return { title: tokenizers.length === 1 ? words.titleOne : words.title, language, sections };
}

type Words = ReturnType<typeof tokenizerLabels>["words"];

function textSections(tokenizers: readonly TokenizerStats[], words: Words): Section[] {
  const files = shortNames(tokenizers[0]!.texts.map(({ path }) => path));
  const names = shortNames(tokenizers.map(({ path }) => path));
  const chart = (title: string, value: (text: TextStats) => number, digits: number): Section => ({
    kind: "chart",
    title,
    chart: bars(tokenizers, files, (one, k) => value(one.texts[k]!), title, digits),
  });
  const rows = files.flatMap((file, k) =>
    tokenizers.map((one, i): Cell[] => {
      const text = one.texts[k]!;
      const ratios = [number(text.tokensPerLine, 2), number(text.charactersPerToken, 3)];
      const shares = [share(text.byteShare), share(text.unknownShare)];
      const counts = [number(text.lines), number(text.characters), number(text.tokens)];
      return [file, names[i], ...counts, ...ratios, ...shares];
    }),
  );
  const numbers = [words.lines, words.characters, words.tokens, words.tokensPerLine, words.charactersPerToken];
  return [
    chart(words.tokensPerLine, (text) => text.tokensPerLine, 2),
    chart(words.charactersPerToken, (text) => text.charactersPerToken, 3),
    {
      kind: "table",
      title: words.perFile,
      table: {
        columns: [left(words.file), left(words.tokenizer), ...[...numbers, words.bytes, words.unknown].map(right)],
        rows,
      },
      note: words.bytesNote,
    },
  ];
}

function pieceSections(tokenizers: readonly TokenizerStats[], words: Words): Section[] {
  const names = shortNames(tokenizers.map(({ path }) => path));
  const named = (title: string, i: number) => (tokenizers.length === 1 ? title : `${title} · ${names[i]}`);
  const sections: Section[] = [];
  for (const [i, one] of tokenizers.entries()) {
    if (one.usage === undefined) continue;
    sections.push({
      kind: "table",
      title: named(words.frequent, i),
      table: {
        columns: [left(words.rank), left(words.piece), right("id"), right(words.count), right(words.share)],
        rows: one.usage.frequent.map((row, rank): Cell[] => [
          number(rank + 1),
          shownPiece(row.piece),
          number(row.id),
          number(row.count),
          share(row.share),
        ]),
      },
    });
  }
  const depth = Math.max(0, ...tokenizers.map((one) => one.longest.length));
  sections.push({
    kind: "table",
    title: words.longest,
    table: {
      columns: names.flatMap((name) => [left(name), right(words.characters)]),
      rows: Array.from({ length: depth }, (_, i) =>
        tokenizers.flatMap((one): Cell[] => {
          const row = one.longest[i];
          return row === undefined ? ["", ""] : [shownPiece(row.piece), number(row.characters)];
        }),
      ),
    },
  });
  for (const [i, one] of tokenizers.entries()) {
    if (one.usage === undefined) continue;
    const { neverUsed, neverUsedShare, neverUsedPieces } = one.usage;
    const summary = `${neverUsed} (${(100 * neverUsedShare).toFixed(2)}%). ${words.neverNote}`;
    const paragraphs = neverUsed === 0 ? [summary] : [summary, neverUsedPieces.map(shownPiece).join("  ")];
    sections.push({ kind: "text", title: named(words.neverUsed, i), paragraphs });
  }
  return sections;
}
