// Judges answers: k replies an item, each read by the score parser, every paid reply journaled before it counts.

import { setMaxListeners } from "node:events";
import { abortError } from "../native/abort.ts";
import { BelleError } from "../native/errors.ts";
import type { ChatCompleter, ChatCompletion, ChatMessage, ChatRequest } from "./chat_client.ts";
import { useCaseOf } from "./classes.ts";
import { type Journal, type JournalReply, requestId } from "./journal.ts";
import { judgeMessages, type PromptOptions, promptFor, reaskMessages } from "./prompts.ts";
import { type ParsedScore, parseScore, type ScoreOptions, type ScoreStatus } from "./score_parser.ts";

export interface JudgeItem {
  /** Unique in a run, stable between runs. */
  id: string;
  class: string;
  question: string;
  /** "" when there is none. */
  gold: string;
  answer: string;
}

export interface JudgeOptions extends PromptOptions, Omit<ScoreOptions, "finishReason"> {
  client: ChatCompleter;
  items: readonly JudgeItem[];
  /** Judge calls an item, averaged (the papers: 3). */
  repeats: number;
  /** The papers: 0. */
  temperature: number;
  max_tokens: number;
  seed?: number;
  /** Ask once more when a reply holds no usable score. Default true. */
  reask?: boolean;
  journal?: Journal;
  signal?: AbortSignal;
  /** Stop before more than this many calls were made. */
  maxCalls?: number;
  /** After a stop, replies under way get this long to arrive, since they are paid for. Default 5000. */
  graceMs?: number;
}

/** One of the k judgments of an item. */
export interface Verdict {
  repeat: number;
  status: ScoreStatus | "refused";
  score?: number;
  /** What was read, before the range check. */
  value?: number;
  /** The last reply; for "refused" the endpoint's reason. */
  reply: string;
  reasked: boolean;
}

export interface Judgment {
  id: string;
  /** Folded class name. */
  class: string;
  /** Mean of the usable verdicts; absent when there is none. Failures never become numbers. */
  score?: number;
  verdicts: Verdict[];
}

export interface JudgeCounts {
  items: number;
  /** Items with at least one usable verdict. */
  scored: number;
  verdicts: number;
  byStatus: Record<Verdict["status"], number>;
  reasked: number;
  /** Requests sent by this run. */
  calls: number;
  /** Replies taken from the journal. */
  cached: number;
  /** Of this run and of journaled replies together. */
  promptTokens: number;
  completionTokens: number;
}

export type JudgeEvent =
  | { type: "item"; judgment: Judgment }
  | { type: "progress"; done: number; total: number; etaSeconds: number | undefined; counts: JudgeCounts }
  | { type: "done"; counts: JudgeCounts };

/** Part of every request id: raise it when the protocol changes so that old replies must not be used. */
const protocol = "belle-judge/1";

/** A reply with one of these is asked again. */
const reaskable: ReadonlySet<ScoreStatus> = new Set(["unparsed", "ambiguous", "out_of_range", "empty"]);

function newCounts(items: number): JudgeCounts {
  const byStatus = {
    ok: 0,
    empty: 0,
    truncated: 0,
    filtered: 0,
    unparsed: 0,
    out_of_range: 0,
    ambiguous: 0,
    refused: 0,
  };
  const counts = { items, scored: 0, verdicts: 0, byStatus, reasked: 0, calls: 0, cached: 0 };
  return { ...counts, promptTokens: 0, completionTokens: 0 };
}

/** One run's shared state: asks, journals, counts. */
class Bench {
  readonly counts: JudgeCounts;
  readonly #options: JudgeOptions;
  readonly #signal: AbortSignal;
  #refusedInARow = 0;

  constructor(options: JudgeOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    this.counts = newCounts(options.items.length);
  }

