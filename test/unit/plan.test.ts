// planTraining: the memory a run will take, within a tenth of what it then takes; what does not fit is said before.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { planText } from "../../ts/cli/views/plan_view.ts";
import { type PlanOptions, planTraining, type TrainingPlan, trainBpe } from "../../ts/index.ts";
import { disturbed, measuredWindows } from "../../ts/train/measure_slices.ts";
import { extend, median } from "../../ts/train/slice.ts";
import { belle } from "../support/command_line.ts";
import { withFolder } from "../support/folder.ts";
import { fails } from "../support/thrown.ts";
import { tinyConfig } from "./native_fixture.ts";

const test = suite("plan");

const planned = (options: Partial<PlanOptions>) => planTraining({ config: tinyConfig, measure: false, ...options });
// 4 TB of weights in the embeddings alone.
const huge = {
  vocab_size: 16_000_000,
  hidden_size: 65_536,
  intermediate_size: 262_144,
  num_attention_heads: 512,
  num_key_value_heads: 512,
};
const short = { max_length: 64 } as const;

function bytesOf(plan: TrainingPlan): Record<string, number> {
  return Object.fromEntries(plan.memory.items.map(({ name, bytes }) => [name, bytes]));
}

test("the table has every part once, adds up, and follows dtype, recompute and trainable", async () => {
  const full = await planned({ train: short });
  const order =
    "weights master_remainder gradients adam_m adam_v saved_activations scratch_activations logits_chunk batch_window process";
  assert.is(full.memory.items.map(({ name }) => name).join(" "), order);
  assert.is(
    full.memory.totalBytes,
    full.memory.items.reduce((sum, { bytes }) => sum + bytes, 0),
  );
  const parts = bytesOf(full);
  assert.ok(parts.weights! >= 4 * full.parameters && parts.weights! < 4.1 * full.parameters + 4096);
  assert.equal([parts.master_remainder, parts.adam_m, parts.adam_v], [0, parts.weights, parts.weights]);

  const half = bytesOf(await planned({ train: short, dtype: "bfloat16" }));
  assert.equal([half.weights, half.master_remainder], [parts.weights! / 2, parts.weights! / 2]);
  assert.equal([half.gradients, half.adam_m], [parts.gradients, parts.adam_m]);
  assert.ok(half.saved_activations! < 0.6 * parts.saved_activations!);

  const saved = async (recompute: "none" | "selective" | "layer") =>
    bytesOf(await planned({ train: { ...short, recompute } })).saved_activations!;
  const [none, selective, layer] = [await saved("none"), await saved("selective"), await saved("layer")];
  assert.is(selective, parts.saved_activations);
  assert.ok(none > selective && selective > layer && layer > 0, `${none} ${selective} ${layer}`);

  const embeddings = bytesOf(await planned({ train: { ...short, trainable: "embeddings" } }));
  assert.ok(embeddings.adam_m! < parts.adam_m! && embeddings.adam_m! >= 2 * 96 * 32 * 4);
});

test("operations: forward and backward of every matrix, causal attention inside a document", async () => {
  const { flopsPerToken, parameters, tokensPerStep, tokensPerMicroBatch } = await planned({
    train: { max_length: 64, per_device_train_batch_size: 3, gradient_accumulation_steps: 5 },
  });
  const [d, f, layers, rows, w] = [32, 64, 2, 96, (4 + 2 * 2) * 8] as const;
  const matrices = layers * (d * w + d * d + 3 * d * f) + rows * d;
  assert.is(parameters, matrices + rows * d + (2 * layers + 1) * d);
  assert.is(flopsPerToken, 6 * matrices + 6 * layers * d * 64);
  assert.equal([tokensPerMicroBatch, tokensPerStep], [192, 960]);
});

test("a model no machine holds: exceeds, and what each change would save; slices that do not fit are not trained", async () => {
  const config = { ...tinyConfig, ...huge };
  const plan = await planTraining({ config: { ...config, num_hidden_layers: 500 }, train: { max_length: 256 } });
  assert.is(plan.memory.verdict, "exceeds");
  assert.equal(plan.speed, { skipped: "memory" });
  const changes = plan.memory.savings.map(({ change }) => change);
  assert.equal(changes, [
    "train.recompute: layer",
    "model.dtype: bfloat16",
    "train.max_length: 128",
    "train.trainable: lora",
    "train.trainable: embeddings",
  ]);
  for (const { totalBytes } of plan.memory.savings) assert.ok(totalBytes < plan.memory.totalBytes);
  const two = await planned({ config, train: { max_length: 256, per_device_train_batch_size: 2 } });
  assert.match(
    two.memory.savings.map(({ change }) => change).join(),
    "train.per_device_train_batch_size: 1, train.gradient_accumulation_steps: 2",
  );
});

test("the run: steps and tokens by max_steps; unknown without data", async () => {
  assert.is((await planned({ train: short })).run, undefined);
  const { run } = await planned({ train: { ...short, max_steps: 10, gradient_accumulation_steps: 2 } });
  assert.equal(run, { steps: 10, tokens: 10 * 2 * 64 });
});

