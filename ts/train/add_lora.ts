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

/** Leaves a model alone that has an adapter already, or whose run trains none. */
export async function addLora(model: Model, train: Train): Promise<void> {
  const lora = loraOfTrain(train);
  if (lora !== undefined && model.adapter === undefined) await model.addLora(lora);
}
