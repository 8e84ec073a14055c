// Trainer: the order of events, stopping in every way, exact resume, bad input.
// Runs alone: it counts the steps that fit in a pause.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Model, type TrainConfig, type TrainEvent, Trainer } from "../../ts/index.ts";
import { binding } from "../../ts/native/load.ts";
import { withFolder } from "../support/folder.ts";
import { fails } from "../support/thrown.ts";
import { tinyBatches, tinyModel } from "./native_fixture.ts";

const test = suite("trainer");

const config: TrainConfig = {
  learning_rate: 1e-3,
  lr_scheduler_type: "cosine",
  warmup_ratio: 0.1,
  max_steps: 12,
  save_steps: 0,
};
const data = { batches: tinyBatches(5) };

async function collect(trainer: Trainer, options = {}): Promise<TrainEvent[]> {
  const events: TrainEvent[] = [];
  for await (const event of trainer.run(options)) events.push(event);
  return events;
}

function weights(model: Model): Float32Array[] {
  return model.parameters().map(({ name }) => model.readParameter(name));
}

/** The weights and losses of a run nobody disturbs. */
async function uninterrupted(settings: TrainConfig = config) {
  using model = await tinyModel();
  using trainer = await Trainer.create({ model, data, config: settings });
  const events = await collect(trainer);
  return { weights: weights(model), losses: events.flatMap((event) => (event.type === "step" ? [event.loss] : [])) };
}

test("run: one step event a step, in order, then done; the loss falls", async () => {
  using model = await tinyModel();
  using trainer = await Trainer.create({ model, data, config: { ...config, learning_rate: 1e-2, max_steps: 40 } });
  assert.equal([trainer.totalSteps, trainer.step], [40, 0]);
  assert.ok(trainer.plannedBytes > 4 * 4 * model.parameterCount, "weights, gradients and two moments at least");
  const events = await collect(trainer);
  const steps = events.filter((event) => event.type === "step");
  assert.equal(
    steps.map(({ step }) => step),
    Array.from({ length: 40 }, (_, i) => i + 1),
  );
  assert.equal(events.at(-1), { type: "done", step: 40, stopped: false });
  assert.is(trainer.step, 40);
  const [first, last] = [steps[0]!, steps[39]!];
  assert.equal([first.tokens, first.supervisedTokens, first.totalSteps, first.skipped], [24, 22, 40, false]);
  assert.ok(first.gradNorm > 0 && first.seconds > 0 && first.tokensPerSecond > 0);
  assert.ok(first.mfu > 0 && first.mfu < 1, `MFU ${first.mfu}`);
  assert.ok(first.memory > 20e6 && first.memory < 4e9, `${first.memory} bytes resident`);
  assert.ok(last.loss < first.loss - 1, `${first.loss} to ${last.loss}`);
});

test("accumulation: four micro-batches at once are one step over all of them", async () => {
  using together = await tinyModel();
  using apart = await tinyModel();
  const batches = tinyBatches(4);
  const join4 = {
    inputIds: Int32Array.from(batches.flatMap((batch) => [...batch.inputIds])),
    labels: Int32Array.from(batches.flatMap((batch) => [...batch.labels])),
    cuSeqlens: Int32Array.from({ length: 9 }, (_, i) => i * 12),
  };
  const once = { ...config, max_steps: 1, warmup_ratio: 0 };
  using big = await Trainer.create({ model: together, data: { batches: [join4] }, config: once });
  using small = await Trainer.create({
    model: apart,
    data: { batches },
    config: { ...once, gradient_accumulation_steps: 4 },
  });
  const [a] = await collect(big);
  const [b] = await collect(small);
  assert.ok(a?.type === "step" && b?.type === "step");
  assert.equal([a.tokens, a.supervisedTokens], [b.tokens, b.supervisedTokens]);
  assert.ok(Math.abs(a.loss - b.loss) < 1e-6 * a.loss && Math.abs(a.gradNorm - b.gradNorm) < 1e-5 * a.gradNorm);
});

