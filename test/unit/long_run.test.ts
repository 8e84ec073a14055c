// Two thousand steps over packs of changing length: memory does not grow. (That no step allocates at all is counted in
// test/native/train/no_allocation.cpp.)
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Model, Trainer } from "../../ts/index.ts";

const test = suite("long run");

for (const dtype of ["float32", "bfloat16"] as const) {
  test(`${dtype}: 2,000 steps, resident memory flat after step 50`, async () => {
    using model = await Model.create(
      {
        model_type: "llama",
        architectures: ["LlamaForCausalLM"],
        vocab_size: 256,
        hidden_size: 32,
        intermediate_size: 64,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        num_key_value_heads: 1,
        max_position_embeddings: 128,
        rms_norm_eps: 1e-6,
        rope_theta: 10000,
        hidden_act: "silu",
        tie_word_embeddings: false,
      },
      { seed: 1, dtype },
    );
    // Two documents of a length of its own in every micro-batch.
    const batches = Array.from({ length: 40 }, (_, i) => {
      const [first, second] = [5 + ((i * 7) % 53), 3 + ((i * 11) % 61)];
      const inputIds = Int32Array.from({ length: first + second }, (_, t) => (t * 31 + i * 17) % 256);
      return { inputIds, cuSeqlens: Int32Array.of(0, first, first + second), labels: inputIds };
    });
    using trainer = await Trainer.create({
      model,
      data: { batches },
      config: { max_steps: 2000, learning_rate: 1e-4 },
    });
    const memory: number[] = [];
    let last = 0;
    for await (const event of trainer.run()) {
      if (event.type !== "step") continue;
      last = event.step;
      if (event.step === 50) globalThis.gc?.();
      memory.push(event.memory);
    }
    assert.is(last, 2000);
    globalThis.gc?.();
    const early = memory.slice(50, 250).sort((a, b) => a - b)[100]!;
    const late = memory.slice(-200).sort((a, b) => a - b)[100]!;
    if (process.env.BELLE_FIGURES) console.log(`${dtype}: ${early} bytes early, ${late} late`);
    // JavaScript's own heap moves by some hundred kilobytes; a leak of 1 kB a step would be 2 MB.
    assert.ok(late - early < 1.5e6, `${early} bytes resident at step 150, ${late} at step 1,900`);
  });
}

test.run();
