// The `generate` section: sampling options by transformers' GenerationConfig names.
import { z } from "zod";
import { field } from "./field.ts";

export const generateSchema = z.strictObject({
  max_new_tokens: field(
    z.int().min(1).max(1_048_576).default(512),
    "Longest answer, in tokens.",
    "回答的最大 token 数。",
  ),
  temperature: field(
    z.number().min(0).max(100).default(0),
    "0 always takes the likeliest token (greedy).",
    "0 表示每次取概率最大的 token（贪心）。",
  ),
  top_k: field(
    z.int().min(0).default(0),
    "Sample among this many likeliest tokens; 0: all.",
    "只在概率最高的若干个 token 中采样；0 表示不限。",
  ),
  top_p: field(
    z.number().gt(0).max(1).default(1),
    "Sample among the likeliest tokens that together reach this probability.",
    "只在累计概率达到该值的 token 中采样。",
  ),
  repetition_penalty: field(
    z.number().positive().default(1),
    "Penalty of tokens that were already seen, prompt included; 1: none.",
    "对已出现 token（含提示）的惩罚；1 表示不惩罚。",
  ),
  seed: field(z.int().min(0).default(42), "Seed of the sampler.", "采样种子。"),
});

export type GenerateSection = z.output<typeof generateSchema>;
