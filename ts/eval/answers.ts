// Answers of a model to the questions of a set: generated with a journal that survives a kill, or read from a file.

import { Journal, requestId } from "../judge/journal.ts";
import { parseObject, readLines } from "../judge/json_lines.ts";
import { throwIfAborted } from "../native/abort.ts";
import { BelleError } from "../native/errors.ts";
import type { EvalItem } from "./eval_set.ts";

/** What can answer: a local model, a remote one, a stub of a test. */
export interface TextGenerator {
  /** Everything that decides the answers (weights, sampling, template); part of the journal's request ids. */
  readonly fingerprint: string;
  /** An answer of generateTexts depends on its place in the list, as sampling's does. Default false. */
  readonly placed?: boolean;
  generateText(prompt: string, signal?: AbortSignal): Promise<string>;
  /** Several prompts at once, answers in their order; used instead of generateText where present. */
  generateTexts?(prompts: readonly string[], signal?: AbortSignal): Promise<string[]>;
}

export interface GenerateAnswersOptions {
  items: readonly EvalItem[];
  model: TextGenerator;
  /** JSON Lines file of what was answered so far; created when absent. */
  journal: string;
  /** The question as the model's prompt. Default: the question as it is. */
  prompt?: (question: string) => string;
  /** Prompts a call of generateTexts. Default 16. */
  batch?: number;
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

/** Item id -> answer. */
export type Answers = ReadonlyMap<string, string>;

interface Question {
  item: EvalItem;
  prompt: string;
  id: string;
  known: string | undefined;
}

/**
 * Generates what the journal does not hold yet. An abort keeps what was answered and throws ERR_BELLE_ABORTED. Going on
 * gives the answers of a run that was never stopped, also of a sampling model: its batches are then the same ones.
 */
export async function generateAnswers(options: GenerateAnswersOptions): Promise<Map<string, string>> {
  const { items, model, signal } = options;
  const template = options.prompt ?? ((question: string) => question);
  const size = model.generateTexts === undefined ? 1 : (options.batch ?? 16);
  const placed = model.placed === true && model.generateTexts !== undefined;
  const answers = new Map<string, string>();
  const journal = await Journal.open(options.journal);
  try {
    const questions = items.map((item, i): Question => {
      const prompt = template(item.question);
      const request = { protocol: "belle-answers/1", model: model.fingerprint, prompt, item: item.id };
      const id = requestId(placed ? { ...request, place: i % size } : request);
      const known = journal.find(id)?.text;
      if (known !== undefined) answers.set(item.id, known);
      return { item, prompt, id, known };
    });
    const unknown = (question: Question) => question.known === undefined;
    const todo = placed ? questions : questions.filter(unknown);
    options.onProgress?.(answers.size, items.length);
    for (let from = 0; from < todo.length; from += size) {
      const batch = todo.slice(from, from + size);
      if (!batch.some(unknown)) continue;
      throwIfAborted(signal, "Answering");
      const started = performance.now();
      const texts = await answer(
        model,
        batch.map(({ prompt }) => prompt),
        signal,
      );
      const milliseconds = Math.round((performance.now() - started) / batch.length);
      await Promise.all(
        batch.map(async ({ item, id, known }, i) => {
          if (known !== undefined) return;
          const text = texts[i]!;
          answers.set(item.id, text);
          const reply = { id, item: item.id, repeat: 0, ask: 0, text, finishReason: "stop", model: model.fingerprint };
          await journal.append({ ...reply, promptTokens: 0, completionTokens: 0, milliseconds });
        }),
      );
      options.onProgress?.(answers.size, items.length);
    }
  } finally {
    await journal.close();
  }
  return answers;
}

async function answer(model: TextGenerator, prompts: string[], signal: AbortSignal | undefined): Promise<string[]> {
  if (model.generateTexts === undefined) return [await model.generateText(prompts[0]!, signal)];
  const texts = await model.generateTexts(prompts, signal);
  if (texts.length === prompts.length) return texts;
  throw new BelleError("ERR_BELLE_INTERNAL", `The model gave ${texts.length} answers to ${prompts.length} prompts.`);
}

/**
 * Reads {"answer"} objects with the item's "id" or its "question", one a line, and joins them to the items. Throws when
 * an item has no answer or two, or when the file names an item the set does not have.
 */
export async function readAnswers(path: string, items: readonly EvalItem[]): Promise<Map<string, string>> {
  const ids = new Set(items.map((item) => item.id));
  const byQuestion = new Map<string, string>();
  for (const item of items) byQuestion.set(item.question, item.id);
  const answers = new Map<string, string>();
  let unknown = 0;
  for await (const line of readLines(path)) {
    if (line.text.trim() === "") continue;
    const wrong = (problem: string) =>
      new BelleError("ERR_BELLE_INVALID_DATA", `${path}, line ${line.number}: ${problem}`, {
        details: { path, line: line.number },
      });
    const parsed = parseObject(line.text);
    if (!parsed.ok) throw wrong(`${parsed.problem}; write one {"id", "answer"} object a line.`);
    const { id, question, answer: text } = parsed.value;
    if (typeof text !== "string") throw wrong('"answer" must be a text.');
    if (id === undefined && typeof question !== "string") throw wrong('needs the item\'s "id" or its "question".');
    const key = id === undefined ? byQuestion.get(question as string) : String(id);
    if (key === undefined || !ids.has(key)) {
      unknown++;
      continue;
    }
    if (answers.has(key)) throw wrong(`a second answer to item "${key}"; keep one.`);
    answers.set(key, text);
  }
  const missing = items.filter((item) => !answers.has(item.id));
  if (missing.length > 0) {
    throw new BelleError(
      "ERR_BELLE_INVALID_DATA",
      `${path} lacks answers to ${missing.length} of ${items.length} items, the first "${missing[0]!.id}"${unknown > 0 ? `, and has ${unknown} for items that are not in the set` : ""}; check that it was made from the same questions.`,
      { details: { path, missing: missing.length, unknown } },
    );
  }
  return answers;
}
