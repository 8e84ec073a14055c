// belle-train quickstart
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { BelleError } from "../../native/errors.ts";
import { quickstart } from "../../recipes/quickstart.ts";
import { type Context, defineCommand } from "../command.ts";
import { recipeView } from "../views/recipe_view.ts";

export const command = defineCommand({
  options: {
    output: {
      type: "string",
      default: "belle-quickstart",
      text: { en: "Folder of everything it writes", zh: "全部输出所在的文件夹" },
    },
    fresh: {
      type: "boolean",
      default: false,
      text: { en: "Remove an earlier run in that folder first", zh: "先删除该文件夹中以前的运行" },
    },
  },
  resumable: true,
  examples: [
    [
      "belle-train quickstart",
      { en: "the whole chain on a small scale, in minutes on two cores", zh: "在双核机器上几分钟走完整个流程" },
    ],
  ],
  async run(args, context) {
    const output = resolve(args.output);
    if (args.fresh) await removeEarlierRun(output, context);
    const view = recipeView(context);
    const started = performance.now();
    try {
      const { before, after, report, ...result } = await quickstart(output, {
        language: context.language,
        signal: context.signal,
        onEvent: view.onEvent,
      });
      view.finish();
      const seconds = (performance.now() - started) / 1000;
      const score = (evaluation: typeof after | undefined) => evaluation?.summary.averages.macros[0]?.mean;
      const scores = { before: score(before), after: score(after) };
      context.note({
        en: `Scores by rule, macro average: ${scores.before?.toFixed(3)} before, ${scores.after?.toFixed(3)} after fine-tuning. ${seconds.toFixed(0)} s in all.`,
        zh: `规则评分宏平均：微调前 ${scores.before?.toFixed(3)}，微调后 ${scores.after?.toFixed(3)}。共 ${seconds.toFixed(0)} 秒。`,
      });
      context.result({ type: "summary", ...result, scores, seconds, report }, () => report);
    } finally {
      view.finish();
    }
  },
});

async function removeEarlierRun(output: string, context: Context): Promise<void> {
  if (!existsSync(output)) return;
  if (!existsSync(join(output, "stages"))) {
    throw new BelleError(
      "ERR_BELLE_USAGE",
      context.text({
        en: `${output}: exists and is not the output of an earlier quickstart; choose another --output.`,
        zh: `${output}：已存在，且不是以前 quickstart 的输出；请换一个 --output。`,
      }),
    );
  }
  await rm(output, { recursive: true });
}
