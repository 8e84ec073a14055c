// Runs the package's benchmarks, each claim in a process of its own.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { abortError, throwIfAborted } from "../native/abort.ts";
import { BelleError } from "../native/errors.ts";
import { packageRoot } from "./version.ts";

/** In the order they run. bpe_train needs a file, so it only runs when one is named. */
export const claims = [
  "gemm",
  "attention",
  "loss",
  "optimizer",
  "train_step",
  "generate",
  "plan",
  "bpe_train",
] as const;
export type Claim = (typeof claims)[number];

export interface ClaimSummary {
  median: number;
  min: number;
  max: number;
}

/** One line of a claim's JSON; bench/measure.ts writes it. */
export interface ClaimResult {
  name: string;
  unit: string;
  higher: boolean;
  ours: ClaimSummary;
  peer?: ClaimSummary;
  times_better?: ClaimSummary;
  share_of_peak?: ClaimSummary;
  times_three_gemms?: ClaimSummary;
}

export interface ClaimReport {
  claim: Claim;
  results: ClaimResult[];
  [detail: string]: unknown;
}

// From source the benchmarks are TypeScript and run as this program does; installed, they lie compiled in dist/bench.
const compiled = import.meta.filename.endsWith(".js");

function script(claim: Claim): string {
  return join(packageRoot, compiled ? "dist/bench" : "bench", `${claim}.${compiled ? "js" : "ts"}`);
}

/** The claims asked for, or all that need no file. ERR_BELLE_USAGE for a name that is none. */
export function chooseClaims(asked: readonly string[], file: string | undefined): Claim[] {
  if (asked.length === 0) return claims.filter((claim) => claim !== "bpe_train" || file !== undefined);
  const unknown = asked.find((name) => !claims.some((claim) => claim === name));
  if (unknown !== undefined) {
    throw new BelleError("ERR_BELLE_USAGE", `There is no claim ${unknown}; there are ${claims.join(", ")}.`);
  }
  if (asked.includes("bpe_train") && file === undefined) {
    throw new BelleError("ERR_BELLE_USAGE", "bpe_train needs --file with a text, one sentence a line.");
  }
  return claims.filter((claim) => asked.includes(claim));
}

/**
 * Runs one claim to its end. `args`: its command line. Throws ERR_BELLE_ENVIRONMENT with its last sentence when it
 * fails, ERR_BELLE_ABORTED when `signal` ended it; programs it started end with it.
 */
export async function runClaim(
  claim: Claim,
  args: readonly string[],
  signal: AbortSignal,
  onProgress: (done: number, total: number, label: string) => void,
): Promise<ClaimReport> {
  throwIfAborted(signal, "The benchmark");
  // A process group of its own, so that a peer's program can be ended with it.
  const child = spawn(process.execPath, [...process.execArgv, script(claim), ...args], {
    cwd: packageRoot,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const end = () => {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGTERM");
  };
  signal.addEventListener("abort", end, { once: true });
  let out = "";
  let sentence = "";
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk;
  });
  createInterface({ input: child.stderr }).on("line", (line) => {
    const step = /^\[(\d+)\/(\d+)\] (.*)$/.exec(line);
    if (step !== null) onProgress(Number(step[1]), Number(step[2]), step[3]!);
    else if (line !== "") sentence = line;
  });
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", resolve);
    });
    if (signal.aborted) throw abortError(signal, "The benchmark");
    if (code !== 0) throw new BelleError("ERR_BELLE_ENVIRONMENT", sentence || `bench ${claim} ended with ${code}.`);
    return JSON.parse(out) as ClaimReport;
  } finally {
    signal.removeEventListener("abort", end);
  }
}
