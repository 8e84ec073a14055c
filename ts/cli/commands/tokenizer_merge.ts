// belle-train tokenizer merge
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { saveMergeReport } from "../../tokenizer/merge_report.ts";
import { mergeVocabulary } from "../../tokenizer/merge_vocabulary.ts";
import { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { defineCommand } from "../command.ts";

export const command = defineCommand({
  positionals: {
    base: { type: "string", required: true, text: { en: "Tokenizer whose ids stay", zh: "id 保持不变的基础分词器" } },
    addition: {
      type: "string",
      required: true,
      text: { en: "Tokenizer whose pieces are appended", zh: "追加其词元的分词器" },
    },
  },
  options: {
    output: {
      type: "string",
      required: true,
      text: {
        en: "Folder of tokenizer.model and merge-report.json",
        zh: "tokenizer.model 与 merge-report.json 的输出文件夹",
      },
    },
    mode: {
      type: "string",
      choices: ["safe", "belle", "chinese-llama"],
      default: "safe",
      text: {
        en: "safe: other text encodes as before; belle: with trained scores; chinese-llama: with score 0",
        zh: "safe：其他文本编码不变；belle：保留训练分数；chinese-llama：分数为 0",
      },
    },
  },
  examples: [
    [
      "belle-train tokenizer merge llama/ zh/ --output merged/",
      { en: "extend LLaMA's vocabulary", zh: "扩充 LLaMA 词表" },
    ],
  ],
  async run(args, context) {
    const [base, addition] = [await Tokenizer.load(args.base), await Tokenizer.load(args.addition)];
    const { tokenizer, report } = await mergeVocabulary(base, addition, { mode: args.mode });
    await mkdir(args.output, { recursive: true });
    await tokenizer.save(join(args.output, "tokenizer.model"));
    await saveMergeReport(args.output, args.mode, report);
    const { subTokens, deadOldPieces, ...counts } = report;
    const { baseRows, added, shared, leftOut, rows, deadOld } = counts;
    context.summary(
      { output: args.output, mode: args.mode, ...counts, fingerprint: tokenizer.fingerprint },
      {
        en: `Wrote ${args.output}: ${baseRows} + ${added} = ${rows} rows (${shared} shared, ${leftOut} left out, ${deadOld} old pieces no longer reachable)`,
        zh: `写出 ${args.output}：${baseRows} + ${added} = ${rows} 行（重复 ${shared}，未追加 ${leftOut}，旧词元失效 ${deadOld}）`,
      },
    );
  },
});
