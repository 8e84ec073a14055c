// What each training phase will need, before anything of the recipe has been made.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { huggingFaceConfig } from "../../config/model.ts";
import { modelConfig } from "../../model/model_config.ts";
import { Tokenizer } from "../../tokenizer/tokenizer.ts";
import type { PlanOptions } from "../../train/plan.ts";
import { dataPlanOptions } from "../../train/plan_run.ts";
import { phaseOutputs } from "./phase_stage.ts";
import type { ExtendAndTuneConfig } from "./schema.ts";
import { tokenizerFolder } from "./tokenizer_stage.ts";

/**
 * Until the vocabulary has been extended, the new rows are taken to be as many as its training may make: none of them a
 * piece of the base. Reads tokenizers and config.json, writes nothing.
 */
export async function planPhases(
  config: ExtendAndTuneConfig,
): Promise<Array<{ phase: "pretrain" | "finetune"; options: PlanOptions }>> {
  const { path, create, dtype, threads } = config.model;
  const base = await Tokenizer.load(config.tokenizer.base);
  const extended = join(tokenizerFolder(config), "tokenizer.model");
  const tokenizer = existsSync(extended) ? await Tokenizer.load(extended) : undefined;
  const text = create === undefined ? await modelConfig(path!) : huggingFaceConfig(create, base);
  const json = JSON.parse(text) as { vocab_size?: unknown };
  const pieces = tokenizer?.vocabSize ?? base.vocabSize + config.tokenizer.train.vocab_size;
  const rows = Math.max(Number(json.vocab_size), pieces);
  const plans: Awaited<ReturnType<typeof planPhases>> = [];
  for (const phase of ["pretrain", "finetune"] as const) {
    const { data, train } = config[phase];
    const section = { data, train: { ...train, output_dir: phaseOutputs(config, phase).folder } };
    const options = { config: { ...json, vocab_size: rows }, dtype, threads };
    plans.push({ phase, options: { ...options, ...(await dataPlanOptions(section, tokenizer)) } });
  }
  return plans;
}
