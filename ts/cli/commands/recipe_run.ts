// belle-train recipe run
import { loadConfig } from "../../config/load.ts";
import { defineCommand } from "../command.ts";
import { recipeOf } from "../recipe_file.ts";
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