test("speed: slices of one layer and more are trained and extended; the run's hours follow", async () => {
  const progress: number[] = [];
  const plan = await planTraining({
    config: { ...tinyConfig, num_hidden_layers: 5 },
    train: { ...short, max_steps: 100, gradient_accumulation_steps: 6, learning_rate: 1 },
    onProgress: (done, total) => progress.push(done / total),
  });
  if ("skipped" in plan.speed) throw new Error(plan.speed.skipped);
  const { tokensPerSecond, stepSeconds, baseSeconds, layerSeconds, mfu, measuredLayers } = plan.speed;
  assert.equal(measuredLayers, [1, 5], "a model this small is measured whole");
  assert.ok(stepSeconds > 0 && mfu > 0 && mfu < 1, `${stepSeconds} s, MFU ${mfu}`);
  assert.ok(Math.abs(baseSeconds + 5 * layerSeconds - stepSeconds) < 1e-9);
  assert.ok(Math.abs(tokensPerSecond * stepSeconds - 6 * 64) < 1e-6);
  assert.ok(Math.abs(plan.run!.hours! * 3600 - 100 * stepSeconds) < 1e-6);
  assert.is(progress.at(-1), 1);
  const stopped = planTraining({ config: tinyConfig, train: short, signal: AbortSignal.abort() });
  await fails(() => stopped, "ERR_BELLE_ABORTED", /Planning was stopped/);
});

test("speed: where the time suffices for one step only, one layer speaks for all, and the plan says so", async () => {
  const progress: Array<[number, number]> = [];
  const config = { ...tinyConfig, num_hidden_layers: 5 };
  const train = { ...short, gradient_accumulation_steps: 6 };
  const onProgress = (done: number, total: number) => progress.push([done, total]);
  const plan = await planTraining({ config, train, measureSeconds: 0, onProgress });
  if ("skipped" in plan.speed) throw new Error(plan.speed.skipped);
  const { stepSeconds, baseSeconds, layerSeconds, mfu, measuredLayers } = plan.speed;
  assert.equal(measuredLayers, [1]);
  assert.equal(
    [progress[0], progress.at(-1)],
    [
      [0, 1 + 2 * 2 * (1 + 3)],
      [1, 1],
    ],
  );
  assert.ok(mfu > 0 && mfu < 1 && layerSeconds > 0 && baseSeconds > 0, JSON.stringify(plan.speed));
  // As the operations of one layer are to those of five.
  const one = await planned({ config: { ...config, num_hidden_layers: 1 }, train });
  assert.ok(Math.abs((stepSeconds * one.flopsPerToken) / (baseSeconds + layerSeconds) / plan.flopsPerToken - 1) < 1e-6);
  const say = (text: { en: string; zh: string }) => text.en;
  assert.match(planText(plan, say), /on 1 layer alone, .*: rough; more --measure-seconds/);
  await fails(() => planned({ measureSeconds: -1 }), "ERR_BELLE_INVALID_ARGUMENT", /measureSeconds must be at least 0/);
});

test("speed: figures that cannot be are called so", async () => {
  const possible = { stepSeconds: 3, baseSeconds: 1, peakSeconds: 2 };
  assert.not(disturbed(possible));
  assert.ok(disturbed({ ...possible, baseSeconds: -0.1 }));
  assert.ok(disturbed({ ...possible, peakSeconds: 3.1 }));
  const plan = await planned({ train: short });
  const speed = {
    tokensPerSecond: 1,
    stepSeconds: 1,
    baseSeconds: 0,
    layerSeconds: 0.5,
    mfu: 2,
    measuredLayers: [1, 2],
  };
  const text = (disturbed: boolean) => planText({ ...plan, speed: { ...speed, disturbed } }, ({ en }) => en);
  assert.match(text(true), /not to be trusted: other programs disturbed the measurement; end them/);
  assert.not.match(text(false), "trusted");
});

test("lines: through two points; never falling; the middle of a list", () => {
  assert.is(extend([1, 10], [3, 14], 32), 72);
  assert.is(extend([1, 10], [3, 9], 32), 9);
  assert.is(extend([2, 7], [2, 7], 2), 7);
  assert.equal([median([3, 1, 2]), median([4, 1, 2, 3])], [2, 2.5]);
  assert.equal([measuredWindows(1), measuredWindows(3), measuredWindows(128)], [[1], [3], [1, 3]]);
});

test("refusals: positions, settings, configs", async () => {
  await fails(() => planned({ train: { max_length: 300 } }), "ERR_BELLE_CONFIG", /model ends at 256 positions; set/);
  await fails(() => planned({ train: {} }), "ERR_BELLE_CONFIG", /train\.max_length is 2048/);
  const wrong = { max_length: 1.5 };
  await fails(() => planned({ train: wrong }), "ERR_BELLE_INVALID_ARGUMENT", /train\.max_length: expected int/);
  await fails(() => planned({ config: "{" }), "ERR_BELLE_INVALID_DATA", /line 1/);
  const relu = { ...tinyConfig, hidden_act: "relu" };
  await fails(() => planned({ config: relu, train: short }), "ERR_BELLE_UNSUPPORTED", /hidden_act/);
  const dtype = "float16" as never;
  await fails(() => planned({ dtype, train: short }), "ERR_BELLE_INVALID_ARGUMENT", /dtype must be "float32" or/);
  await fails(() => planned({ data: "/no/shards", train: short }), "ERR_BELLE_NOT_FOUND", /\/no\/shards/);
});

