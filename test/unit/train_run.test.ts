// trainingRun: a run goes on from its own checkpoints only, never from those of other starting weights.
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Model, type RunEvent, runSchema, trainBpe, trainingRun } from "../../ts/index.ts";
import { withFolder } from "../support/folder.ts";
import { fails } from "../support/thrown.ts";
import { tinyConfig } from "./native_fixture.ts";

const test = suite("train run");

// Enough that an abort arrives long before the last one.
const steps = 300;

async function material(folder: string) {
  const text = join(folder, "text.txt");
  writeFileSync(text, "今天天气很好\n今天我们去学校\n学校的天气也很好\n".repeat(10));
  const tokenizer = await trainBpe({ files: [text], vocab_size: 280, byte_fallback: true, character_coverage: 1 });
  await tokenizer.save(join(folder, "tokenizer.model"));
  for (const seed of [1, 2]) {
    using model = await Model.create({ ...tinyConfig, vocab_size: 280 }, { seed, threads: 1 });
    await model.save(join(folder, `base${seed}`));
  }
  return (path: string, max_steps: number) =>
    runSchema.parse({
      model: { path, threads: 1 },
      tokenizer: { path: join(folder, "tokenizer.model") },
      data: { sources: [text] },
      train: { output_dir: join(folder, "out"), max_steps, save_steps: 100, max_length: 32, seed: 1 },
      metrics: { tensorboard: false },
    });
}

/** Steps that were trained, the first of them first. */
async function stepsOf(config: ReturnType<typeof runSchema.parse>, signal?: AbortSignal, at = 0, stop = () => {}) {
  const seen: number[] = [];
  const report = (event: RunEvent) => {
    if (event.type !== "step") return;
    seen.push(event.step);
    if (event.step === at) stop();
  };
  await trainingRun(config, signal, report).catch((error: Error & { code?: string }) => {
    if (error.code !== "ERR_BELLE_ABORTED") throw error;
  });
  return seen;
}

test("a stopped run goes on, also when its model was moved; other weights are refused", () =>
  withFolder(async (folder) => {
    const config = await material(folder);
    const base = join(folder, "base1");
    const controller = new AbortController();
    const first = await stepsOf(config(base, steps), controller.signal, 3, () => controller.abort());
    assert.ok(first.length >= 3 && first.length < steps, first.join());
    const other = () => trainingRun(config(join(folder, "base2"), steps), undefined, () => {});
    await fails(other, "ERR_BELLE_INVALID_ARGUMENT", /checkpoint-\d+.*written with another.*choose another output_dir/);
    const moved = join(folder, "moved");
    renameSync(base, moved);
    const second = await stepsOf(config(moved, steps));
    assert.equal(
      [...first, ...second],
      Array.from({ length: steps }, (_, i) => i + 1),
    );
    assert.equal(await stepsOf(config(moved, steps)), [], "nothing is left to do");
  }));

test("a model folder that is not there is named before anything is trained", () =>
  withFolder(async (folder) => {
    const config = await material(folder);
    const run = () => trainingRun(config(join(folder, "nowhere"), 2), undefined, () => {});
    await fails(run, "ERR_BELLE_NOT_FOUND", /nowhere/);
  }));

test.run();
