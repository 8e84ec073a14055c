// Runs the package's benchmarks, each claim in a process of its own.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Language, Text } from "../config/language.ts";
import { abortError, throwIfAborted } from "../native/abort.ts";
import { BelleError } from "../native/errors.ts";
import { packageRoot } from "./version.ts";

type Tell = (text: Text) => string;

/** In the order they run. bpe_train needs a file, so it only runs when one is named. */
export const claims = [
  "gemm",
  "attention",
  "loss",
  "optimizer",
  "train_step",
  "generate",
  "plan",
  "encode",
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
export function chooseClaims(asked: readonly string[], file: string | undefined, tell: Tell): Claim[] {
  if (asked.length === 0) return claims.filter((claim) => claim !== "bpe_train" || file !== undefined);
  const unknown = asked.find((name) => !claims.some((claim) => claim === name));
  if (unknown !== undefined) {
    const en = `There is no claim ${unknown}; there are ${claims.join(", ")}.`;
    throw new BelleError("ERR_BELLE_USAGE", tell({ en, zh: `没有 ${unknown} 这一项；可选 ${claims.join("、")}。` }));
  }
  if (asked.includes("bpe_train") && file === undefined) {
    const en = "bpe_train needs --file with a text, one sentence a line.";
    throw new BelleError("ERR_BELLE_USAGE", tell({ en, zh: "bpe_train 需要用 --file 给出文本，每行一句。" }));
  }
  return claims.filter((claim) => asked.includes(claim));
}

/**
 * Runs one claim to its end. `args`: its command line. Throws with its last sentence ERR_BELLE_USAGE for a wrong
 * option and ERR_BELLE_ENVIRONMENT when it fails, ERR_BELLE_ABORTED when `signal` ended it; programs it started end
 * with it.
 */
export async function runClaim(
  claim: Claim,
  args: readonly string[],
  language: Language,
  signal: AbortSignal,
  onProgress: (done: number, total: number, label: string) => void,
): Promise<ClaimReport> {
  throwIfAborted(signal, "The benchmark");
  // A process group of its own, so that a peer's program can be ended with it.
  const child = spawn(process.execPath, [...process.execArgv, script(claim), ...args], {
    cwd: packageRoot,
    env: { ...process.env, BELLE_LANG: language },
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const end = () => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, "SIGTERM");
    } catch (error) {
      // It has just ended by itself.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
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
    if (code === 0) return JSON.parse(out) as ClaimReport;
    const ended: Text = { en: `bench ${claim} ended with ${code}.`, zh: `bench ${claim} 以 ${code} 结束。` };
    throw new BelleError(code === 2 ? "ERR_BELLE_USAGE" : "ERR_BELLE_ENVIRONMENT", sentence || ended[language]);
  } finally {
    signal.removeEventListener("abort", end);
  }
}
