// Adapters of PEFT through the public surface: its logits, its ten steps of training, its folders both ways.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type DType, Model, type TrainConfig, type TrainEvent, Trainer } from "../../ts/index.ts";
import { withFolder } from "../support/folder.ts";
import { testWithShared } from "../support/shared.ts";
import { below, Goldens, maxError, models, normError, readSafetensors, relative, rowOffsets } from "./golden.ts";

interface LoraGolden {
  steps: number;
  lr: number;
  wd: number;
  sched: "cosine";
  clip: number;
  r: number;
  alpha: number;
  targets: string[];
  losses: number[];
  grad_norms: number[];
}

const test = suite("LoRA parity");

function loraGolden(golden: Goldens): LoraGolden {
  const { lora } = JSON.parse(readFileSync(join(golden.folder, "golden.json"), "utf8")) as { lora: LoraGolden };
  return lora;
}

async function logitsOf(model: Model, golden: Goldens): Promise<Float32Array> {
  const { logits } = await model.forward({ inputIds: golden.ids("forward.input_ids"), cuSeqlens: rowOffsets(3, 48) });
  return logits!;
}

function goldenBatches(golden: Goldens, count: number) {
  return { batches: Array.from({ length: count }, (_, index) => golden.batch("train", index)) };
}

async function train(model: Model, data: ReturnType<typeof goldenBatches>, config: TrainConfig) {
  using trainer = await Trainer.create({ model, data, config });
  const events: TrainEvent[] = [];
  for await (const event of trainer.run({ resume: true })) events.push(event);
  return events.filter((event) => event.type === "step");
}

for (const name of models) {
  testWithShared(test, `${name}: logits with PEFT's adapter, merged and not; generation follows`, async (shared) => {
    const golden = new Goldens(shared, name);
    const { r, alpha, targets } = loraGolden(golden);
    const expected = golden.floats("lora.logits");
    using model = await Model.load(golden.folder, { adapter: join(golden.folder, "lora-final") });
    assert.equal(model.adapter, { r, loraAlpha: alpha, targetModules: targets, modulesToSave: [] });
    below(maxError(await logitsOf(model, golden), expected), 1e-4, "logits");
    const prompts = golden.values.generate.prompts.map((ids) => Uint32Array.from(ids));
    const greedy = { maxNewTokens: 40, temperature: 0, stop: [] };
    const adapted = await model.generate(prompts, greedy);
    for (const [index, inputIds] of golden.values.generate.prompts.entries()) {
      const cuSeqlens = Int32Array.of(0, inputIds.length);
      const { logits } = await model.forward({ inputIds: Int32Array.from(inputIds), cuSeqlens });
      const next = logits!.subarray(logits!.length - model.vocabSize);
      assert.is(adapted[index]![0], next.indexOf(Math.max(...next)), `first token of prompt ${index}`);
    }
    await model.mergeAdapter();
    assert.is(model.adapter, undefined);
    below(maxError(await logitsOf(model, golden), expected), 1e-4, "merged logits");
    assert.equal(await model.generate(prompts, greedy), adapted);
  });

  testWithShared(test, `${name}: 10 steps as PEFT trains them; the base keeps its bits`, async (shared) => {
    const golden = new Goldens(shared, name);
    const { losses, grad_norms, lr, wd, sched, clip, steps: max_steps } = loraGolden(golden);
    const final = readSafetensors(join(golden.folder, "lora-final", "adapter_model.safetensors"));
    using model = await Model.load(golden.folder, { adapter: join(golden.folder, "lora-initial") });
    const frozen = model.parameters().filter((parameter) => !final.has(parameter.name));
    const before = frozen.map((parameter) => model.readParameter(parameter.name));
    const steps = await train(model, goldenBatches(golden, 40), {
      trainable: "lora",
      learning_rate: lr,
      weight_decay: wd,
      lr_scheduler_type: sched,
      max_grad_norm: clip,
      max_steps,
    });
    assert.is(steps.length, losses.length);
    steps.forEach((step, index) => {
      below(relative(step.loss, losses[index]!), 1e-5, `loss of step ${step.step}`);
      below(relative(step.gradNorm, grad_norms[index]!), 1e-4, `gradient norm of step ${step.step}`);
    });
    for (const [weight, { data }] of final) {
      below(normError(model.readParameter(weight), data as Float32Array), 1e-3, weight);
    }
    frozen.forEach((parameter, index) => {
      assert.equal(model.readParameter(parameter.name), before[index], parameter.name);
    });
    await withFolder(async (folder) => {
      await model.saveAdapter(join(folder, "adapter"));
      using again = await Model.load(golden.folder, { adapter: join(folder, "adapter") });
      for (const { name: weight } of model.parameters()) {
        assert.equal(again.readParameter(weight), model.readParameter(weight), weight);
      }
    });
  });
}

for (const dtype of ["float32", "bfloat16"] satisfies DType[]) {
  testWithShared(test, `${dtype}: a fresh adapter of every layer learns; a resumed run has the same bits`, (shared) =>
    withFolder(async (folder) => {
      const golden = new Goldens(shared, "yi-gqa");
      const fresh = async () => {
        const model = await Model.load(golden.folder, { dtype });
        await model.addLora({ r: 4, modulesToSave: ["embed_tokens", "lm_head"], seed: 7 });
        return model;
      };
      const data = goldenBatches(golden, 2);
      const config: TrainConfig = { trainable: "lora", learning_rate: 1e-2, max_steps: 12 };
      using whole = await fresh();
      const steps = await train(whole, data, config);
      assert.ok(steps.every((step) => Number.isFinite(step.loss) && Number.isFinite(step.gradNorm)));
      below(steps.at(-1)!.loss, 0.8 * steps[0]!.loss, "loss of the last step");
      const saving = { ...config, save_steps: 5, output_dir: folder };
      using cut = await fresh();
      using trainer = await Trainer.create({ model: cut, data, config: saving });
      for await (const event of trainer.run()) if (event.type === "checkpoint") break;
      using rest = await fresh();
      const last = await train(rest, data, saving);
      assert.ok(last[0]!.step > 5 && last.at(-1)!.step === 12, `resumed at ${last[0]!.step}`);
      for (const { name } of whole.parameters()) {
        assert.equal(rest.readParameter(name), whole.readParameter(name), name);
      }
      await assertRefused(() => whole.save(join(folder, "model")), /saveAdapter.*mergeAdapter/);
    }),
  );
}

async function assertRefused(action: () => Promise<unknown>, message: RegExp): Promise<void> {
  await action().then(
    () => assert.unreachable("it was not refused"),
    (error: Error) => assert.match(error.message, message),
  );
}

test.run();
