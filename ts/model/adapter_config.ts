// The adapter_config.json of a PEFT folder, as far as the size of the adapter goes: what a plan asks before there is a
// model. For a run native/model/lora_config.cpp reads the whole of it.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { detectLanguage } from "../config/language.ts";
import { problemsOf } from "../config/problems.ts";
import { loraSchema } from "../config/train.ts";
import { BelleError } from "../native/errors.ts";

const { r, lora_alpha, target_modules } = loraSchema.shape;
const sized = z.object({
  peft_type: z.literal("LORA"),
  r: r.unwrap(),
  lora_alpha: lora_alpha.unwrap(),
  target_modules: target_modules.unwrap(),
  modules_to_save: z.array(z.string().min(1)).nullish(),
});

// Keys of PEFT that give the adapter other matrices than r and target_modules say.
const resizing = [
  ...["rank_pattern", "use_dora", "lora_bias", "layers_to_transform", "layers_pattern", "layer_replication"],
  ...["exclude_modules", "target_parameters", "trainable_token_indices"],
];

function inUse(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}

/**
 * As the `train.lora` section that would make such an adapter. Throws ERR_BELLE_NOT_FOUND, ERR_BELLE_INVALID_DATA, and
 * ERR_BELLE_UNSUPPORTED where the adapter's size does not follow from its rank and its targets.
 */
export async function adapterLora(folder: string): Promise<z.output<typeof loraSchema>> {
  const file = join(folder, "adapter_config.json");
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new BelleError("ERR_BELLE_NOT_FOUND", `${file}: cannot be read; name the folder of a PEFT adapter.`, {
      cause,
    });
  });
  const value = parseObject(text, file);
  const { target_modules: targets } = value;
  if (typeof targets === "string" && targets !== "all-linear") {
    throw new BelleError(
      "ERR_BELLE_UNSUPPORTED",
      `${file}: "target_modules" is the pattern ${JSON.stringify(targets)}; write the list of module names instead.`,
    );
  }
  const parsed = sized.safeParse(value);
  if (!parsed.success) {
    const problems = parsed.error.issues.flatMap((issue) => problemsOf(sized, issue, value, detectLanguage()));
    const sentences = problems.map(({ path, message }) => `${file}: ${path.join(".")}: ${message}`);
    throw new BelleError("ERR_BELLE_INVALID_DATA", sentences.join("\n"), { cause: parsed.error });
  }
  const key = resizing.find((name) => inUse(value[name]));
  if (key !== undefined) {
    throw new BelleError(
      "ERR_BELLE_UNSUPPORTED",
      `${file}: "${key}" is ${JSON.stringify(value[key])}, so the adapter's size does not follow from r and ` +
        "target_modules, which are all a plan counts; for a plan from above leave model.adapter out and set " +
        "train.lora with the largest rank and every module.",
    );
  }
  const { modules_to_save, peft_type: _, ...rest } = parsed.data;
  return { ...rest, modules_to_save: modules_to_save ?? [] };
}

function parseObject(text: string, file: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (cause) {
    throw new BelleError("ERR_BELLE_INVALID_DATA", `${file}: is not JSON; save the adapter with PEFT again.`, {
      cause,
    });
  }
  throw new BelleError("ERR_BELLE_INVALID_DATA", `${file}: holds no object; save the adapter with PEFT again.`);
}