test("a consumer that sleeps loses no event and holds nothing up", async () => {
  using model = await tinyModel();
  using trainer = await Trainer.create({ model, data, config: { ...config, max_steps: 300 } });
  const seen: number[] = [];
  for await (const event of trainer.run()) {
    if (event.type !== "step") continue;
    seen.push(event.step);
    if (event.step === 2) {
      await sleep(400);
      assert.ok(trainer.step > 100, `the run is at step ${trainer.step} while its consumer sleeps`);
    }
  }
  assert.equal(
    seen,
    Array.from({ length: 300 }, (_, i) => i + 1),
  );
});

test("a consumer that leaves stops the run; the next run goes on exactly there", async () => {
  const expected = await uninterrupted({ ...config, max_steps: 200 });
  using model = await tinyModel();
  using trainer = await Trainer.create({ model, data, config: { ...config, max_steps: 200 } });
  for await (const event of trainer.run()) if (event.type === "step" && event.step === 3) break;
  const stoppedAt = trainer.step;
  assert.ok(stoppedAt >= 3 && stoppedAt < 200, `stopped at ${stoppedAt}`);
  await sleep(30);
  assert.is(trainer.step, stoppedAt, "nothing runs any more");
  await model.forward(data.batches[0]!);
  const rest = await collect(trainer);
  assert.is(rest.filter((event) => event.type === "step").length, 200 - stoppedAt);
  assert.equal(weights(model), expected.weights);
});

test("a consumer that throws stops the run and gets its own error", async () => {
  using model = await tinyModel();
  using trainer = await Trainer.create({ model, data, config: { ...config, max_steps: 100_000 } });
  let caught: unknown;
  try {
    for await (const _ of trainer.run()) throw new Error("consumer");
  } catch (error) {
    caught = error;
  }
  assert.is((caught as Error).message, "consumer");
  await model.forward(data.batches[0]!);
});

test("abort: the step is finished, a checkpoint is kept, and a resumed run ends on the same bits", async () => {
  const settings = { ...config, max_steps: 60 };
  const expected = await uninterrupted(settings);
  await withFolder(async (folder) => {
    const output = join(folder, "out");
    const controller = new AbortController();
    const events: TrainEvent[] = [];
    {
      using model = await tinyModel();
      using trainer = await Trainer.create({ model, data, config: { ...settings, output_dir: output } });
      const error = await fails(
        async () => {
          for await (const event of trainer.run({ signal: controller.signal })) {
            events.push(event);
            if (event.type === "step" && event.step === 5) controller.abort(new Error("stop it"));
          }
        },
        "ERR_BELLE_ABORTED",
        /Training was stopped by its AbortSignal/,
      );
      assert.is((error.cause as Error).message, "stop it");
    }
    const done = events.at(-1);
    assert.ok(done?.type === "done" && done.stopped && done.step >= 5 && done.step < 60, JSON.stringify(done));
    const checkpoint = events.at(-2);
    assert.ok(checkpoint?.type === "checkpoint" && checkpoint.step === done.step && existsSync(checkpoint.path));
    await binding().verifyManifest(checkpoint.path);

    using model = await tinyModel();
    using trainer = await Trainer.create({ model, data, config: { ...settings, output_dir: output } });
    const steps = (await collect(trainer, { resume: true })).filter((event) => event.type === "step");
    assert.is(steps[0]?.step, done.step + 1);
    assert.equal(
      steps.map(({ loss }) => loss),
      expected.losses.slice(done.step),
    );
    assert.equal(weights(model), expected.weights);
  });
});

test("abort before the start: nothing runs", async () => {
  using model = await tinyModel();
  using trainer = await Trainer.create({ model, data, config });
  const signal = AbortSignal.abort("no");
  const error = await fails(() => collect(trainer, { signal }), "ERR_BELLE_ABORTED", /Training was stopped/);
  assert.equal([error.cause, trainer.step], ["no", 0]);
});

