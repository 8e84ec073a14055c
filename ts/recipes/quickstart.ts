// The quickstart: extend-and-tune over the texts, questions and small base model that come with the package.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseConfig } from "../config/load.ts";
import type { RecipeOptions } from "./extend_and_tune/recipe.ts";
import { extendAndTune } from "./extend_and_tune/recipe.ts";
import type { ExtendAndTuneResult } from "./extend_and_tune/result.ts";
import { type ExtendAndTuneConfig, extendAndTuneSchema } from "./extend_and_tune/schema.ts";

/** The embedded material; ts/recipes and dist/recipes are both two folders below the package. */
export const quickstartAssets = fileURLToPath(new URL("../../assets/quickstart", import.meta.url));

/** run.yaml with `{assets}` and `{output}` filled in. The file is a template a user can copy. */
export function quickstartConfig(output: string): ExtendAndTuneConfig {
  const path = join(quickstartAssets, "run.yaml");
  // JSON text of a path is a valid YAML scalar whatever characters it holds.
  const inner = (folder: string) => JSON.stringify(folder).slice(1, -1);
  const text = readFileSync(path, "utf8")
    .replaceAll("{assets}", inner(quickstartAssets))
    .replaceAll("{output}", inner(output));
  return parseConfig(text, path, extendAndTuneSchema);
}

export async function quickstart(output: string, options: RecipeOptions): Promise<ExtendAndTuneResult> {
  return extendAndTune(quickstartConfig(output), options);
}
