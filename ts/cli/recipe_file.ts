// The recipe that a YAML file names.
import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { BelleError } from "../native/errors.ts";
import { type Recipe, recipes } from "../recipes/registry.ts";
import type { Context } from "./command.ts";

/** The value of the key `recipe`, undefined without one; "unreadable" is what loadConfig says better. */
async function recipeKey(path: string): Promise<{ name: unknown } | "unreadable"> {
  try {
    const value: unknown = parse(await readFile(path, "utf8"));
    return { name: typeof value === "object" && value !== null && "recipe" in value ? value.recipe : undefined };
  } catch {
    return "unreadable";
  }
}

/** Whether it is the YAML of a recipe rather than of a run. */
export async function isRecipe(path: string): Promise<boolean> {
  const key = await recipeKey(path);
  return key !== "unreadable" && key.name !== undefined;
}

/** Its schema reports everything else that is wrong in the file. ERR_BELLE_CONFIG for a name that is none. */
export async function recipeOf(path: string, context: Context): Promise<Recipe> {
  const key = await recipeKey(path);
  if (key === "unreadable") return recipes[0]!;
  const found = recipes.find((recipe) => recipe.name === key.name);
  if (found !== undefined) return found;
  const names = recipes.map((recipe) => recipe.name).join(", ");
  const missing = key.name === undefined;
  const given = JSON.stringify(key.name);
  throw new BelleError(
    "ERR_BELLE_CONFIG",
    context.text({
      en: `${path}: recipe: ${missing ? "is missing; it" : `is ${given}; it`} must be one of ${names}.`,
      zh: `${path}：recipe：${missing ? "缺失；" : `现在是 ${given}；`}必须是以下之一：${names}。`,
    }),
  );
}
