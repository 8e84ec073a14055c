// The result of an evaluation as one JSON value: what was asked, how it was scored, and every mean with its n.

import { readFile } from "node:fs/promises";
import { parseObject, readLines } from "../judge/json_lines.ts";
import type { JudgeCounts, Verdict } from "../judge/judge.ts";
import type { Assembly, GoldPolicy, PromptGeneration } from "../judge/prompts.ts";
import { BelleError } from "../native/errors.ts";
import type { Averages } from "./averages.ts";
import type { CanaryReport } from "./canaries.ts";

export const summarySchema = "belle-train/eval-summary/1";

/** Everything that shapes a judge's scores; two summaries may be compared only when these are equal. */
export interface JudgeProtocol {
  endpoint: string;
  model: string;
  prompts: PromptGeneration;
  /** SHA-256 of the prompt texts. */
  prompts_sha256: string;
  gold: GoldPolicy;
  assembly: Assembly;
  repeats: number;
  temperature: number;
  max_tokens: number;
  reask: boolean;
  ambiguous: "reject" | "first" | "last";
  rescale: number;
}

export interface EvalSummary {
  schema: typeof summarySchema;
  /** Name of the model that answered. */
  name: string;
  /** Training examples, for charts over data size. */
  data_size?: number;
  set: { items: number; fingerprint: string };
  scored_by: { kind: "rules" } | { kind: "judge"; protocol: JudgeProtocol; counts: JudgeCounts };
  averages: Averages;
  canaries?: CanaryReport;
}

/** One line of scores.jsonl. */
export interface ScoreRow {
  id: string;
  class: string;
  question: string;
  gold: string;
  answer: string;
  /** null: no usable score. */
  score: number | null;
  verdicts?: Verdict[];
}

export interface Evaluation {
  summary: EvalSummary;
  scores: ScoreRow[];
}

const largestSummary = 16 << 20;

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isMean(value: unknown): boolean {
  if (!isRecord(value) || typeof value.id !== "string" || typeof value.n !== "number") return false;
  const { mean, interval } = value;
  if (mean !== undefined && typeof mean !== "number") return false;
  return (
    interval === undefined ||
    (isRecord(interval) && typeof interval.low === "number" && typeof interval.high === "number")
  );
}

function isCategory(value: unknown): boolean {
  return isMean(value) && isRecord(value) && typeof value.items === "number" && typeof value.coverage === "number";
}

function isSummary(value: unknown): value is EvalSummary {
  if (!isRecord(value) || value.schema !== summarySchema || typeof value.name !== "string") return false;
  const { averages, set, scored_by: by, canaries, data_size: size } = value;
  if (!isRecord(set) || typeof set.items !== "number" || typeof set.fingerprint !== "string") return false;
  if (!isRecord(averages) || !Array.isArray(averages.categories) || !Array.isArray(averages.macros)) return false;
  if (!averages.categories.every(isCategory) || !isCategory(averages.items)) return false;
  if (!averages.macros.every((macro) => isMean(macro) && isRecord(macro) && Array.isArray(macro.missing))) return false;
  if (typeof averages.scheme !== "string" || typeof averages.level !== "number") return false;
  if (!isRecord(by) || (by.kind !== "rules" && by.kind !== "judge")) return false;
  if (by.kind === "judge" && !(isRecord(by.protocol) && isRecord(by.counts) && isRecord(by.counts.byStatus)))
    return false;
  if (size !== undefined && typeof size !== "number") return false;
  return (
    canaries === undefined || (isRecord(canaries) && Array.isArray(canaries.results) && Array.isArray(canaries.alarms))
  );
}

/** Reads and checks a summary.json. */
export async function readSummary(path: string): Promise<EvalSummary> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new BelleError(
      error.code === "ENOENT" ? "ERR_BELLE_NOT_FOUND" : "ERR_BELLE_IO",
      `${path} could not be read (${error.code}); give the summary.json of an evaluation.`,
    );
  });
  let value: unknown;
  try {
    if (text.length <= largestSummary) value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (isSummary(value)) return value;
  throw new BelleError(
    "ERR_BELLE_INVALID_DATA",
    `${path} is not an evaluation summary of this version (${summarySchema}); make it anew with: belle-train eval judge`,
    { details: { path } },
  );
}

function isRow(value: Record<string, unknown>): boolean {
  const texts = [value.id, value.class, value.question, value.gold, value.answer];
  if (!texts.every((text) => typeof text === "string")) return false;
  const { score, verdicts } = value;
  if (score !== null && (typeof score !== "number" || !(score >= 0 && score <= 1))) return false;
  if (verdicts === undefined) return true;
  return (
    Array.isArray(verdicts) && verdicts.every((verdict) => isRecord(verdict) && typeof verdict.status === "string")
  );
}

/** Reads and checks a scores.jsonl; resolves to [] when there is no such file. */
export async function readScores(path: string): Promise<ScoreRow[]> {
  const rows: ScoreRow[] = [];
  try {
    for await (const line of readLines(path)) {
      const parsed = parseObject(line.text);
      if (!parsed.ok || !isRow(parsed.value)) {
        throw new BelleError(
          "ERR_BELLE_INVALID_DATA",
          `${path}, line ${line.number}: not a score of this version; make the file anew, or delete it to report without samples.`,
          { details: { path, line: line.number } },
        );
      }
      rows.push(parsed.value as unknown as ScoreRow);
    }
  } catch (error) {
    if (error instanceof BelleError && error.code === "ERR_BELLE_NOT_FOUND") return [];
    throw error;
  }
  return rows;
}
