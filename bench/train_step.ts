// Claim: tokens per second of a whole training step (forward, backward, clip, AdamW) of a LLaMA in float32.
//   node --import tsx bench/train_step.ts [--size 9m|34m] [--rounds 3] [--peer "python torch_train_step.py --dtype fp32"]
import { Model, Trainer } from "../ts/index.ts";
import { argument, measure } from "./measure.ts";

const sizes = {
  "9m": { vocab: 8192, hidden: 256, layers: 6, intermediate: 688, heads: 4, batch: 8, seq: 256 },
  "34m": { vocab: 8192, hidden: 512, layers: 8, intermediate: 1376, heads: 8, batch: 4, seq: 512 },
} as const;
const size = argument("size") === "34m" ? "34m" : "9m";
const shape = sizes[size];
const threads = Number(argument("threads") ?? 2);
const steps = Number(argument("steps") ?? 8);
const warmup = 2;

const model = await Model.create(
  {
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
  },
  { threads, seed: 0 },
);
const tokens = shape.batch * shape.seq;
const inputIds = Int32Array.from({ length: tokens }, (_, i) => (i * 7919 + 13) % shape.vocab);
const cuSeqlens = Int32Array.from({ length: shape.batch + 1 }, (_, i) => i * shape.seq);

async function tokensPerSecond(): Promise<number> {
  using trainer = await Trainer.create({
    model,
    data: { batches: [{ inputIds, cuSeqlens, labels: inputIds }] },
    config: { max_steps: steps + warmup, learning_rate: 1e-4, lr_scheduler_type: "constant" },
  });
  const seconds: number[] = [];
  for await (const event of trainer.run()) {
    if (event.type === "step" && event.step > warmup) seconds.push(event.seconds);
  }
  seconds.sort((a, b) => a - b);
  return tokens / seconds[Math.floor(seconds.length / 2)]!;
}

const peer = argument("peer");
await measure({
  name: `train_step ${size} float32`,
  unit: "tokens/s",
  higher: true,
  rounds: Number(argument("rounds") ?? 3),
  ours: tokensPerSecond,
  config: { ...shape, threads, steps, parameters: model.parameterCount },
  ...(peer === undefined
    ? {}
    : {
        peer: {
          command: [
            ...peer.split(" "),
            ...["--size", size, "--threads", String(threads), "--steps", String(steps)],
            ...["--batch", String(shape.batch), "--seq", String(shape.seq)],
          ],
          figure: (line) => Number(line.tokens_per_s),
        },
      }),
});
model.dispose();
