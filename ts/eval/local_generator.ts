// A model on this computer as a TextGenerator: the template's question, greedy or sampled, decoded.

import { fingerprint } from "../config/fingerprint.ts";
import type { GenerateSection } from "../config/generate.ts";
import { type Template, toSegments } from "../data/template.ts";
import type { GenerateOptions } from "../model/generate_options.ts";
import type { Model } from "../model/model.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { TextGenerator } from "./answers.ts";

export interface LocalGeneratorOptions {
  model: Model;
  tokenizer: Tokenizer;
  template: Template;
  generate: GenerateSection;
  /** Identity of the weights, e.g. the sha256 of their manifest. */
  weights: string;
}

/**
 * The `generate` section as options of Model.generate: rows the tokenizer has no piece for are never sampled, and an
 * answer ends where either the model's config or the tokenizer says end-of-sequence.
 */
export function samplingOptions(model: Model, tokenizer: Tokenizer, generate: GenerateSection): GenerateOptions {
  const ends = new Set([...model.eosTokenIds, tokenizer.eosId]);
  return {
    maxNewTokens: generate.max_new_tokens,
    temperature: generate.temperature,
    topK: generate.top_k,
    topP: generate.top_p,
    repetitionPenalty: generate.repetition_penalty,
    seed: generate.seed,
    vocabulary: Math.min(tokenizer.vocabSize, model.vocabSize),
    stop: [...ends].filter((id) => id >= 0),
  };
}

/** Prompts are questions; each is encoded exactly as data preparation encodes a human turn. */
export function localGenerator(options: LocalGeneratorOptions): TextGenerator {
  const { model, tokenizer, template, generate, weights } = options;
  const generateTexts = async (questions: readonly string[], signal?: AbortSignal): Promise<string[]> => {
    const prompts = questions.map((question) => {
      const segments = toSegments([{ role: "human", text: question }], template);
      return tokenizer.encode(segments.map((segment) => segment.text).join(""));
    });
    const answers = await model.generate(prompts, {
      ...samplingOptions(model, tokenizer, generate),
      ...(signal === undefined ? {} : { signal }),
    });
    return answers.map((ids) => tokenizer.decode(ids).trim());
  };
  return {
    fingerprint: fingerprint({ weights, tokenizer: tokenizer.fingerprint, template, generate }),
    placed: generate.temperature > 0,
    generateTexts,
    generateText: async (question, signal) => (await generateTexts([question], signal))[0]!,
  };
}
