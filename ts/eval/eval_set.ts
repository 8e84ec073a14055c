// Loads evaluation sets: BELLE's eval_set.json (JSON Lines despite its name) and files of the same form.

import { createHash } from "node:crypto";
import { foldClass, useCaseOf } from "../judge/classes.ts";
import { parseObject, readLines, type TextLine } from "../judge/json_lines.ts";
import { BelleError } from "../native/errors.ts";
import { RandomStream } from "./random.ts";
import { parseCheck, type RuleCheck } from "./rules.ts";

export interface EvalItem {
  /** The file's `id`, else its line number as "line-0001". Stable under sampling. */
  id: string;
  /** Folded class name. */
  class: string;
  question: string;
  /** std_answer; "" when there is none. */
  gold: string;
  /** How to score an answer without a judge, if the file says so. */
  check?: RuleCheck;
}

export interface LineProblem {
  line: number;
  problem: string;
}

export interface EvalSet {
  items: EvalItem[];
  /** Lines that were left out; empty unless `tolerant`. */
  problems: LineProblem[];
  /** SHA-256 of all items' canonical text: two sets with the same one are the same questions. */
  fingerprint: string;
}

export interface EvalSetOptions {
  /** Leave broken lines out and report them, rather than throw at the first one. */
  tolerant?: boolean;
  /** belle: only the 12 published use cases. any: every non-empty class name. Default belle. */
  classes?: "belle" | "any";
}

function requiredText(value: Record<string, unknown>, key: string): string {
  const text = value[key];
  if (typeof text !== "string" || text.trim() === "") throw new Error(`"${key}" must be a text that is not empty`);
  return text;
}

function readItem(line: TextLine, classes: "belle" | "any"): EvalItem {
  const parsed = parseObject(line.text);
  if (!parsed.ok) {
    const array = line.number === 1 && line.text.trimStart().startsWith("[");
    throw new Error(array ? "a JSON array; write one object a line instead" : parsed.problem);
  }
  const { value } = parsed;
  const question = requiredText(value, "question");
  const name = requiredText(value, "class");
  const gold = value.std_answer ?? "";
  if (typeof gold !== "string") throw new Error('"std_answer" must be a text ("" when there is none)');
  const id = value.id ?? `line-${String(line.number).padStart(4, "0")}`;
  if (typeof id !== "string" && typeof id !== "number") throw new Error('"id" must be a text or a number');
  const folded = classes === "belle" ? useCaseOf(name, "class") : foldClass(name);
  const item = { id: String(id), class: folded, question, gold };
  return value.check === undefined ? item : { ...item, check: parseCheck(value.check) };
}

/** Reads a set. Each message names the file and the line. */
export async function loadEvalSet(path: string, options: EvalSetOptions = {}): Promise<EvalSet> {
  const items: EvalItem[] = [];
  const problems: LineProblem[] = [];
  const lineOf = new Map<string, number>();
  for await (const line of readLines(path)) {
    const text = line.number === 1 ? line.text.replace(/^\ufeff/u, "") : line.text;
    if (text.trim() === "") continue;
    try {
      const item = readItem({ ...line, text }, options.classes ?? "belle");
      const before = lineOf.get(item.id);
      if (before !== undefined) throw new Error(`the id "${item.id}" was used in line ${before} already`);
      lineOf.set(item.id, line.number);
      items.push(item);
    } catch (error) {
      const problem = error instanceof Error ? error.message.replace(/\.$/u, "") : String(error);
      if (options.tolerant === true) {
        problems.push({ line: line.number, problem });
        continue;
      }
      throw new BelleError(
        "ERR_BELLE_INVALID_DATA",
        `${path}, line ${line.number}: ${problem}. Correct the line, or load the set in tolerant mode to leave it out.`,
        { details: { path, line: line.number } },
      );
    }
  }
  if (items.length === 0) {
    throw new BelleError(
      "ERR_BELLE_INVALID_DATA",
      `${path}: no usable item${problems.length > 0 ? ` (line ${problems[0]!.line}: ${problems[0]!.problem})` : ""}; write one {"question", "class", "std_answer"} object a line.`,
      { details: { path } },
    );
  }
  return { items, problems, fingerprint: fingerprintItems(items) };
}

/** SHA-256 over id, class, question and gold of each item, in order. */
export function fingerprintItems(items: readonly EvalItem[]): string {
  const hash = createHash("sha256");
  for (const item of items) hash.update(`${JSON.stringify([item.id, item.class, item.question, item.gold])}\n`);
  return hash.digest("hex");
}

/**
 * `count` items with every class in proportion (largest remainder, at least one of each class while there are places),
 * chosen by seed and kept in the set's order. A class's choice does not depend on the other classes.
 */
export function sampleStratified<T extends { class: string }>(items: readonly T[], count: number, seed: number): T[] {
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new BelleError(
      "ERR_BELLE_INVALID_ARGUMENT",
      `The sample size is ${count}; it must be a whole number above 0.`,
    );
  }
  if (count >= items.length) return [...items];
  const byClass = new Map<string, number[]>();
  for (const [i, item] of items.entries()) {
    const members = byClass.get(item.class) ?? [];
    members.push(i);
    byClass.set(item.class, members);
  }
  const names = [...byClass.keys()].sort();
  const quotas = allocate(
    names.map((name) => byClass.get(name)!.length),
    count,
  );
  const chosen: number[] = [];
  for (const [k, name] of names.entries()) {
    const members = byClass.get(name)!;
    const stream = createHash("sha256").update(name, "utf8").digest().readUInt32LE(0);
    for (const j of new RandomStream(seed, stream).choose(members.length, quotas[k]!)) chosen.push(members[j]!);
  }
  return chosen.sort((a, b) => a - b).map((i) => items[i]!);
}

/** Places for groups of the given sizes that sum to `count`, `count` being below the sum of the sizes. */
function allocate(sizes: number[], count: number): number[] {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const exact = sizes.map((size) => (size * count) / total);
  const places = exact.map((share) => Math.floor(share));
  if (count >= sizes.length) for (const [i, place] of places.entries()) if (place === 0) places[i] = 1;
  const order = sizes.map((_, i) => i).sort((a, b) => (exact[b]! % 1) - (exact[a]! % 1) || a - b);
  let left = count - places.reduce((sum, place) => sum + place, 0);
  for (let turn = 0; left > 0; turn = (turn + 1) % order.length) {
    const i = order[turn]!;
    if (places[i]! >= sizes[i]!) continue;
    places[i]!++;
    left--;
  }
  // The guaranteed places of small classes are taken from the largest ones.
  for (; left < 0; left++) places[places.indexOf(Math.max(...places))]!--;
  return places;
}
