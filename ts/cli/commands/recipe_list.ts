// belle-train recipe list
import { recipes } from "../../recipes/registry.ts";
import { defineCommand } from "../command.ts";

export const command = defineCommand({
  async run(_args, context) {
    const list = recipes.map(({ name, summary }) => ({ name, summary: context.text(summary) }));
    const width = Math.max(...list.map(({ name }) => name.length)) + 2;
    context.result({ recipes: list }, () => list.map(({ name, summary }) => name.padEnd(width) + summary).join("\n"));
  },
});
