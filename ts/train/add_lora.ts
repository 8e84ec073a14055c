// The adapter that the `train` section asks for.
import type { z } from "zod";
import { loraSchema, type trainSchema } from "../config/train.ts";
import type { LoraOptions } from "../model/lora_options.ts";
import type { Model } from "../model/model.ts";

type Train = Pick<z.output<typeof trainSchema>, "trainable" | "lora" | "seed">;

/** Undefined where the run trains none. */
export function loraOfTrain({ trainable, lora, seed }: Train): LoraOptions | undefined {
  if (trainable !== "lora") return undefined;
  const { r, lora_alpha, target_modules, modules_to_save } = lora ?? loraSchema.parse({});
  return { r, loraAlpha: lora_alpha, targetModules: target_modules, modulesToSave: modules_to_save, seed };
}

/**
 * The same adapters in every layer, for a model cut down to its first layers: a target that names layer 20 is none of
 * theirs. Layers without one are then taken to cost a little too much.
 */
export function loraOfSlices({ lora }: Pick<Train, "lora">): Pick<Train, "lora"> {
  if (lora === undefined || lora.target_modules === "all-linear") return { lora };
  const modules = lora.target_modules.map((name) => name.replace(/^(?:.*\.)?\d+\./, ""));
  return { lora: { ...lora, target_modules: [...new Set(modules)] } };
}

/** Leaves a model alone that has an adapter already, or whose run trains none. */
export async function addLora(model: Model, train: Train): Promise<void> {
  const lora = loraOfTrain(train);
  if (lora !== undefined && model.adapter === undefined) await model.addLora(lora);
}