  async judge(item: JudgeItem, stopping: () => boolean): Promise<Judgment> {
    const messages = judgeMessages(item, this.#options);
    const verdicts: Verdict[] = [];
    for (let repeat = 0; repeat < this.#options.repeats; repeat++) {
      if (stopping()) throw abortError(undefined, "Judging");
      verdicts.push(await this.#verdict(item, messages, repeat));
    }
    const scores = verdicts.flatMap((verdict) => (verdict.score === undefined ? [] : [verdict.score]));
    const judgment: Judgment = { id: item.id, class: useCaseOf(item.class), verdicts };
    if (scores.length === 0) return judgment;
    this.counts.scored++;
    return { ...judgment, score: scores.reduce((sum, score) => sum + score, 0) / scores.length };
  }

  async #verdict(item: JudgeItem, messages: ChatMessage[], repeat: number): Promise<Verdict> {
    let reply = await this.#ask(item, messages, repeat, 0);
    let parsed = this.#parse(reply);
    let reasked = false;
    if (this.#options.reask !== false && "text" in reply && parsed !== undefined && reaskable.has(parsed.status)) {
      reasked = true;
      this.counts.reasked++;
      const again = await this.#ask(item, reaskMessages(messages, reply.text), repeat, 1);
      const second = this.#parse(again);
      if (second !== undefined) {
        reply = again;
        parsed = second;
      }
    }
    const status = parsed?.status ?? "refused";
    this.counts.verdicts++;
    this.counts.byStatus[status]++;
    const verdict: Verdict = { repeat, status, reply: "text" in reply ? reply.text : reply.refusal, reasked };
    if (parsed?.score !== undefined) verdict.score = parsed.score;
    if (parsed?.value !== undefined) verdict.value = parsed.value;
    return verdict;
  }

  #parse(reply: ChatCompletion | { refusal: string }): ParsedScore | undefined {
    if (!("text" in reply)) return undefined;
    return parseScore(reply.text, { ...this.#options, finishReason: reply.finishReason });
  }

  #request(messages: ChatMessage[]): ChatRequest {
    const { temperature, max_tokens, seed } = this.#options;
    return { messages, temperature, max_tokens, ...(seed === undefined ? {} : { seed }) };
  }

  /** From the journal, or from the endpoint and then into the journal. */
  async #ask(
    item: JudgeItem,
    messages: ChatMessage[],
    repeat: number,
    ask: number,
  ): Promise<ChatCompletion | { refusal: string }> {
    const { client, journal, maxCalls } = this.#options;
    const request = this.#request(messages);
    const { endpoint, model } = client;
    // The repeat is part of the identity: without it k repeats would be one reply counted k times.
    const id = requestId({ protocol, endpoint, model, request, item: item.id, repeat, ask });
    const known = journal?.find(id);
    if (known !== undefined) {
      this.counts.cached++;
      return this.#counted(known);
    }
    if (maxCalls !== undefined && this.counts.calls >= maxCalls) {
      throw new BelleError(
        "ERR_BELLE_QUOTA",
        `The limit of ${maxCalls} judge calls is reached; raise it and run the same command again to go on.`,
      );
    }
    this.counts.calls++;
    const started = performance.now();
    const what = { id, item: item.id, repeat, ask };
    try {
      const completion = await client.complete(request, this.#signal);
      const milliseconds = Math.round(performance.now() - started);
      await journal?.append({ ...what, ...completion, milliseconds } satisfies JournalReply);
      this.#refusedInARow = 0;
      return this.#counted(completion);
    } catch (error) {
      // Only a refusal of this very request lets the run go on; all else would repeat itself at every item.
      if (!(error instanceof BelleError) || error.code !== "ERR_BELLE_INVALID_ARGUMENT") throw error;
      await journal?.append({ ...what, error: { code: error.code, message: error.message } });
      this.#refusedInARow++;
      if (this.#refusedInARow >= 10) {
        throw new BelleError(
          "ERR_BELLE_HTTP",
          `The endpoint refused 10 requests in a row, the last with: ${error.message} Check model, temperature and max_tokens.`,
          { details: error.details },
        );
      }
      return { refusal: error.message };
    }
  }

  #counted(reply: ChatCompletion): ChatCompletion {
    this.counts.promptTokens += reply.promptTokens;
    this.counts.completionTokens += reply.completionTokens;
    return reply;
  }
}

