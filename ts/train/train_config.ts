// The `train` section to NativeTrainConfig: validated and completed by its schema, so that the library and the YAML
// accept the same keys with the same defaults.
import type { z } from "zod";
import { checkValue } from "../config/check.ts";
import { fingerprint } from "../config/fingerprint.ts";
import { trainSchema } from "../config/train.ts";
import type { NativeTrainConfig } from "../native/binding.ts";
import type { DType } from "../native/dtype.ts";

/**
 * Keys of the `train` section (docs/config.md), named as Hugging Face TrainingArguments. Unlike in YAML, output_dir has
 * no default: left out (or empty), no checkpoints are written.
 */
export type TrainConfig = Partial<z.input<typeof trainSchema>>;

// Keys that may differ between a run and its resumption without changing a step.
const free = new Set([
  "output_dir",
  "eval_steps",
  "eval_on_start",
  "save_steps",
  "save_total_limit",
  "peak_flops",
  "recompute",
]);

export function trainConfig(
  config: TrainConfig,
  extraFiles: readonly string[],
  dtype: DType,
  startsFrom?: string,
): NativeTrainConfig {
  const { output_dir = "", ...rest } = config;
  const given = output_dir === "" ? rest : config;
  const parsed = checkValue(trainSchema, given, "config");
  const { zero_stage: _, max_length: __, lora, ...native } = parsed;
  const deciding = Object.fromEntries(Object.entries({ ...native, lora }).filter(([key]) => !free.has(key)));
  return {
    ...native,
    output_dir,
    extra_files: [...extraFiles],
    // Named only where it is not what every run had before there was a choice: their checkpoints stay resumable.
    config_fingerprint: fingerprint({ ...deciding, ...(dtype === "float32" ? {} : { dtype }), startsFrom }),
  };
}
