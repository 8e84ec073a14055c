// What of a model folder belongs to its tokenizer.
import { existsSync } from "node:fs";
import { join } from "node:path";

// The tokenizer, and what transformers reads beside it.
const names = [
  "tokenizer.model",
  "tokenizer.json",
  "tokenizer.tiktoken",
  "tokenizer_config.json",
  "special_tokens_map.json",
];

/** Paths of those that the folder has. `more`: further names. */
export function tokenizerFiles(folder: string, more: readonly string[] = []): string[] {
  return [...names, ...more].map((name) => join(folder, name)).filter((file) => existsSync(file));
}
