// A merge report as text.
import type { Text } from "../../config/language.ts";
import { visible } from "../../report/visible.ts";
import type { MergeEffect, MergeReport } from "../../tokenizer/merge_vocabulary.ts";

type Tell = (text: Text) => string;

const shownExamples = 3;

function percent(share: number): string {
  return `${(100 * share).toFixed(2)}%`;
}

/** Whether and why old text must encode as before. */
function guaranteeLine({ guarantee }: MergeReport): Text {
  if (guarantee.holds) {
    return {
      en: "guarantee: holds. Every new piece has a Han character and a score of its own below every old one, so text without Han characters encodes as before",
      zh: "保证：成立。每个新词元都含汉字，分数互不相同且低于所有旧分数，因此不含汉字的文本编码不变",
    };
  }
  const { newWithoutHan, belowOldScores, distinctScores } = guarantee;
  const low = belowOldScores
    ? { en: "below every old score", zh: "低于所有旧分数" }
    : { en: "not all below the old scores", zh: "并非都低于旧分数" };
  const distinct = distinctScores ? { en: "distinct", zh: "互不相同" } : { en: "not distinct", zh: "有重复" };
  return {
    en: `guarantee: none. ${newWithoutHan} new pieces have no Han character; new scores are ${distinct.en} and ${low.en}`,
    zh: `保证：无。${newWithoutHan} 个新词元不含汉字；新分数${distinct.zh}，${low.zh}`,
  };
}

function effectLines(name: Text, effect: MergeEffect, tell: Tell): string[] {
  const { lines, changed, changedShare, changedWithoutHan, examples } = effect;
  const perLine = `${effect.tokensPerLineBefore.toFixed(2)} → ${effect.tokensPerLineAfter.toFixed(2)}`;
  const perToken = `${effect.charactersPerTokenBefore.toFixed(3)} → ${effect.charactersPerTokenAfter.toFixed(3)}`;
  const counts = tell({
    en: `${name.en}: ${lines} lines, ${changed} encode otherwise (${percent(changedShare)}), ${changedWithoutHan} of them without Han characters; tokens/line ${perLine}, characters/token ${perToken}`,
    zh: `${name.zh}：${lines} 行，${changed} 行编码改变（${percent(changedShare)}），其中 ${changedWithoutHan} 行不含汉字；token/行 ${perLine}，字符/token ${perToken}`,
  });
  const shown = examples.slice(0, shownExamples).map(({ file, line, before, after }) => {
    const pieces = (list: string[]) => list.map(visible).join(" ");
    return `  ${visible(file)}:${line}  ${pieces(before)}  →  ${pieces(after)}`;
  });
  return [counts, ...shown];
}

/** Whether a Hugging Face folder of the merged tokenizer would encode the target text equally. */
function exportLine(effect: NonNullable<MergeReport["hfExport"]>): Text {
  if ("refused" in effect) {
    return {
      en: `as a Hugging Face folder: not possible, ${effect.refused}`,
      zh: `写成 Hugging Face 文件夹：不可行，${effect.refused}`,
    };
  }
  const { lines, differing, lost } = effect;
  const share = percent(differing / lines);
  return {
    en: `as a Hugging Face folder: ${differing} of the ${lines} target lines encode differently (${share}); ${lost} pieces cannot be made there`,
    zh: `写成 Hugging Face 文件夹：目标文本 ${lines} 行中 ${differing} 行编码不同（${share}）；${lost} 个词元在那里无法合成`,
  };
}

/** Lines after the one that counts the rows. */
export function mergeView(report: MergeReport, tell: Tell): string[] {
  const { deadOld, deadOldPieces, deadNew, deadNewPieces, paddedRows8, paddedRows64, paddedRows128 } = report;
  const named = (count: number, pieces: string[]) =>
    count === 0 ? "0" : `${count} (${pieces.slice(0, 8).map(visible).join(" ")}${count > 8 ? " …" : ""})`;
  const lines = [
    tell({
      en: `unreachable pieces: old ${named(deadOld, deadOldPieces)}; new ${named(deadNew, deadNewPieces)}`,
      zh: `不可达的词元：旧 ${named(deadOld, deadOldPieces)}；新 ${named(deadNew, deadNewPieces)}`,
    }),
    tell({
      en: `rows padded to multiples of 8, 64, 128: ${paddedRows8}, ${paddedRows64}, ${paddedRows128}`,
      zh: `行数取整到 8、64、128 的倍数：${paddedRows8}、${paddedRows64}、${paddedRows128}`,
    }),
    tell(guaranteeLine(report)),
  ];
  if (report.protected !== undefined) {
    lines.push(...effectLines({ en: "protected text", zh: "受保护文本" }, report.protected, tell));
  }
  if (report.target !== undefined) {
    lines.push(...effectLines({ en: "target text", zh: "目标文本" }, report.target, tell));
  }
  if (report.hfExport !== undefined) lines.push(tell(exportLine(report.hfExport)));
  return lines;
}
