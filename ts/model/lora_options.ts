// An adapter as a caller asks for it, completed and checked.
import { loraSchema } from "../config/train.ts";
import type { NativeLoraOptions } from "../native/binding.ts";
import { BelleError } from "../native/errors.ts";

// Those of the YAML.
const defaults = loraSchema.parse({});

export interface LoraOptions {
  /** Rank. Default 8. */
  r?: number;
  /** The adapter's output is scaled by loraAlpha / r. Default 16. */
  loraAlpha?: number;
  /**
   * Linear layers by the end of their names, e.g. ["q_proj", "v_proj"]. Default "all-linear": every one of the blocks.
   */
  targetModules?: "all-linear" | readonly string[];
  /** The embeddings (all of them), trained whole beside the adapter and saved with it. Default none. */
  modulesToSave?: readonly string[];
  /** Of the fresh matrix A; B starts at 0. Default 0. */
  seed?: number;
}

/** What a model's adapter is; every name spelt out. */
export interface Adapter {
  r: number;
  loraAlpha: number;
  targetModules: string[];
  modulesToSave: string[];
}

export function loraOptions(options: LoraOptions): NativeLoraOptions {
  const { r = defaults.r, loraAlpha = defaults.lora_alpha, seed = 0 } = options;
  const { targetModules = defaults.target_modules, modulesToSave = defaults.modules_to_save } = options;
  if (targetModules !== "all-linear" && !Array.isArray(targetModules)) {
    throw new BelleError(
      "ERR_BELLE_INVALID_ARGUMENT",
      `targetModules must be "all-linear" or an array of names, not ${JSON.stringify(targetModules)}.`,
    );
  }
  const targets = targetModules === "all-linear" ? [targetModules] : [...targetModules];
  return { r, loraAlpha, targetModules: targets, modulesToSave: [...modulesToSave], seed };
}
