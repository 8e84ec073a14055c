// metrics.jsonl: the record of a run, one flat object a line. Resuming cuts it back to the resumed step first.
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";

export interface MetricRow {
  type: "step" | "eval" | "checkpoint";
  step: number;
  [name: string]: number | string | boolean;
}

/** The step of a line; undefined where the line is torn or not ours. */
function stepOf(line: string): number | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null || !("step" in value)) return undefined;
    return typeof value.step === "number" ? value.step : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Keeps the lines of steps up to `step`, in order, and returns them; a torn last line goes. The file changes whole or
 * not at all.
 */
export function truncateMetrics(path: string, step: number): string[] {
  if (!existsSync(path)) return [];
  const kept = readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => {
      const at = stepOf(line);
      return at !== undefined && at <= step;
    });
  const temporary = `${path}.tmp-${process.pid}`;
  const file = openSync(temporary, "w");
  try {
    writeSync(file, kept.map((line) => `${line}\n`).join(""));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  return kept;
}

export class JsonlWriter {
  readonly #file: number;
  readonly #evaluated: Set<number>;

  /** Appends to `path`; lines of steps after `resumedStep` are removed first, and all of them for a fresh run. */
  constructor(path: string, resumedStep: number) {
    const rows = truncateMetrics(path, resumedStep > 0 ? resumedStep : -1).map((line) => JSON.parse(line) as MetricRow);
    this.#evaluated = new Set(rows.filter(({ type }) => type === "eval").map(({ step }) => step));
    this.#file = openSync(path, "a");
  }

  /** The run that is continued has this evaluation already: a finished run that is resumed evaluates once more. */
  evaluated(step: number): boolean {
    return this.#evaluated.has(step);
  }

  write(row: MetricRow): void {
    // JSON has no NaN or infinity: written as text, so that a broken step is visible and the line stays readable.
    const safe = Object.entries(row).map(([name, value]) => [
      name,
      typeof value === "number" && !Number.isFinite(value) ? String(value) : value,
    ]);
    writeSync(this.#file, `${JSON.stringify(Object.fromEntries(safe))}\n`);
  }

  /** Survives a crash from here on. */
  sync(): void {
    fsyncSync(this.#file);
  }

  close(): void {
    fsyncSync(this.#file);
    closeSync(this.#file);
  }
}
