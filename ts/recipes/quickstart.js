// The quickstart: extend-and-tune over the texts, questions and small base model that come with the package.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseConfig } from "../config/load.js";
import { extendAndTune } from "./extend_and_tune/recipe.js";
import { extendAndTuneSchema } from "./extend_and_tune/schema.js";
/** The embedded material; ts/recipes and dist/recipes are both two folders below the package. */
export const quickstartAssets = fileURLToPath(new URL("../../assets/quickstart", import.meta.url));
/** run.yaml with `{assets}` and `{output}` filled in. The file is a template a user can copy. */
export function quickstartConfig(output) {
    const path = join(quickstartAssets, "run.yaml");
    // JSON text of a path is a valid YAML scalar whatever characters it holds.
    const inner = (folder) => JSON.stringify(folder).slice(1, -1);
    const text = readFileSync(path, "utf8")
        .replaceAll("{assets}", inner(quickstartAssets))
        .replaceAll("{output}", inner(output));
    return parseConfig(text, path, extendAndTuneSchema);
}
export async function quickstart(output, options) {
    return extendAndTune(quickstartConfig(output), options);
}
