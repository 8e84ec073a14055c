// belle-train eval judge

import { basename, extname, join } from "node:path";
import { judgeSchema } from "../../config/judge.ts";
import { loadConfig, parseConfig } from "../../config/load.ts";
import { readAnswers } from "../../eval/answers.ts";
import { loadEvalSet, sampleStratified } from "../../eval/eval_set.ts";
import { evaluateByJudge, type JudgeEvaluationOptions, judgeItems } from "../../eval/evaluate.ts";
import type { Evaluation } from "../../eval/summary.ts";
import { clientFromConfig } from "../../judge/from_config.ts";
import { estimateJudge } from "../../judge/judge.ts";
import { BelleError } from "../../native/errors.ts";
import { evalReport, scoresTable } from "../../report/eval_report.ts";
import { writeReport } from "../../report/write.ts";
import { type Context, defineCommand } from "../command.ts";
import { exitCodes } from "../failure.ts";

/** The judge's service failed, but everything paid for is in the journal. */
const resumable = new Set(["ERR_BELLE_HTTP", "ERR_BELLE_TIMEOUT", "ERR_BELLE_QUOTA"]);

export const command = defineCommand({
  positionals: {
    answers: {
      type: "string",
      required: true,
      text: {
        en: 'JSON Lines of {"id" or "question", "answer"}',
        zh: 'JSON Lines，每行为 {"id" 或 "question", "answer"}',
      },
    },
  },
  options: {
    questions: {
      type: "string",
      required: true,
      text: {
        en: "Evaluation set, JSON Lines of question, class, std_answer (BELLE's eval_set.json)",
        zh: "评测集，JSON Lines：question、class、std_answer（即 BELLE 的 eval_set.json）",
      },
    },
    config: {
      type: "string",
      text: {
        en: "YAML file of the judge; see `belle-train config schema --document judge`",
        zh: "评审模型的 YAML 文件；参见 `belle-train config schema --document judge`",
      },
    },
    set: {
      type: "strings",
      text: {
        en: "Judge option: model=gpt-4o, repeats=3 (repeatable)",
        zh: "评审选项：model=gpt-4o、repeats=3（可重复）",
      },
    },
    out: { type: "string", required: true, text: { en: "Folder of the results", zh: "结果文件夹" } },
    name: {
      type: "string",
      text: {
        en: "Name of the model that answered; default: the answers' file name",
        zh: "作答模型的名称；默认为回答文件名",
      },
    },
    "data-size": {
      type: "number",
      text: {
        en: "Training examples of that model, for charts over data size",
        zh: "该模型的训练数据量，用于绘制数据量曲线",
      },
    },
    limit: {
      type: "number",
      text: { en: "Judge this many questions, in proportion to the categories", zh: "按类别比例抽取的题数" },
    },
    seed: {
      type: "number",
      default: 0,
      text: { en: "Seed of the sample and the bootstrap", zh: "抽样与自助法的随机种子" },
    },
    canaries: {
      type: "number",
      default: 5,
      text: {
        en: "Worthless, manipulative and reference answers judged along, of each kind; 0: none",
        zh: "一并评审的空话、操纵性回答与参考答案的数量（各类）；0 表示不用",
      },
    },
    delimited: {
      type: "boolean",
      default: false,
      text: {
        en: "Fence the answer in the judge's message against injection; not comparable with the papers",
        zh: "在消息中用定界符隔离回答以防注入；得分与论文不可比",
      },
    },
    ambiguous: {
      type: "string",
      choices: ["reject", "first", "last"],
      default: "reject",
      text: { en: "What several different scores in one verdict mean", zh: "一条评语含多个不同分数时的处理" },
    },
    rescale: {
      type: "number",
      default: 1,
      text: {
        en: "Divide plain scores by this, for judges that score out of 5",
        zh: "将分数除以该值，用于按 5 分制打分的评审模型",
      },
    },
    "max-calls": { type: "number", text: { en: "Stop after this many calls", zh: "最多调用次数" } },
    "dry-run": {
      type: "boolean",
      default: false,
      text: { en: "Count calls and characters, and send nothing", zh: "只统计调用次数与字数，不发送" },
    },
  },
  resumable: true,
  examples: [
    [
      "belle-train eval judge answers.jsonl --questions eval_set.json --set model=gpt-4o --set repeats=3 --out runs/judge",
      { en: "the papers' protocol; run again to go on after a stop", zh: "论文的评测方式；中断后重新运行即可继续" },
    ],
  ],
  async run(args, context) {
    const { language } = context;
    const load = { set: args.set, language };
    const section =
      args.config === undefined
        ? parseConfig("", "--set", judgeSchema, load)
        : await loadConfig(args.config, judgeSchema, load);
    const { items: all } = await loadEvalSet(args.questions);
    const items = args.limit === undefined ? all : sampleStratified(all, args.limit, args.seed);
    // A file with answers to the whole set serves a sample of it, too.
    const given = await readAnswers(args.answers, items);
    const options: JudgeEvaluationOptions = {
      name: args.name ?? basename(args.answers, extname(args.answers)),
      items,
      answers: given,
      ...(args["data-size"] === undefined ? {} : { dataSize: args["data-size"] }),
      client: clientFromConfig(section),
      folder: args.out,
      prompts: section.prompts,
      gold: section.gold,
      assembly: args.delimited ? "delimited" : "published",
      repeats: section.repeats,
      temperature: section.temperature,
      max_tokens: section.max_tokens,
      ambiguous: args.ambiguous,
      rescale: args.rescale,
      canaries: args.canaries,
      seed: args.seed,
      signal: context.signal,
      ...(args["max-calls"] === undefined ? {} : { maxCalls: args["max-calls"] }),
    };
    if (args["dry-run"]) {
      const estimate = estimateJudge({ ...options, items: judgeItems(options) });
      const { calls, promptCharacters } = estimate;
      context.result({ type: "estimate", ...estimate }, () =>
        context.text({
          en: `${estimate.items} answers, ${calls} calls, ${promptCharacters} characters of prompts`,
          zh: `${estimate.items} 个回答，${calls} 次调用，提示共 ${promptCharacters} 字`,
        }),
      );
      return exitCodes.done;
    }
    let evaluation: Evaluation;
    try {
      evaluation = await run(options, context);
    } catch (error) {
      if (!(error instanceof BelleError) || !resumable.has(error.code)) throw error;
      context.warn({ en: error.message, zh: error.message });
      context.event({ error: { code: error.code, message: error.message, details: error.details } });
      return exitCodes.resumable;
    }
    const inputs = [evaluation];
    const path = join(args.out, "report.html");
    await writeReport(path, evalReport(inputs, { language }), scoresTable(inputs, language));
    const { averages } = evaluation.summary;
    const macro = averages.macros[0];
    const value = (mean: number | undefined) => (mean === undefined ? "–" : mean.toFixed(3));
    const score = `${value(macro?.mean)} (n = ${averages.items.n} / ${averages.items.items})`;
    context.summary(
      { type: "summary", report: path, summary: evaluation.summary },
      { en: `macro average ${score}; ${path}`, zh: `宏平均 ${score}；${path}` },
    );
    if ((evaluation.summary.canaries?.alarms.length ?? 0) > 0)
      context.warn({
        en: "The judge failed its canaries; do not trust these scores. The report says which.",
        zh: "评审模型未通过探针检验，这些得分不可信；详见报告。",
      });
    return exitCodes.done;
  },
});

/** Runs the evaluation with a progress line. */
async function run(options: JudgeEvaluationOptions, context: Context): Promise<Evaluation> {
  const progress = context.progress({ en: "judging", zh: "评审" });
  try {
    const events = evaluateByJudge(options);
    for (;;) {
      const next = await events.next();
      if (next.done === true) return next.value;
      const event = next.value;
      context.event(event);
      if (event.type !== "progress") continue;
      const { counts } = event;
      progress.update({
        done: event.done,
        total: event.total,
        unit: context.text({ en: "answer", zh: "个回答" }),
        fields: {
          tokens: String(counts.promptTokens + counts.completionTokens),
          unscored: String(event.done - counts.scored),
        },
      });
    }
  } finally {
    progress.finish();
  }
}
