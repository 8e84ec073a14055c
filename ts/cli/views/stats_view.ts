// Tokenizer statistics as text, with bars.
import type { Language } from "../../config/language.ts";
import type { TextStats, TokenizerStats } from "../../eval/tokenizer_stats.ts";
import { scriptNames } from "../../eval/vocabulary_stats.ts";
import { tokenizerLabels } from "../../report/tokenizer_labels.ts";
import { lengthBuckets, lengthNames, shortNames, shownPiece } from "../../report/tokenizer_report.ts";
import { visible } from "../../report/visible.ts";
import { displayWidth } from "../ui/progress.ts";
import { describe } from "../ui/table.ts";

const barColumns = 32;
const shownFrequent = 12;
const eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** A bar of eighths of columns; something above zero is never nothing. */
export function bar(value: number, highest: number): string {
  if (!(value > 0) || !(highest > 0)) return "";
  const steps = Math.max(1, Math.round((value / highest) * barColumns * 8));
  return "█".repeat(Math.floor(steps / 8)) + eighths[steps % 8]!;
}

function barLines(title: string, rows: ReadonlyArray<readonly [string, number]>, digits = 0): string {
  const shown = rows.map(([name, value]) => [name, value.toFixed(digits)] as const);
  const width = Math.max(0, ...shown.map(([name]) => displayWidth(name)));
  const numbers = Math.max(0, ...shown.map(([, value]) => value.length));
  const highest = Math.max(0, ...rows.map(([, value]) => value));
  const lines = shown.map(([name, value], i) =>
    `  ${name}${" ".repeat(width - displayWidth(name))}  ${value.padStart(numbers)}  ${bar(rows[i]![1], highest)}`.trimEnd(),
  );
  return `${title}\n${lines.join("\n")}\n`;
}

export function statsView(tokenizers: readonly TokenizerStats[], language: Language): string {
  const { words, script, type } = tokenizerLabels(language);
  const zh = language === "zh";
  const parts = tokenizers.map((one) => {
    const { vocabSize, hanPieces, unkId, bosId, eosId, padId, normalizer, fingerprint, usage } = one;
    const figures: Array<[string, string]> = [
      [words.tokenizer, visible(one.path)],
      [words.rows, String(vocabSize)],
      [words.hanPieces, String(hanPieces)],
      ["unk/bos/eos/pad", `${unkId} / ${bosId} / ${eosId} / ${padId}`],
      [words.normalizer, visible(normalizer)],
      [words.fingerprint, fingerprint],
      ...one.texts.flatMap((text) => textRows(text, zh)),
    ];
    if (usage !== undefined) {
      const percent = `${(100 * usage.neverUsedShare).toFixed(2)}%`;
      figures.push([words.neverUsed, `${usage.neverUsed} (${percent})`]);
    }
    const lengths = lengthBuckets(one);
    const blocks = [
      describe(figures),
      barLines(
        words.types,
        Object.entries(one.types).map(([name, count]) => [type(name), count]),
      ),
      barLines(
        words.scripts,
        scriptNames.filter((name) => one.scripts[name] !== undefined).map((name) => [script(name), one.scripts[name]!]),
      ),
      barLines(
        words.lengths,
        lengthNames().map((name, i) => [name, lengths[i]!]),
      ),
    ];
    if (usage !== undefined) {
      const rows = usage.frequent
        .slice(0, shownFrequent)
        .map(({ piece, count }) => [shownPiece(piece), count] as const);
      blocks.push(barLines(words.frequent, rows));
    }
    return blocks.join("\n");
  });
  if (tokenizers.length > 1) {
    const names = shortNames(tokenizers.map(({ path }) => path));
    for (const [k, text] of tokenizers[0]!.texts.entries()) {
      const rows = tokenizers.map((one, i) => [names[i]!, one.texts[k]!.tokensPerLine] as const);
      parts.push(barLines(`${words.tokensPerLine} · ${visible(text.path)}`, rows, 2));
    }
  }
  return parts.join("\n");
}

function textRows(text: TextStats, zh: boolean): Array<[string, string]> {
  const { lines, characters, tokens, unknownTokens, byteTokens } = text;
  const [perLine, perToken] = [text.tokensPerLine.toFixed(2), text.charactersPerToken.toFixed(3)];
  return [
    [
      visible(text.path),
      zh
        ? `${lines} 行，${characters} 字符，${tokens} token`
        : `${lines} lines, ${characters} characters, ${tokens} tokens`,
    ],
    [
      "",
      zh
        ? `${perLine} token/行，${perToken} 字符/token，未知 ${unknownTokens}，字节 ${byteTokens}`
        : `${perLine} tokens/line, ${perToken} characters/token, ${unknownTokens} unknown, ${byteTokens} bytes`,
    ],
  ];
}
