// The identity of a model folder, and of the weights a run starts from.
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fingerprint } from "../config/fingerprint.ts";
import type { RunConfig } from "../config/run.ts";
import { hashFile } from "../data/byte_stream.ts";
import { throwIfAborted } from "../native/abort.ts";
import { BelleError } from "../native/errors.ts";

/**
 * sha256 of the manifest, which holds every file's own, in a folder we wrote; of another folder's config and weights
 * themselves. Throws ERR_BELLE_NOT_FOUND for a folder that is not there.
 */
export async function modelFingerprint(folder: string, signal: AbortSignal | undefined): Promise<string> {
  const manifest = join(folder, "MANIFEST.json");
  if (existsSync(manifest)) return (await hashFile(manifest)).sha256;
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new BelleError("ERR_BELLE_NOT_FOUND", `${folder}: no such model folder; check model.path.`, { cause });
  });
  const files: Record<string, string> = {};
  for (const name of names.filter((entry) => /^(adapter_)?config\.json$|\.safetensors/.test(entry)).sort()) {
    files[name] = (await hashFile(join(folder, name), signal)).sha256;
    throwIfAborted(signal, "Reading the model");
  }
  return fingerprint(files);
}

/** The identity of the weights that `model` describes, before their first step. */
export async function startingPoint(
  model: RunConfig["model"],
  tokenizer: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { path, create = null, resize, adapter } = model;
  const weights = path === undefined ? null : await modelFingerprint(path, signal);
  const merge = resize?.sub_tokens === undefined ? null : (await hashFile(resize.sub_tokens, signal)).sha256;
  const extension = resize === undefined ? null : { init: resize.init, multiple: resize.pad_to_multiple_of, merge };
  const adapted = adapter === undefined ? {} : { adapter: await modelFingerprint(adapter, signal) };
  return fingerprint({ weights, create, tokenizer, extension, ...adapted });
}
