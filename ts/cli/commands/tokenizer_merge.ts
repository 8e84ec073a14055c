// belle-train tokenizer merge
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { saveMergeReport } from "../../tokenizer/merge_report.ts";
import { mergeVocabulary } from "../../tokenizer/merge_vocabulary.ts";
import { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { defineCommand } from "../command.ts";
import { mergeView } from "../views/merge_view.ts";

const phases = {
  merge: { en: "merging", zh: "合并" },
  protected: { en: "protected text", zh: "受保护文本" },
  target: { en: "target text", zh: "目标文本" },
  hfExport: { en: "target text as Hugging Face encodes it", zh: "按 Hugging Face 编码目标文本" },
} as const;

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
    protected: {
      type: "strings",
      text: {
        en: "Text whose encoding should stay, one a line; its changed lines are counted (repeatable)",
        zh: "编码应保持不变的文本，每行一条；统计其中改变的行（可重复）",
      },
    },
    target: {
      type: "strings",
      text: {
        en: "Text the new pieces are for; tokens per line before and after (repeatable)",
        zh: "新词元面向的文本；比较前后的每行 token 数（可重复）",
      },
    },
    "max-lines": {
      type: "number",
      text: { en: "Look at the first lines only, of each of the two", zh: "两类文本各只取前若干行" },
    },
  },
  examples: [
    [
      "belle-train tokenizer merge llama/ zh/ --output merged/",
      { en: "extend LLaMA's vocabulary", zh: "扩充 LLaMA 词表" },
    ],
    [
      "belle-train tokenizer merge llama/ zh/ --output merged/ --protected en.txt --target held_out.txt",
      { en: "and see what it does to texts", zh: "并查看对文本的影响" },
    ],
  ],
  async run(args, context) {
    const [base, addition] = [await Tokenizer.load(args.base), await Tokenizer.load(args.addition)];
    // Made before the work, so that a place that cannot be written costs nothing.
    await mkdir(args.output, { recursive: true });
    let phase: keyof typeof phases = "merge";
    let progress = context.progress(phases.merge);
    const { tokenizer, report } = await mergeVocabulary(base, addition, {
      mode: args.mode,
      ...(args.protected === undefined ? {} : { protectedText: args.protected }),
      ...(args.target === undefined ? {} : { targetText: args.target }),
      ...(args["max-lines"] === undefined ? {} : { maxLines: args["max-lines"] }),
      signal: context.signal,
      onProgress(state) {
        if (state.phase !== phase) {
          progress.finish();
          phase = state.phase;
          progress = context.progress(phases[phase]);
        }
        progress.update({ done: state.done, total: state.total });
      },
    }).finally(() => progress.finish());
    await tokenizer.save(join(args.output, "tokenizer.model"));
    await saveMergeReport(args.output, args.mode, report);
    const { subTokens, sharedPieces, addedPieces, leftOutPieces, deadOldPieces, deadNewPieces, ...counts } = report;
    const { baseRows, added, shared, leftOut, rows, deadOld } = counts;
    const details = mergeView(report, context.text).join("\n");
    context.summary(
      { output: args.output, mode: args.mode, ...counts, fingerprint: tokenizer.fingerprint },
      {
        en: `Wrote ${args.output}: ${baseRows} + ${added} = ${rows} rows (${shared} shared, ${leftOut} left out, ${deadOld} old pieces no longer reachable)\n${details}`,
        zh: `写出 ${args.output}：${baseRows} + ${added} = ${rows} 行（重复 ${shared}，未追加 ${leftOut}，旧词元失效 ${deadOld}）\n${details}`,
      },
    );
  },
});
