// What Hugging Face's rules would encode differently, as text.
import type { Text } from "../../config/language.ts";
import { visible } from "../../report/visible.ts";
import type { ExportCheck } from "../../tokenizer/export_tokenizer.ts";

const [shownExamples, shownPieces] = [3, 8];

/** Lines after the one that names the files. */
export function exportView(check: ExportCheck, tell: (text: Text) => string): string[] {
  const { lines, differing, share, lost, lostPieces, examples } = check;
  const percent = `${(100 * share).toFixed(2)}%`;
  const pieces = (list: string[]) => list.map(visible).join(" ");
  const named =
    lost === 0 ? "0" : `${lost} (${pieces(lostPieces.slice(0, shownPieces))}${lost > shownPieces ? " …" : ""})`;
  return [
    tell({
      en: `checked: ${lines} lines, Hugging Face's rules encode ${differing} of them differently (${percent}); pieces they cannot make: ${named}`,
      zh: `检查：${lines} 行，其中 ${differing} 行按 Hugging Face 的规则编码不同（${percent}）；无法合成的词元：${named}`,
    }),
    ...examples
      .slice(0, shownExamples)
      .map(({ expected, exported }) => `  ${pieces(expected)}  →  ${pieces(exported)}`),
  ];
}
