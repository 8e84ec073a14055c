// The options every claim takes, and those of its own; anything else is refused.
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import type { DType } from "belle-train";
import { say } from "./text.ts";

export const dtypes = ["float32", "bfloat16"] as const satisfies DType[];
export type { DType };

export interface Options {
  /** A Python (the claim names its script), or a whole command that prints what that script prints. */
  peer?: string[];
  threads: number;
  rounds: number;
  dtype: DType;
  /** The smallest shape, once: shows that it runs, not how fast. */
  quick: boolean;
  /** The claim's own. */
  own: Readonly<Record<string, string | undefined>>;
}

/** The command line is wrong: one sentence, exit code 2. */
export class UsageError extends Error {}

/** A whole number of at least `min`. */
export function wholeNumber(name: string, text: string, min: number): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(value) || value < min)
    throw new UsageError(
      say(
        `--${name} must be a whole number of at least ${min}, not "${text}".`,
        `--${name} 必须是不小于 ${min} 的整数，而不是“${text}”。`,
      ),
    );
  return value;
}

export function oneOf<const T extends string>(name: string, text: string, words: readonly T[]): T {
  const found = words.find((word) => word === text);
  if (found !== undefined) return found;
  throw new UsageError(
    say(
      `--${name} must be one of ${words.join(", ")}, not "${text}".`,
      `--${name} 只能取 ${words.join("、")}，而不是“${text}”。`,
    ),
  );
}

/** `--peer "python -X dev"` as words. */
export function commandWords(text: string): string[] {
  const words = [...text.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare!,
  );
  if (words.length > 0) return words;
  throw new UsageError(
    say('--peer must name a program, e.g. --peer "python3".', '--peer 须给出一个程序，如 --peer "python3"。'),
  );
}

export function readOptions(argv: readonly string[], own: readonly string[] = []): Options {
  const text = { type: "string" } as const;
  const names = ["peer", "threads", "rounds", "dtype", ...own];
  let values: Record<string, string | boolean | undefined>;
  try {
    const options = { ...Object.fromEntries(names.map((name) => [name, text])), quick: { type: "boolean" } } as const;
    ({ values } = parseArgs({ args: [...argv], options, strict: true }));
  } catch (error) {
    const reason = error instanceof Error ? error.message.split(". ")[0] : String(error);
    const known = [...names, "quick"].map((name) => `--${name}`).join(", ");
    throw new UsageError(say(`${reason}. Options: ${known}.`, `${reason}。可用选项：${known}。`));
  }
  const given = (name: string) => values[name] as string | undefined;
  const quick = values.quick === true;
  const peer = given("peer");
  const threads = wholeNumber("threads", given("threads") ?? "0", 0);
  return {
    ...(peer === undefined ? {} : { peer: commandWords(peer) }),
    threads: threads === 0 ? availableParallelism() : threads,
    rounds: wholeNumber("rounds", given("rounds") ?? (quick ? "1" : "3"), 1),
    dtype: oneOf("dtype", given("dtype") ?? "bfloat16", dtypes),
    quick,
    own: Object.fromEntries(own.map((name) => [name, given(name)])),
  };
}
