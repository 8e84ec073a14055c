// The recipes `belle-train recipe run` knows. A recipe is one line here.
import type { z } from "zod";
import type { Text } from "../config/language.ts";
import type { PlanOptions } from "../train/plan.ts";
import type { RecipeEvent } from "./extend_and_tune/events.ts";
import { planPhases } from "./extend_and_tune/plan_phases.ts";
import { extendAndTune, type RecipeOptions } from "./extend_and_tune/recipe.ts";
import { extendAndTuneSchema } from "./extend_and_tune/schema.ts";

export type { RecipeEvent, RecipeOptions };

export interface Recipe<S extends z.ZodType = z.ZodType> {
  name: string;
  summary: Text;
  schema: S;
  /** Resolves to plain JSON: folders, counts, losses, averages, and the path of the report. */
  run(config: z.output<S>, options: RecipeOptions): Promise<{ report: string }>;
  /** Its training phases in their order, as planTraining takes them. */
  plan(config: z.output<S>): Promise<Array<{ phase: string; options: PlanOptions }>>;
}

/** Keeps a recipe's schema and function of one type while the list holds recipes of any. */
function recipe<S extends z.ZodType>(made: Recipe<S>): Recipe {
  return {
    ...made,
    run: (config, options) => made.run(config as z.output<S>, options),
    plan: (config) => made.plan(config as z.output<S>),
  };
}

export const recipes: readonly Recipe[] = [
  recipe({
    name: "extend-and-tune",
    summary: {
      en: "Extend a vocabulary, pre-train the embeddings, fine-tune, answer, score, report",
      zh: "扩充词表、预训练词嵌入、微调、回答、评分、生成报告",
    },
    schema: extendAndTuneSchema,
    run: extendAndTune,
    plan: planPhases,
  }),
];
