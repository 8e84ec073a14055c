// A model folder that replaces the one before it: the earlier stays whole until the new one is.
import { existsSync, readdirSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { workingPath } from "../data/files.ts";
import type { DType } from "../model/load_options.ts";
import type { Model } from "../model/model.ts";
import { BelleError } from "../native/errors.ts";

/**
 * Saves beside `folder`, then exchanges: the model, or of a model with an adapter that alone. Throws ERR_BELLE_IO where
 * `folder` holds something we did not write.
 */
export async function saveModel(
  model: Model,
  folder: string,
  extraFiles: readonly string[],
  dtype: DType = model.dtype,
): Promise<string> {
  if (existsSync(folder) && readdirSync(folder).length > 0 && !existsSync(join(folder, "MANIFEST.json"))) {
    throw new BelleError(
      "ERR_BELLE_IO",
      `${folder}: holds files that belle-train did not write; move them away, then run the same command again.`,
    );
  }
  const fresh = workingPath(folder, "new");
  if (model.adapter === undefined) await model.save(fresh, { extraFiles, dtype });
  else await model.saveAdapter(fresh, { extraFiles, dtype });
  if (!existsSync(folder)) {
    await rename(fresh, folder);
    return folder;
  }
  const old = workingPath(folder, "old");
  await rename(folder, old);
  await rename(fresh, folder);
  await rm(old, { recursive: true, force: true });
  return folder;
}