/** Runs the command line in a process of its own; its last line of JSON and the most memory it held. */
async function command(args: string[], folder: string) {
  const peak = join(folder, "peak");
  const hook = join(folder, "hook.cjs");
  writeFileSync(
    hook,
    `process.on("exit",()=>require("node:fs").writeFileSync(${JSON.stringify(peak)},String(process.resourceUsage().maxRSS)))`,
  );
  const { code, out } = await belle([...args, "--json"], { node: ["--require", hook] });
  const answer = JSON.parse(out.trim().split("\n").at(-1)!) as Record<string, unknown>;
  return { answer, bytes: Number(readFileSync(peak, "utf8")) * 1024, code };
}

for (const dtype of ["float32", "bfloat16"] as const) {
  test(`${dtype}: a run takes the memory its plan says, within a tenth`, () =>
    withFolder(async (folder) => {
      const text = join(folder, "text.txt");
      writeFileSync(text, "今天天气很好\n今天我们去学校\n学校的天气也很好\n".repeat(2000));
      const options = { files: [text], vocab_size: 280, byte_fallback: true, character_coverage: 1 };
      await (await trainBpe(options)).save(join(folder, "tokenizer.model"));
      const run = join(folder, "run.yaml");
      const create = { vocab_size: 8192, hidden_size: 512, num_hidden_layers: 4, num_attention_heads: 8 };
      const settings = {
        model: { create, dtype, threads: 2 },
        tokenizer: { path: join(folder, "tokenizer.model") },
        data: { sources: [text] },
        train: {
          output_dir: join(folder, "out"),
          max_steps: 3,
          save_steps: 0,
          max_length: 256,
          per_device_train_batch_size: 4,
        },
      };
      writeFileSync(run, JSON.stringify(settings));
      const { answer, code } = await command(["plan", run, "--no-measure"], folder);
      assert.is(code, 0);
      const plan = answer as unknown as TrainingPlan;
      const { bytes, code: trained, answer: done } = await command(["train", run], folder);
      assert.is(trained, 0, JSON.stringify(done));
      const ratio = plan.memory.totalBytes / bytes;
      assert.ok(ratio > 0.9 && ratio < 1.1, `planned ${plan.memory.totalBytes}, taken ${bytes}: ${ratio.toFixed(3)}`);

      const known = await command(["plan", run, "--no-measure", "--set", "train.max_steps=0"], folder);
      const { run: whole } = known.answer as unknown as TrainingPlan;
      assert.ok(whole!.steps > 3 && whole!.tokens > 3 * 1024, "with the data prepared, epochs are counted");
    }));
}

test("command line: one source; the model folder's config.json; exit codes", () =>
  withFolder(async (folder) => {
    const model = join(folder, "model");
    mkdirSync(model);
    writeFileSync(join(model, "config.json"), JSON.stringify(tinyConfig));
    const sized = ["--tokens", "64", "--no-measure"];
    const byFolder = await command(["plan", "--model", model, ...sized, "--dtype", "bfloat16"], folder);
    assert.equal([byFolder.code, byFolder.answer.dtype, byFolder.answer.tokensPerStep], [0, "bfloat16", 64]);
    const byFile = await command(["plan", "--config", join(model, "config.json"), ...sized, "--steps", "7"], folder);
    assert.equal(byFile.answer.run, { steps: 7, tokens: 7 * 64 });
    writeFileSync(join(folder, "huge.json"), JSON.stringify({ ...tinyConfig, ...huge }));
    assert.is((await command(["plan", "--config", join(folder, "huge.json"), ...sized], folder)).code, 3);
    for (const args of [[], ["--model", model, "--config", join(model, "config.json")]]) {
      const { answer, code } = await command(["plan", ...args], folder);
      assert.is(code, 2);
      assert.match((answer.error as { message: string }).message, /exactly one of a YAML file, --model and --config/);
    }
    const said = async (...args: string[]) =>
      ((await command(["plan", ...args, ...sized], folder)).answer.error as { message: string }).message;
    assert.match(await said("--model", folder), /config\.json: cannot be read; name a Hugging Face/);
    const missing = join(folder, "missing.json");
    assert.is(
      await said("--config", missing),
      `${missing}: cannot be read (ENOENT); give --config the config.json of a model.`,
    );
    const yaml = join(folder, "run.yaml");
    writeFileSync(yaml, "model: { path: model }\n");
    assert.match(
      await said("--config", yaml),
      `${yaml}: is not JSON; --config takes the config.json of a model, a YAML of a run`,
    );
  }));

test.run();