test("resume: refused when the training settings differ; without a checkpoint it starts from the beginning", async () => {
  await withFolder(async (folder) => {
    const settings = { ...config, output_dir: join(folder, "out"), save_steps: 4, save_total_limit: 2 };
    using model = await tinyModel();
    {
      using trainer = await Trainer.create({ model, data, config: settings });
      const events = await collect(trainer, { resume: true });
      assert.equal(
        events.filter((event) => event.type === "checkpoint").map(({ step }) => step),
        [4, 8, 12],
      );
      assert.is(readdirSync(join(folder, "out")).filter((name) => /\d/.test(name)).length, 2, "two are kept");
    }
    using other = await Trainer.create({ model, data, config: { ...settings, learning_rate: 2e-3 } });
    await fails(() => collect(other, { resume: true }), "ERR_BELLE_INVALID_ARGUMENT", /config/);
  });
});

test("recompute: every level ends on the same bits, and may change between a run and its resumption", async () => {
  for (const dtype of ["float32", "bfloat16"] as const) {
    const ends: Float32Array[][] = [];
    for (const recompute of ["none", "selective", "layer"] as const) {
      using model = await tinyModel(dtype);
      using trainer = await Trainer.create({ model, data, config: { ...config, recompute } });
      await collect(trainer);
      ends.push(weights(model));
    }
    assert.equal(ends[1], ends[0]);
    assert.equal(ends[2], ends[0]);
    await withFolder(async (folder) => {
      const output_dir = join(folder, "out");
      using model = await tinyModel(dtype);
      const settings = { ...config, output_dir };
      using first = await Trainer.create({ model, data, config: { ...settings, recompute: "layer" } });
      for await (const event of first.run()) if (event.type === "step" && event.step === 4) break;
      using again = await tinyModel(dtype);
      using second = await Trainer.create({ model: again, data, config: { ...settings, recompute: "none" } });
      await collect(second, { resume: true });
      assert.equal(weights(again), ends[0]);
    });
  }
});

test("resume: a checkpoint of another dtype is refused", async () => {
  await withFolder(async (folder) => {
    const settings = { ...config, output_dir: join(folder, "out") };
    using half = await tinyModel("bfloat16");
    using first = await Trainer.create({ model: half, data, config: settings });
    await collect(first);
    using full = await tinyModel();
    using second = await Trainer.create({ model: full, data, config: settings });
    await fails(() => collect(second, { resume: true }), "ERR_BELLE_INVALID_ARGUMENT", /written with another training/);
  });
});

test("busy: while a run is on, the model and the trainer refuse other calls", async () => {
  using model = await tinyModel();
  using trainer = await Trainer.create({ model, data, config: { ...config, max_steps: 100_000 } });
  for await (const _ of trainer.run()) {
    await fails(() => model.forward(data.batches[0]!), "ERR_BELLE_BUSY", /another call/);
    await fails(() => collect(trainer), "ERR_BELLE_BUSY", /another call/);
    await fails(() => Trainer.create({ model, data, config }), "ERR_BELLE_BUSY", /another call/);
    break;
  }
});

test("dispose: a run in progress ends well; later calls are refused", async () => {
  const model = await tinyModel();
  const trainer = await Trainer.create({ model, data, config });
  const steps: number[] = [];
  for await (const event of trainer.run()) {
    if (event.type !== "step") continue;
    if (steps.push(event.step) === 1) {
      trainer.dispose();
      model.dispose();
      globalThis.gc?.();
    }
  }
  assert.is(steps.length, 12);
  await fails(() => trainer.totalSteps, "ERR_BELLE_DISPOSED", /trainer was disposed/);
  await fails(() => collect(trainer), "ERR_BELLE_DISPOSED", /trainer was disposed/);
  await fails(() => Trainer.create({ model, data, config }), "ERR_BELLE_DISPOSED", /model was disposed/);
});

test("a trainer keeps its model alive", async () => {
  const trainer = await Trainer.create({ model: await tinyModel(), data, config });
  globalThis.gc?.();
  await sleep(10);
  assert.is((await collect(trainer)).filter((event) => event.type === "step").length, 12);
});

test("a model that grew needs a new trainer", async () => {
  using model = await tinyModel();
  using trainer = await Trainer.create({ model, data, config });
  await model.resizeVocabulary({ rows: 100 });
  await fails(() => collect(trainer), "ERR_BELLE_INVALID_ARGUMENT", /changed after this trainer was created/);
});

