// The models of the whole-program claims: the sizes and shapes that the peers' scripts have.
import { type DType, oneOf } from "./options.ts";

export const sizes = {
  "9m": { vocab: 8192, hidden: 256, layers: 6, intermediate: 688, heads: 4, batch: 8, seq: 256 },
  "34m": { vocab: 8192, hidden: 512, layers: 8, intermediate: 1376, heads: 8, batch: 4, seq: 512 },
  "110m": { vocab: 32000, hidden: 768, layers: 12, intermediate: 2048, heads: 12, batch: 2, seq: 512 },
} as const;
export type Size = keyof typeof sizes;

/** `--size 9m,34m` */
export function readSizes(text: string): Size[] {
  return text.split(",").map((name) => oneOf("size", name, Object.keys(sizes) as Size[]));
}

export function llamaConfig(size: Size): object {
  const shape = sizes[size];
  return {
    model_type: "llama",
    architectures: ["LlamaForCausalLM"],
    vocab_size: shape.vocab,
    hidden_size: shape.hidden,
    num_hidden_layers: shape.layers,
    intermediate_size: shape.intermediate,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.heads,
    max_position_embeddings: 2048,
    rms_norm_eps: 1e-6,
    rope_theta: 10000,
    hidden_act: "silu",
    tie_word_embeddings: false,
  };
}

/** The name the peers' scripts have for a dtype. */
export const peerDType: Record<DType, string> = { float32: "fp32", bfloat16: "bf16" };

/** This very script in a process of its own, as the child that measures. */
export function childCommand(script: string, request: object): string[] {
  return [process.execPath, ...process.execArgv, script, "--child", JSON.stringify(request)];
}

/** What childCommand gave this process, if it is such a child. */
export function childRequest<T>(): T | undefined {
  return process.argv[2] === "--child" ? (JSON.parse(process.argv[3]!) as T) : undefined;
}

/** Prints the child's figures as one JSON line, or why there are none. */
export async function answer(figures: Promise<object>): Promise<void> {
  try {
    console.log(JSON.stringify(await figures));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
