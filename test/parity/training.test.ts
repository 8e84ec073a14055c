// Training of the five reference models through the public surface: losses, gradient norms, learning rates and the
// weights after the last step, as PyTorch's AdamW and transformers' schedules give them.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Model, type TrainConfig, type TrainEvent, Trainer } from "../../ts/index.ts";
import { withFolder } from "../support/folder.ts";
import { testWithShared } from "../support/shared.ts";
import { below, Goldens, models, normError, relative, type TrainGolden } from "./golden.ts";

const test = suite("training parity");

function config(golden: TrainGolden, more: TrainConfig = {}): TrainConfig {
  return {
    learning_rate: golden.lr,
    weight_decay: golden.wd,
    lr_scheduler_type: golden.sched,
    warmup_ratio: golden.warm,
    max_grad_norm: golden.clip,
    gradient_accumulation_steps: golden.accum,
    max_steps: golden.steps,
    ...more,
  };
}

function batches(golden: Goldens, prefix: string, count: number) {
  return Array.from({ length: count }, (_, index) => golden.batch(prefix, index));
}

async function train(model: Model, data: { batches: ReturnType<typeof batches> }, settings: TrainConfig) {
  using trainer = await Trainer.create({ model, data, config: settings });
  const events: TrainEvent[] = [];
  for await (const event of trainer.run()) events.push(event);
  assert.equal(events.at(-1), { type: "done", step: settings.max_steps, stopped: false });
  return events.filter((event) => event.type === "step");
}

function compare(steps: Awaited<ReturnType<typeof train>>, golden: TrainGolden) {
  assert.equal(
    steps.map((step) => step.step),
    golden.losses.map((_, index) => index + 1),
  );
  steps.forEach((step, index) => {
    below(relative(step.loss, golden.losses[index]!), 1e-4, `loss of step ${step.step}`);
    below(relative(step.gradNorm, golden.grad_norms[index]!), 1e-3, `gradient norm of step ${step.step}`);
    below(Math.abs(step.lr - golden.lrs[index]!), 1e-9 * golden.lr, `learning rate of step ${step.step}`);
  });
}

/**
 * BLOOM's fused bias [heads][q|k|v][head_dim] without k: a key bias shifts all scores of a query alike, so its gradient
 * is exactly zero, and AdamW makes steps of the learning rate out of its rounding noise.
 */
function withoutKeys(bias: Float32Array, folder: string): Float32Array {
  const { n_head } = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as { n_head: number };
  const headDim = bias.length / 3 / n_head;
  return bias.filter((_, row) => Math.floor(row / headDim) % 3 !== 1);
}

for (const name of models) {
  testWithShared(test, `${name}: 20 steps, cosine with warm-up, accumulation 2`, async (shared) => {
    const golden = new Goldens(shared, name);
    const settings = golden.values.train;
    using model = await Model.load(golden.folder);
    compare(await train(model, { batches: batches(golden, "train", 40) }, config(settings)), settings);
    for (const weight of golden.names("train.param.")) {
      const expected = golden.floats(`train.param.${weight}`);
      const actual = model.readParameter(weight);
      const [a, b] = weight.endsWith("query_key_value.bias")
        ? [withoutKeys(actual, golden.folder), withoutKeys(expected, golden.folder)]
        : [actual, expected];
      below(normError(a, b), 2e-5, `weights of ${weight}`);
    }
    // What was trained is what is saved.
    await withFolder(async (folder) => {
      await model.save(join(folder, "model"));
      using reloaded = await Model.load(join(folder, "model"));
      for (const { name: weight } of model.parameters()) {
        assert.equal(reloaded.readParameter(weight), model.readParameter(weight), weight);
      }
    });
  });

  testWithShared(test, `${name}: 10 steps, constant schedule`, async (shared) => {
    const golden = new Goldens(shared, name);
    const settings = golden.values.train_constant;
    using model = await Model.load(golden.folder);
    compare(await train(model, { batches: batches(golden, "train", 10) }, config(settings)), settings);
  });

  testWithShared(
    test,
    `${name}: 37 new rows from their sub-tokens, then 10 steps of the embeddings only`,
    async (shared) => {
      const golden = new Goldens(shared, name);
      const settings = golden.values.extend;
      using model = await Model.load(golden.folder);
      const before = new Map(model.parameters().map(({ name: weight }) => [weight, model.readParameter(weight)]));
      const rows = golden.tensor("extend.embed_in").shape[0]!;
      await model.resizeVocabulary({ rows, subTokens: settings.sub_tokens, init: "subtoken-mean" });
      assert.is(model.vocabSize, rows);
      const steps = await train(
        model,
        { batches: batches(golden, "extend", 10) },
        config(settings, { trainable: "embeddings" }),
      );
      compare(steps, settings);
      const [input, output] = name.startsWith("bloom")
        ? ["transformer.word_embeddings.weight", "transformer.word_embeddings.weight"]
        : ["model.embed_tokens.weight", before.has("lm_head.weight") ? "lm_head.weight" : "model.embed_tokens.weight"];
      below(normError(model.readParameter(input), golden.floats("extend.embed_in")), 1e-5, "input embeddings");
      below(normError(model.readParameter(output), golden.floats("extend.embed_out")), 1e-5, "output embeddings");
      for (const [weight, values] of before) {
        if (weight !== input && weight !== output)
          assert.equal(model.readParameter(weight), values, `${weight} is frozen`);
      }
    },
  );
}

test.run();
