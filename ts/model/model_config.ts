// The config.json of a model folder, as text.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { BelleError } from "../native/errors.ts";

/** Throws ERR_BELLE_NOT_FOUND for a folder without one. */
export async function modelConfig(folder: string): Promise<string> {
  const file = join(folder, "config.json");
  return readFile(file, "utf8").catch((cause: unknown) => {
    throw new BelleError("ERR_BELLE_NOT_FOUND", `${file}: cannot be read; name a Hugging Face model folder.`, {
      cause,
    });
  });
}
