// Small things the addon's tests share: a model that trains in milliseconds, data for it, temporary folders.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { BelleError, type BelleErrorCode, Model, type TrainBatch } from "../../ts/index.ts";

/** A Hugging Face config.json of a LLaMA of about 30,000 weights. */
export const tinyConfig = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  vocab_size: 96,
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 256,
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  hidden_act: "silu",
  initializer_range: 0.05,
  bos_token_id: 1,
  eos_token_id: 2,
  tie_word_embeddings: false,
};

export function tinyModel(dtype: "float32" | "bfloat16" = "float32"): Promise<Model> {
  return Model.create(tinyConfig, { seed: 7, backend: "cpu", dtype });
}

/** `count` micro-batches of two documents, all tokens supervised, the same in every run. */
export function tinyBatches(count: number, tokens = 24): TrainBatch[] {
  return Array.from({ length: count }, (_, batch) => {
    const inputIds = Int32Array.from({ length: tokens }, (_, i) => 3 + ((i * 7 + batch * 13 + i * i) % 90));
    return { inputIds, cuSeqlens: Int32Array.of(0, tokens / 2, tokens), labels: inputIds.slice() };
  });
}

export async function withFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "belle-test-"));
  try {
    return await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs `body`, which must throw or reject with this code and a message that matches. */
export async function fails(body: () => unknown, code: BelleErrorCode, message: RegExp): Promise<BelleError> {
  let thrown: unknown;
  try {
    await body();
  } catch (error) {
    thrown = error;
  }
  if (!(thrown instanceof BelleError)) throw new Error(`expected a BelleError ${code}, got ${String(thrown)}`);
  assert.is(thrown.code, code, thrown.message);
  assert.match(thrown.message, message);
  return thrown;
}
