// merge-report.json, beside a merged tokenizer.model: what the merge did, and of what old rows each new row is made.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { commitText } from "../native/commit_text.ts";
import { BelleError } from "../native/errors.ts";
import type { MergeMode, MergeReport } from "./merge_vocabulary.ts";

export const mergeReportName = "merge-report.json";

/** Writes the report into the merged tokenizer's folder; what other checks found can be added to it as further keys. */
export async function saveMergeReport(folder: string, mode: MergeMode, report: MergeReport): Promise<void> {
  const plain = { mode, ...report, subTokens: report.subTokens.map((ids) => [...ids]) };
  await commitText(join(folder, mergeReportName), `${JSON.stringify(plain)}\n`);
}

/** What row extension needs of a report. Throws ERR_BELLE_CONFIG for any other file. */
export function readMergeReport(path: string): { baseRows: number; subTokens: number[][] } {
  const wrong = (why: string, cause?: unknown) =>
    new BelleError(
      "ERR_BELLE_CONFIG",
      `model.resize.sub_tokens: ${path} ${why}; give the merge-report.json that \`belle-train tokenizer merge\` wrote.`,
      { cause },
    );
  let report: { baseRows?: unknown; subTokens?: unknown } | null;
  try {
    report = JSON.parse(readFileSync(path, "utf8")) as typeof report;
  } catch (cause) {
    throw wrong("cannot be read as JSON", cause);
  }
  const { baseRows, subTokens } = report ?? {};
  const isList = (list: unknown): list is number[] => Array.isArray(list) && list.every((id) => Number.isInteger(id));
  if (typeof baseRows !== "number" || !Array.isArray(subTokens) || !subTokens.every(isList)) {
    throw wrong("has no baseRows and subTokens");
  }
  return { baseRows, subTokens };
}
