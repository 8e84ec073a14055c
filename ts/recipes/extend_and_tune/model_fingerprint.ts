// The identity of a model folder: of every file that decides what the model computes.
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fingerprint } from "../../config/fingerprint.ts";
import { BelleError } from "../../native/errors.ts";
import { fileFingerprint } from "./tokenizer_stage.ts";

/**
 * sha256 of the manifest, which holds every file's own, in a folder we wrote; of another folder's config and weights
 * themselves. Throws ERR_BELLE_NOT_FOUND for a folder that is not there.
 */
export async function modelFingerprint(folder: string, signal: AbortSignal | undefined): Promise<string> {
  const manifest = join(folder, "MANIFEST.json");
  if (existsSync(manifest)) return fileFingerprint(manifest, signal);
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new BelleError("ERR_BELLE_NOT_FOUND", `${folder}: no such model folder; check model.path.`, { cause });
  });
  const files: Record<string, string> = {};
  for (const name of names.filter((entry) => entry === "config.json" || entry.includes(".safetensors")).sort()) {
    files[name] = await fileFingerprint(join(folder, name), signal);
  }
  return fingerprint(files);
}
