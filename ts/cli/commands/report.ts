// belle-train report

import { dirname, join } from "node:path";
import { readScores, readSummary } from "../../eval/summary.ts";
import { type EvalReportInput, evalReport, scoresTable } from "../../report/eval_report.ts";
import { writeReport } from "../../report/write.ts";
import { defineCommand } from "../command.ts";

export const command = defineCommand({
  positionals: {
    summaries: {
      type: "strings",
      required: true,
      text: {
        en: "summary.json files of evaluations; several are compared",
        zh: "评测的 summary.json 文件；给出多个时进行对比",
      },
    },
  },
  options: {
    out: {
      type: "strings",
      required: true,
      text: {
        en: "File to write: .html, .md, .csv or .json (repeatable)",
        zh: "输出文件：.html、.md、.csv 或 .json（可重复）",
      },
    },
    title: { type: "string", text: { en: "Title of the report", zh: "报告标题" } },
    samples: { type: "number", default: 20, text: { en: "Answers to show", zh: "展示的回答数" } },
  },
  examples: [
    [
      "belle-train report runs/a/summary.json runs/b/summary.json --out compare.html",
      { en: "two models side by side", zh: "对比两个模型" },
    ],
  ],
  async run(args, context) {
    const { language } = context;
    const inputs: EvalReportInput[] = [];
    for (const path of args.summaries) {
      const summary = await readSummary(path);
      inputs.push({ summary, scores: args.samples > 0 ? await readScores(join(dirname(path), "scores.jsonl")) : [] });
    }
    const title = args.title === undefined ? {} : { title: args.title };
    const report = evalReport(inputs, { language, samples: args.samples, ...title });
    const table = scoresTable(inputs, language);
    for (const path of args.out) await writeReport(path, report, table);
    const files = args.out.join(", ");
    context.summary({ type: "summary", files: args.out }, { en: `wrote ${files}`, zh: `已写出 ${files}` });
  },
});
