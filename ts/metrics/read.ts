// Reads metrics.jsonl back, for reports.
import { readFile } from "node:fs/promises";
import type { MetricRow } from "./jsonl.ts";

/** The rows of a run, in order; a torn or foreign line is left out. */
export async function readMetrics(path: string): Promise<MetricRow[]> {
  return (await readFile(path, "utf8")).split("\n").flatMap((line) => {
    try {
      const value: unknown = JSON.parse(line);
      const ours = typeof value === "object" && value !== null && "type" in value && "step" in value;
      return ours && typeof value.step === "number" ? [value as MetricRow] : [];
    } catch {
      return [];
    }
  });
}

/** One curve: [step, value] of every row of a kind that has a finite value under the name. */
export function metricCurve(
  rows: readonly MetricRow[],
  type: MetricRow["type"],
  name: string,
): Array<[number, number]> {
  return rows.flatMap((row): Array<[number, number]> => {
    const value = row[name];
    return row.type === type && typeof value === "number" ? [[row.step, value]] : [];
  });
}
