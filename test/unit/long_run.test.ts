// Two thousand steps over packs of changing length: memory does not grow. (That no step allocates at all is counted in
// test/native/train/no_allocation.cpp.)
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Model, Trainer } from "../../ts/index.ts";
import { tinyConfig } from "./native_fixture.ts";

const test = suite("long run");

for (const dtype of ["float32", "bfloat16"] as const) {
  test(`${dtype}: 2,000 steps, resident memory flat after step 50`, async () => {
    using model = await Model.create({ ...tinyConfig, vocab_size: 256 }, { seed: 1, dtype });
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
    const early = memory.slice(50, 250).sort((a, b) => a - b)[100]!;
    const late = memory.slice(-200).sort((a, b) => a - b)[100]!;
    if (process.env.BELLE_FIGURES) console.log(`${dtype}: ${early} bytes early, ${late} late`);
    // JavaScript's own heap moves by some hundred kilobytes; a leak of 1 kB a step would be 2 MB.
    assert.ok(late - early < 1.5e6, `${early} bytes resident at step 150, ${late} at step 1,900`);
  });
}

test.run();