test("evaluation: every eval_steps and at the end, with the loss forward gives", async () => {
  using model = await tinyModel();
  const evaluation = { batches: tinyBatches(2, 48) };
  using trainer = await Trainer.create({ model, data, evaluation, config: { ...config, eval_steps: 5 } });
  const evals = (await collect(trainer)).filter((event) => event.type === "eval");
  assert.equal(
    evals.map(({ step }) => step),
    [5, 10, 12],
  );
  let sum = 0;
  let tokens = 0;
  for (const batch of evaluation.batches) {
    const { loss, supervisedTokens } = await model.forward(batch);
    sum += loss! * supervisedTokens!;
    tokens += supervisedTokens!;
  }
  assert.is(evals[2]!.supervisedTokens, tokens);
  assert.ok(Math.abs(evals[2]!.loss - sum / tokens) < 1e-6 * evals[2]!.loss);
});

test("token shards: a folder trains like the same packs in memory", async () => {
  await withFolder(async (place) => {
    const folder = join(place, "shards");
    const writer = binding().createShardWriter(folder, { wide: false, maxShardTokens: 1000 });
    const batches = tinyBatches(4);
    for (const { inputIds } of batches) {
      const halves = [inputIds.slice(0, 12), inputIds.slice(12)];
      writer.addPack(halves.map((ids) => ({ ids, mask: new Uint8Array(12).fill(1) })));
    }
    await writer.commit(
      JSON.stringify({
        schema: "belle-train/tokens/1",
        ...{
          samples: 8,
          packs: 4,
          tokens: 96,
          supervised_tokens: 88,
          max_length: 24,
          max_token_id: 92,
          vocab_size: 96,
        },
      }),
    );
    using memory = await tinyModel();
    using shards = await tinyModel();
    using a = await Trainer.create({ model: memory, data: { batches }, config });
    using b = await Trainer.create({ model: shards, data: folder, config: { ...config, shuffle: false } });
    await collect(a);
    await collect(b);
    assert.equal(weights(shards), weights(memory));
    using small = await Trainer.create({ model: shards, data: folder, config: { num_train_epochs: 2, save_steps: 0 } });
    assert.is(small.totalSteps, 8);
  });
});

test("numbers that diverge end the run with a code of their own", async () => {
  using model = await tinyModel();
  using trainer = await Trainer.create({
    model,
    data,
    config: { learning_rate: 1e38, lr_scheduler_type: "constant", max_grad_norm: 0, max_steps: 50, save_steps: 0 },
  });
  await fails(() => collect(trainer), "ERR_BELLE_NUMERIC", /finite/);
});

test("bad input: messages name the key, the batch, and what is accepted", async () => {
  using model = await tinyModel();
  const create = (options: object) => Trainer.create({ model, data, ...options });
  const argument = (options: object, message: RegExp) =>
    fails(() => create(options), "ERR_BELLE_INVALID_ARGUMENT", message);
  await argument({ model: {} }, /model must be a Model/);
  await argument({ config: { learning_rat: 1 } }, /learning_rat.*learning_rate/s);
  await argument({ config: { learning_rate: "fast" } }, /config\.learning_rate: /);
  await argument({ config: { zero_stage: 3 } }, /config\.zero_stage: /);
  await argument({ config: { trainable: "lora" } }, /the model has no adapter; make one with addLora/);
  await argument({ data: { batches: [] } }, /data\.batches is empty/);
  await argument({ data: undefined }, /data must be the path of a token-shard folder or/);
  const [batch] = data.batches;
  await argument(
    { data: { batches: [batch, { inputIds: [1] }] } },
    /data\.batches\[1\]\.inputIds must be an Int32Array/,
  );
  await argument(
    { data: { batches: [{ ...batch, inputIds: new Int32Array(24).fill(500) }] } },
    /data\.batches\[0\]: input_ids\[0\] is 500, outside the vocabulary/,
  );
  await argument(
    { data: { batches: [{ ...batch, cuSeqlens: Int32Array.of(0, 5) }] } },
    /data\.batches\[0\]: cu_seqlens\[1\] is 5, but/,
  );
  await fails(() => create({ data: "/no/shards" }), "ERR_BELLE_NOT_FOUND", /\/no\/shards/);
});

test.run();
