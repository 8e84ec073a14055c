// Sampling options, defaults and checks.
import type { NativeGenerateOptions } from "../native/binding.ts";
import { BelleError } from "../native/errors.ts";

export interface GenerateOptions {
  /** Most new tokens of each prompt. Default 64. */
  maxNewTokens?: number;
  /** 0 (default) takes the likeliest token each time (greedy). */
  temperature?: number;
  /** Sample among this many likeliest tokens; 0 (default) = all. */
  topK?: number;
  /** Sample among the likeliest tokens that together reach this probability; default 1 = all. */
  topP?: number;
  /** Over prompt and new tokens, as in transformers; default 1 = none. */
  repetitionPenalty?: number;
  /** A prompt's tokens are a function of (seed, its place in the list). Default 0. */
  seed?: number;
  /** Token ids that end an answer; default the model's eos ids. */
  stop?: readonly number[] | Uint32Array | Int32Array;
  /** Sample only ids below this (rows beyond the tokenizer are padding); 0 (default) = all rows. */
  vocabulary?: number;
  signal?: AbortSignal;
  /** Called for every new token, in order within a prompt. What it throws stops the call and rejects it. */
  onToken?: (prompt: number, token: number) => void;
}

function wrong(name: string, wanted: string, value: unknown): never {
  throw new BelleError("ERR_BELLE_INVALID_ARGUMENT", `${name} must be ${wanted}, not ${String(value)}.`);
}

function integer(name: string, value: number, min: number): number {
  if (!Number.isSafeInteger(value) || value < min) wrong(name, `an integer of at least ${min}`, value);
  return value;
}

function number(name: string, value: number, valid: (value: number) => boolean, wanted: string): number {
  if (typeof value !== "number" || !valid(value)) wrong(name, wanted, value);
  return value;
}

export function generateRequest(options: GenerateOptions, eosTokenIds: () => number[]): NativeGenerateOptions {
  const positive = (value: number) => value > 0 && Number.isFinite(value);
  return {
    maxNewTokens: integer("maxNewTokens", options.maxNewTokens ?? 64, 1),
    temperature: number(
      "temperature",
      options.temperature ?? 0,
      (value) => value === 0 || positive(value),
      "0 (greedy) or a positive number",
    ),
    topK: integer("topK", options.topK ?? 0, 0),
    topP: number("topP", options.topP ?? 1, (value) => value > 0 && value <= 1, "above 0 and at most 1"),
    repetitionPenalty: number("repetitionPenalty", options.repetitionPenalty ?? 1, positive, "a positive number"),
    seed: integer("seed", options.seed ?? 0, 0),
    stop: Int32Array.from(options.stop ?? eosTokenIds(), (id) => integer("each id of stop", id, 0)),
    vocabulary: integer("vocabulary", options.vocabulary ?? 0, 0),
  };
}
