// Answers to the questions and their scores, by rule or by a judge. Both are journaled item by item.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { templates } from "../../data/template.ts";
import { generateAnswers } from "../../eval/answers.ts";
import { type EvalItem, loadEvalSet, sampleStratified } from "../../eval/eval_set.ts";
import { evaluateByJudge, evaluateByRules, writeEvaluation } from "../../eval/evaluate.ts";
import { localGenerator } from "../../eval/local_generator.ts";
import type { Evaluation } from "../../eval/summary.ts";
import { clientFromConfig } from "../../judge/from_config.ts";
import { Model } from "../../model/model.ts";
import { BelleError } from "../../native/errors.ts";
import { Tokenizer } from "../../tokenizer/tokenizer.ts";
import type { StageContext } from "../stage.ts";
import type { RecipeProgress } from "./events.ts";
import type { ExtendAndTuneConfig } from "./schema.ts";
import { fileFingerprint } from "./tokenizer_stage.ts";

/**
 * The questions of the run: all, or `limit` of them in proportion to the categories. Throws ERR_BELLE_INVALID_DATA where
 * they are to be scored by rule and one has none.
 */
export async function questionsOf(config: ExtendAndTuneConfig): Promise<EvalItem[]> {
  const { questions, limit } = config.answers;
  const { items } = await loadEvalSet(questions);
  const chosen = limit === undefined ? items : sampleStratified(items, limit, config.seed);
  const without = config.evaluation.by === "rules" ? chosen.find((item) => item.check === undefined) : undefined;
  if (without === undefined) return chosen;
  throw new BelleError(
    "ERR_BELLE_INVALID_DATA",
    `${questions}: item "${without.id}" has no "check"; add one to it, or set evaluation.by: judge.`,
  );
}

/** A trained model's folder, or an adapter's with the folder of the model beneath it. */
export interface Trained {
  folder: string;
  base: string | undefined;
}

/** Answers and scores of one model, in `<output_dir>/evaluation/<name>`. */
export async function evaluateModel(
  config: ExtendAndTuneConfig,
  name: string,
  trained: Trained,
  context: StageContext<RecipeProgress>,
): Promise<Evaluation> {
  const items = await questionsOf(config);
  const output = join(config.output_dir, "evaluation", name);
  await mkdir(output, { recursive: true });
  const answers = await answer(config, items, trained, join(output, "answers.jsonl"), context);
  if (config.evaluation.by === "rules") {
    const evaluation = evaluateByRules({ name, items, answers, seed: config.seed });
    await writeEvaluation(output, evaluation);
    return evaluation;
  }
  const { judge } = config.evaluation;
  const run = evaluateByJudge({
    name,
    items,
    answers,
    folder: output,
    seed: config.seed,
    client: clientFromConfig(judge),
    prompts: judge.prompts,
    gold: judge.gold,
    assembly: "published",
    repeats: judge.repeats,
    temperature: judge.temperature,
    max_tokens: judge.max_tokens,
    ...(context.signal === undefined ? {} : { signal: context.signal }),
  });
  for (;;) {
    const next = await run.next();
    if (next.done) return next.value;
    if (next.value.type === "progress") {
      context.report({ kind: "judge", done: next.value.done, total: next.value.total });
    }
  }
}

async function answer(
  config: ExtendAndTuneConfig,
  items: readonly EvalItem[],
  { folder, base }: Trained,
  journal: string,
  context: StageContext<RecipeProgress>,
): Promise<Map<string, string>> {
  const tokenizer = await Tokenizer.load(folder);
  const { dtype, threads } = config.model;
  const model = await Model.load(base ?? folder, {
    dtype,
    threads,
    ...(base === undefined ? {} : { adapter: folder }),
  });
  try {
    const generator = localGenerator({
      model,
      tokenizer,
      template: templates[config.finetune.data.template],
      generate: config.answers.generate,
      weights: await fileFingerprint(join(folder, "MANIFEST.json"), undefined),
    });
    return await generateAnswers({
      items,
      model: generator,
      journal,
      onProgress: (done, total) => context.report({ kind: "answer", done, total }),
      ...(context.signal === undefined ? {} : { signal: context.signal }),
    });
  } finally {
    model.dispose();
  }
}
