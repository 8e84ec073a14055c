// belle-train recipe run
import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { loadConfig } from "../../config/load.ts";
import { BelleError } from "../../native/errors.ts";
import { recipes } from "../../recipes/registry.ts";
import { type Context, defineCommand } from "../command.ts";
import { recipeView } from "../views/recipe_view.ts";

export const command = defineCommand({
  positionals: {
    config: {
      type: "string",
      required: true,
      text: { en: "YAML file whose key `recipe` names the recipe", zh: "YAML 文件，其中 recipe 键为配方名称" },
    },
  },
  options: {
    set: {
      type: "strings",
      text: {
        en: "Override a value: finetune.train.learning_rate=1e-5 (repeatable)",
        zh: "覆盖某个值：finetune.train.learning_rate=1e-5（可重复）",
      },
    },
  },
  resumable: true,
  examples: [
    [
      "belle-train recipe run run.yaml",
      { en: "run, or go on where an interrupted run stopped", zh: "运行，或从中断处继续" },
    ],
  ],
  async run(args, context) {
    const recipe = await recipeOf(args.config, context);
    const config = await loadConfig(args.config, recipe.schema, { set: args.set, language: context.language });
    const view = recipeView(context);
    try {
      const result = await recipe.run(config, {
        language: context.language,
        signal: context.signal,
        onEvent: view.onEvent,
      });
      view.finish();
      context.result({ type: "summary", ...result }, () => result.report);
    } finally {
      view.finish();
    }
  },
});

/** The recipe a file names; the schema of that recipe then reports everything else that is wrong in it. */
async function recipeOf(path: string, context: Context): Promise<(typeof recipes)[number]> {
  const names = recipes.map((recipe) => recipe.name).join(", ");
  let name: unknown;
  try {
    const value: unknown = parse(await readFile(path, "utf8"));
    name = typeof value === "object" && value !== null && "recipe" in value ? value.recipe : undefined;
  } catch {
    // loadConfig says it better, with the line and column.
    return recipes[0]!;
  }
  const found = recipes.find((recipe) => recipe.name === name);
  if (found !== undefined) return found;
  const missing = name === undefined;
  const given = JSON.stringify(name);
  throw new BelleError(
    "ERR_BELLE_CONFIG",
    context.text({
      en: `${path}: recipe: ${missing ? "is missing; it" : `is ${given}; it`} must be one of ${names}.`,
      zh: `${path}：recipe：${missing ? "缺失；" : `现在是 ${given}；`}必须是以下之一：${names}。`,
    }),
  );
}
