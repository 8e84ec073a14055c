// Small things the addon's tests share: a model that trains in milliseconds, data for it.
import { Model, type TrainBatch } from "../../ts/index.ts";

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
