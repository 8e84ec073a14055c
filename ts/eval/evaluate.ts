// One evaluation: answers to scores to averages, by rules or by a judge, with its files in one folder.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Journal } from "../judge/journal.ts";
import { type JudgeEvent, type JudgeItem, type JudgeOptions, type Judgment, judge } from "../judge/judge.ts";
import { promptFingerprint } from "../judge/prompts.ts";
import { commitText } from "../native/commit_text.ts";
import { BelleError } from "../native/errors.ts";
import type { Answers } from "./answers.ts";
import {
  averageScores,
  type CategoryScheme,
  nineCategoryScheme,
  schemeOfClasses,
  twelveUseCaseScheme,
} from "./averages.ts";
import { canaryItems, isCanary, reportCanaries } from "./canaries.ts";
import { type EvalItem, fingerprintItems } from "./eval_set.ts";
import { scoreByRule } from "./rules.ts";
import { type EvalSummary, type Evaluation, type JudgeProtocol, type ScoreRow, summarySchema } from "./summary.ts";

export interface EvaluationOptions {
  /** Name of the model that answered. */
  name: string;
  items: readonly EvalItem[];
  answers: Answers;
  /** Default: by the classes present. */
  scheme?: CategoryScheme;
  dataSize?: number;
  /** Seed of the bootstrap and of the canaries. Default 0. */
  seed?: number;
}

export interface JudgeEvaluationOptions extends EvaluationOptions, Omit<JudgeOptions, "items" | "journal"> {
  /** Folder of journal.jsonl, scores.jsonl and summary.json; created when absent. */
  folder: string;
  /** Canaries of each kind. Default 0. */
  canaries?: number;
}

/** The papers' categories where the classes fit them, else one category a class. */
export function schemeFor(items: readonly EvalItem[]): CategoryScheme {
  const classes = new Set(items.map((item) => item.class));
  const fits = (scheme: CategoryScheme) => {
    const known = new Set(scheme.categories.flatMap((category) => category.classes));
    return [...classes].every((name) => known.has(name));
  };
  return [nineCategoryScheme, twelveUseCaseScheme].find(fits) ?? schemeOfClasses(classes);
}

function answerOf(item: EvalItem, answers: Answers): string {
  const answer = answers.get(item.id);
  if (answer !== undefined) return answer;
  throw new BelleError("ERR_BELLE_INVALID_DATA", `Item "${item.id}" has no answer; generate or add it first.`);
}

function summarise(options: EvaluationOptions, scores: ScoreRow[], by: EvalSummary["scored_by"]): EvalSummary {
  const scored = scores.map(({ id, class: name, score }) => ({ id, class: name, score: score ?? undefined }));
  return {
    schema: summarySchema,
    name: options.name,
    ...(options.dataSize === undefined ? {} : { data_size: options.dataSize }),
    set: { items: options.items.length, fingerprint: fingerprintItems(options.items) },
    scored_by: by,
    averages: averageScores(scored, options.scheme ?? schemeFor(options.items), { seed: options.seed ?? 0 }),
  };
}

/** Scores every answer by the rule beside its question. */
export function evaluateByRules(options: EvaluationOptions): Evaluation {
  const scores = options.items.map((item): ScoreRow => {
    if (item.check === undefined) {
      throw new BelleError(
        "ERR_BELLE_INVALID_DATA",
        `Item "${item.id}" has no "check"; add one to it, or score the set with a judge.`,
      );
    }
    const { check, ...row } = item;
    const answer = answerOf(item, options.answers);
    return { ...row, answer, score: scoreByRule(check, answer) };
  });
  return { summary: summarise(options, scores, { kind: "rules" }), scores };
}

function protocolOf(options: JudgeEvaluationOptions): JudgeProtocol {
  return {
    endpoint: options.client.endpoint,
    model: options.client.model,
    prompts: options.prompts,
    prompts_sha256: promptFingerprint(options.prompts),
    gold: options.gold,
    assembly: options.assembly,
    repeats: options.repeats,
    temperature: options.temperature,
    max_tokens: options.max_tokens,
    reask: options.reask ?? true,
    ambiguous: options.ambiguous ?? "reject",
    rescale: options.rescale ?? 1,
  };
}

/** The items a judge run sends: the answers, and canaries behind them. */
export function judgeItems(options: EvaluationOptions & { canaries?: number }): JudgeItem[] {
  const real = options.items.map(({ check: _, ...item }) => ({ ...item, answer: answerOf(item, options.answers) }));
  const canaries = canaryItems(options.items, options.canaries ?? 0, options.seed ?? 0);
  return [
    ...real,
    ...canaries.map(({ id, class: name, question, gold, answer }) => ({ id, class: name, question, gold, answer })),
  ];
}

/**
 * Judges every answer, yields the judge's events, and returns the evaluation after its files are committed. A run that
 * was stopped or killed goes on from journal.jsonl.
 */
export async function* evaluateByJudge(
  options: JudgeEvaluationOptions,
): AsyncGenerator<JudgeEvent, Evaluation, undefined> {
  const scheme = options.scheme ?? schemeFor(options.items);
  const items = judgeItems(options);
  await mkdir(options.folder, { recursive: true });
  const journal = await Journal.open(join(options.folder, "journal.jsonl"));
  const judgments = new Map<string, Judgment>();
  let counts: Extract<JudgeEvent, { type: "done" }>["counts"] | undefined;
  try {
    for await (const event of judge({ ...options, items, journal })) {
      if (event.type === "item") judgments.set(event.judgment.id, event.judgment);
      if (event.type === "done") counts = event.counts;
      yield event;
    }
  } finally {
    await journal.close();
  }
  if (counts === undefined) throw new BelleError("ERR_BELLE_INTERNAL", "The judge ended without counts.");
  const rows = items.map((item): ScoreRow => {
    const { score, verdicts = [] } = judgments.get(item.id) ?? {};
    return { ...item, score: score ?? null, verdicts };
  });
  const scores = rows.filter(({ id }) => !isCanary(id));
  const summary = summarise({ ...options, scheme }, scores, { kind: "judge", protocol: protocolOf(options), counts });
  const canaries = reportCanaries(rows.map(({ id, score }) => ({ id, score: score ?? undefined })));
  const evaluation = { summary: canaries === undefined ? summary : { ...summary, canaries }, scores };
  await writeEvaluation(options.folder, evaluation);
  return evaluation;
}

/** Commits scores.jsonl, in the order of the items, and summary.json. */
export async function writeEvaluation(folder: string, evaluation: Evaluation): Promise<void> {
  const lines = evaluation.scores.map((row) => `${JSON.stringify(row)}\n`);
  await commitText(join(folder, "scores.jsonl"), lines.join(""));
  await commitText(join(folder, "summary.json"), `${JSON.stringify(evaluation.summary, null, 2)}\n`);
}