/** Every item must be judgeable before the first call is paid for. */
function checkItems(options: JudgeOptions): void {
  if (!Number.isSafeInteger(options.repeats) || options.repeats < 1) {
    throw new BelleError("ERR_BELLE_INVALID_ARGUMENT", `repeats is ${options.repeats}; it must be 1 or more.`);
  }
  if (options.rescale !== undefined && !(options.rescale > 0)) {
    throw new BelleError("ERR_BELLE_INVALID_ARGUMENT", `rescale is ${options.rescale}; it must be above 0.`);
  }
  const seen = new Set<string>();
  for (const item of options.items) {
    promptFor(useCaseOf(item.class, `item ${item.id}`), options.prompts);
    judgeMessages(item, options);
    if (seen.has(item.id)) {
      throw new BelleError("ERR_BELLE_INVALID_DATA", `Two items have the id "${item.id}"; ids must be unique.`);
    }
    seen.add(item.id);
  }
}

/** Calls and prompt characters of a run without re-asks; nothing is sent. */
export function estimateJudge(options: JudgeOptions): { items: number; calls: number; promptCharacters: number } {
  checkItems(options);
  let characters = 0;
  for (const item of options.items) {
    for (const message of judgeMessages(item, options)) characters += [...message.content].length;
  }
  const { repeats } = options;
  return { items: options.items.length, calls: options.items.length * repeats, promptCharacters: characters * repeats };
}

/**
 * Judges all items, several at once, and yields each as it is finished, with progress behind it. Leaving the loop stops
 * the run. Throws what the client throws for errors that concern the whole run; journaled replies are then kept.
 */
export async function* judge(options: JudgeOptions): AsyncGenerator<JudgeEvent, void, undefined> {
  checkItems(options);
  const { items, client, signal } = options;
  const inner = new AbortController();
  setMaxListeners(0, inner.signal);
  const bench = new Bench(options, inner.signal);
  const finished: Judgment[] = [];
  let failure: unknown;
  let stopping = false;
  let wake = () => {};
  let grace: NodeJS.Timeout | undefined;
  const stop = () => {
    stopping = true;
    grace ??= setTimeout(() => inner.abort(signal?.reason), options.graceMs ?? 5000);
  };
  if (signal?.aborted) stop();
  signal?.addEventListener("abort", stop, { once: true });

  let next = 0;
  const worker = async () => {
    while (!stopping && failure === undefined && next < items.length) {
      const item = items[next++]!;
      try {
        finished.push(await bench.judge(item, () => stopping || failure !== undefined));
      } catch (error) {
        failure ??= error;
        stop();
      }
      wake();
    }
  };
  let running = true;
  const workers = Promise.all(Array.from({ length: Math.min(client.concurrency, items.length) }, worker)).then(() => {
    running = false;
    wake();
  });

  const started = performance.now();
  let done = 0;
  try {
    while (running || finished.length > 0) {
      if (finished.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (!running || finished.length > 0) resolve();
        });
        continue;
      }
      yield { type: "item", judgment: finished.shift()! };
      done++;
      const counts = bench.counts;
      // Journaled items pass in no time and must not make the rest look quick.
      const asked = counts.calls / Math.max(1, counts.calls + counts.cached);
      const seconds = (performance.now() - started) / 1000;
      const etaSeconds = asked > 0 ? (seconds / Math.max(1, done * asked)) * (items.length - done) : undefined;
      yield { type: "progress", done, total: items.length, etaSeconds, counts: structuredClone(counts) };
    }
    if (failure !== undefined) throw failure;
    if (stopping) throw abortError(signal, "Judging");
    yield { type: "done", counts: structuredClone(bench.counts) };
  } finally {
    stopping = true;
    signal?.removeEventListener("abort", stop);
    if (running) inner.abort();
    await workers;
    clearTimeout(grace);
  }
}
