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

/** Paths of those that the folder has. */
export function tokenizerFiles(folder: string): string[] {
  return names.map((name) => join(folder, name)).filter((file) => existsSync(file));
}
