// What the claims share: medians and spreads, ratios of neighbours in time, the one JSON line, progress and errors.
import { cpus, loadavg } from "node:os";
import { benchKernel } from "belle-train";
import { type Options, readOptions, UsageError } from "./options.ts";

export interface Summary {
  median: number;
  min: number;
  max: number;
}

/** Of at least one number. */
export function summary(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
  return { median: round(median), min: round(sorted[0]!), max: round(sorted.at(-1)!) };
}

/** Four significant digits: more is noise. */
export function round(value: number): number {
  return Number(value.toPrecision(4));
}

export interface Result {
  name: string;
  unit: string;
  /** More is better. */
  higher: boolean;
  ours: Summary;
  peer?: Summary;
  /** Of each round, how many times better ours was than the peer's neighbour in time. */
  times_better?: Summary;
  [detail: string]: unknown;
}

/** A figure of every round, with the peer's of the same rounds where there is one. */
export function result(figure: {
  name: string;
  unit: string;
  higher: boolean;
  ours: readonly number[];
  peer?: readonly number[];
  details?: Record<string, unknown>;
}): Result {
  const { name, unit, higher, ours, peer = [], details = {} } = figure;
  const compared =
    peer.length === 0
      ? {}
      : {
          peer: summary(peer),
          times_better: summary(ours.map((mine, i) => (higher ? mine / peer[i]! : peer[i]! / mine))),
        };
  return { name, unit, higher, ours: summary(ours), ...compared, ...details };
}

export interface Report {
  results: Result[];
  /** What else a reader must know to measure the same. */
  config?: Record<string, unknown>;
}

/** Says on stderr how far it is; `belle-train bench` draws a line of it. */
export function progress(done: number, total: number, label: string): void {
  process.stderr.write(`[${done}/${total}] ${label}\n`);
}

/** Runs one claim as a program: reads the options, prints one JSON line on stdout, errors as a sentence on stderr. */
export async function claim(
  name: string,
  own: readonly string[],
  body: (options: Options) => Promise<Report>,
): Promise<void> {
  try {
    const options = readOptions(process.argv.slice(2), own);
    // Of other programs: wall times of anything longer than a time slice are then theirs too.
    const load = round(loadavg()[0]!);
    const { results, config = {} } = await body(options);
    const { rounds, threads, dtype, quick } = options;
    const { isa } = await benchKernel({ op: "swiglu", rows: 1, d: 1 }, { seconds: 0 });
    const machine = { cpu: cpus()[0]?.model.trim(), cores: cpus().length, load, isa, node: process.versions.node };
    console.log(
      JSON.stringify({
        claim: name,
        dtype,
        threads,
        rounds,
        quick,
        results,
        config,
        ...machine,
      }),
    );
  } catch (error) {
    process.stderr.write(`bench ${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}
