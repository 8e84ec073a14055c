// Adapters from the configuration to the files: a run, its resumption, going on from an adapter, converting.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type BelleErrorCode,
  Model,
  planTraining,
  runPlanOptions,
  runSchema,
  trainBpe,
  trainingRun,
} from "../../ts/index.ts";
import { convertModel } from "../../ts/train/convert.ts";
import { withFolder } from "../support/folder.ts";
import { fails } from "../support/thrown.ts";
import { tinyConfig, tinyModel } from "./native_fixture.ts";

const test = suite("LoRA");
const inputIds = Int32Array.from({ length: 16 }, (_, i) => 3 + i * 5);
const input = { inputIds, cuSeqlens: Int32Array.of(0, 16) };

async function material(folder: string) {
  const text = join(folder, "text.txt");
  writeFileSync(text, "今天天气很好\n今天我们去学校\n学校的天气也很好\n".repeat(10));
  const tokenizer = await trainBpe({ files: [text], vocab_size: 280, byte_fallback: true, character_coverage: 1 });
  const base = join(folder, "base");
  using model = await Model.create({ ...tinyConfig, vocab_size: 280 }, { seed: 1, threads: 1 });
  await tokenizer.save(join(folder, "tokenizer.model"));
  await model.save(base, { extraFiles: [join(folder, "tokenizer.model")] });
  writeFileSync(join(base, "tokenizer.json"), "{}"); // not read where there is a tokenizer.model, but copied
  const config = (output: string, train: object, more: object = {}) =>
    runSchema.parse({
      model: { path: base, threads: 1, ...more },
      data: { sources: [text] },
      train: { trainable: "lora", max_length: 32, learning_rate: 1e-2, output_dir: join(folder, output), ...train },
      metrics: { tensorboard: false },
    });
  const run = async (settings: ReturnType<typeof config>) => {
    const losses: number[] = [];
    const done = await trainingRun(settings, undefined, (event) => {
      if (event.type === "step") losses.push(event.loss);
    });
    return { folder: done.model, losses };
  };
  return { base, config, run };
}

test("a run saves its adapter, which loads on the base, is trained further, and is merged by convert", () =>
  withFolder(async (folder) => {
    const { base, config, run } = await material(folder);
    const lora = { r: 3, lora_alpha: 6, target_modules: ["q_proj", "down_proj"] };
    const first = await run(config("first", { lora, max_steps: 20 }));
    assert.ok(first.losses.at(-1)! < first.losses[0]!, first.losses.join());
    assert.not(existsSync(join(first.folder, "config.json")));
    assert.ok(existsSync(join(first.folder, "tokenizer.model")));
    const said = JSON.parse(readFileSync(join(first.folder, "adapter_config.json"), "utf8")) as Record<string, unknown>;
    assert.equal([said.r, said.lora_alpha, said.target_modules], [3, 6, ["q_proj", "down_proj"]]);
    assert.is(said.base_model_name_or_path, base);

    const second = await run(config("second", { max_steps: 3 }, { adapter: first.folder }));
    assert.ok(second.losses[0]! < first.losses[0]!, "it goes on from the adapter");

    using adapted = await Model.load(base, { adapter: second.folder, threads: 1 });
    const { logits } = await adapted.forward(input);
    for (const dtype of ["float32", "bfloat16"] as const) {
      const output = join(folder, `merged-${dtype}`);
      await convertModel({ model: base, mergeAdapter: second.folder, output, dtype, threads: 1 });
      for (const file of ["tokenizer.model", "tokenizer.json"]) assert.ok(existsSync(join(output, file)), file);
      using merged = await Model.load(output, { threads: 1 });
      const found = (await merged.forward(input)).logits!;
      const gap = Math.max(...found.map((value, i) => Math.abs(value - logits![i]!)));
      assert.ok(gap < (dtype === "float32" ? 1e-5 : 5e-2), `${dtype}: ${gap}`);
    }
  }));

test("a stopped run goes on with the same bits; another rank is refused", () =>
  withFolder(async (folder) => {
    const { config, run } = await material(folder);
    const lora = { r: 4 };
    const steps = 300; // the run does not wait for its events: it must not be over when the fourth is heard
    const whole = await run(config("whole", { lora, max_steps: steps }));
    const settings = config("cut", { lora, max_steps: steps });
    const controller = new AbortController();
    const cut = trainingRun(settings, controller.signal, (event) => {
      if (event.type === "step" && event.step === 4) controller.abort();
    });
    await fails(() => cut, "ERR_BELLE_ABORTED", /^Training was stopped/);
    const other = config("cut", { lora: { r: 5 }, max_steps: steps });
    await fails(() => run(other), "ERR_BELLE_INVALID_ARGUMENT", /written with another training config/);
    const rest = await run(settings);
    assert.ok(rest.losses.length > 0 && rest.losses.length < steps, `${rest.losses.length} steps were left`);
    const bytes = (path: string) => readFileSync(join(path, "adapter_model.safetensors"));
    assert.ok(bytes(rest.folder).equals(bytes(whole.folder)));
  }));

test("the configuration: settings that nothing would use are refused", () => {
  const refused = (model: object, train: object) => {
    const parsed = runSchema.safeParse({ model: { path: "m", ...model }, data: { sources: ["a"] }, train });
    return (parsed.error?.issues ?? []).map(({ path, message }) => `${path.join(".")} ${message}`).join("; ");
  };
  assert.is(refused({}, { trainable: "lora" }), "");
  assert.is(refused({ adapter: "a" }, { trainable: "lora" }), "");
  assert.match(refused({}, { lora: {} }), /^train\.lora is only for train\.trainable: lora, not all/);
  assert.match(refused({ adapter: "a" }, {}), /^model\.adapter is trained further with train\.trainable: lora/);
  assert.match(refused({ adapter: "a" }, { trainable: "lora", lora: {} }), /^train\.lora cannot be used together/);
});

test("the library: options with defaults, one adapter at a time, refusals that say what to do", async () => {
  using model = await tinyModel();
  assert.is(model.adapter, undefined);
  const none = /the model has no adapter; make one with addLora or load one with loadAdapter/;
  await fails(() => model.mergeAdapter(), "ERR_BELLE_INVALID_ARGUMENT", none);
  await fails(() => model.saveAdapter("nowhere"), "ERR_BELLE_INVALID_ARGUMENT", none);
  await fails(() => model.addLora({ targetModules: "q_proj" as never }), "ERR_BELLE_INVALID_ARGUMENT", /all-linear/);
  await fails(
    () => model.addLora({ targetModules: ["lm_head"] }),
    "ERR_BELLE_INVALID_ARGUMENT",
    /name them in modules_to_save/,
  );
  const before = (await model.forward(input)).logits!;
  const { parameterCount } = model;
  await model.addLora();
  assert.equal(model.adapter, {
    r: 8,
    loraAlpha: 16,
    targetModules: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
    modulesToSave: [],
  });
  assert.ok(model.parameterCount > parameterCount);
  assert.equal((await model.forward(input)).logits, before);
  await fails(() => model.addLora(), "ERR_BELLE_INVALID_ARGUMENT", /already has an adapter/);
  await fails(() => model.loadAdapter("nowhere"), "ERR_BELLE_NOT_FOUND", /nowhere/);
  await model.mergeAdapter();
  assert.is(model.parameterCount, parameterCount);
});

test("plan: a run that goes on with an adapter is planned by the adapter's rank and targets", () =>
  withFolder(async (folder) => {
    const { base, config, run } = await material(folder);
    const lora = { r: 3, target_modules: ["q_proj", "layers.1.mlp.down_proj"] };
    const { folder: adapter } = await run(config("first", { lora, max_steps: 1 }));
    const settings = config("second", { max_steps: 1 }, { adapter });
    const plan = await planTraining(await runPlanOptions(settings));
    const bytes = (name: string) => plan.memory.items.find((item) => item.name === name)!.bytes;
    const trained = 3 * (2 * (32 + 32) + (64 + 32));
    assert.equal([bytes("gradients"), bytes("adam_m")], [4 * trained, 4 * trained]);
    let held = 0;
    await trainingRun(settings, undefined, (event) => {
      if (event.type === "model") held = event.plannedBytes;
    });
    // Its packs are not quite full.
    const ratio = (plan.memory.totalBytes - bytes("process")) / held;
    assert.ok(ratio >= 1 && ratio < 1.05, `planned ${ratio} times what the run holds`);
    assert.ok("tokensPerSecond" in plan.speed && plan.speed.tokensPerSecond > 0, "slices have a layer 1 or not");

    const file = join(adapter, "adapter_config.json");
    const said = JSON.parse(readFileSync(file, "utf8")) as object;
    const refused = async (change: object, code: BelleErrorCode, message: RegExp) => {
      const other = join(folder, "other");
      mkdirSync(other, { recursive: true });
      writeFileSync(join(other, "adapter_config.json"), JSON.stringify({ ...said, ...change }));
      await fails(() => runPlanOptions(config("second", {}, { adapter: other })), code, message);
    };
    const unsupported = "ERR_BELLE_UNSUPPORTED";
    await refused(
      { rank_pattern: { q_proj: 5 } },
      unsupported,
      /"rank_pattern" is \{"q_proj":5\}, .* leave model\.adapter/,
    );
    await refused({ use_dora: true }, unsupported, /"use_dora" is true/);
    await refused({ target_modules: "^.*_proj$" }, unsupported, /write the list of module names instead/);
    await refused({ r: "8" }, "ERR_BELLE_INVALID_DATA", /adapter_config\.json: r: expected (int|number), found "8"/);
    await refused({ peft_type: "IA3" }, "ERR_BELLE_INVALID_DATA", /peft_type: must be one of "LORA", found "IA3"/);
    const missing = config("second", {}, { adapter: base });
    await fails(() => runPlanOptions(missing), "ERR_BELLE_NOT_FOUND", /adapter_config\.json: cannot be read; name the/);
    writeFileSync(join(folder, "other", "adapter_config.json"), "{");
    const broken = config("second", {}, { adapter: join(folder, "other") });
    await fails(() => runPlanOptions(broken), "ERR_BELLE_INVALID_DATA", /adapter_config\.json: is not JSON/);
  }));

test("plan: gradients and optimizer state of the adapters alone", async () => {
  const memory = async (train: object) => {
    const plan = await planTraining({ config: tinyConfig, train: { max_length: 64, ...train }, measure: false });
    return Object.fromEntries(plan.memory.items.map(({ name, bytes }) => [name, bytes]));
  };
  const [all, lora] = [
    await memory({}),
    await memory({ trainable: "lora", lora: { r: 2, target_modules: ["q_proj"] } }),
  ];
  assert.is(lora.gradients, 4 * 2 * (2 * 32 + 2 * 32));
  assert.is(lora.adam_m, lora.gradients);
  assert.is(lora.weights! - all.weights!, lora.gradients);
  // The second names a layer that the slice of one layer does not have.
  for (const target_modules of [undefined, ["layers.1.self_attn.q_proj", "q_proj"], ["layers.1.mlp.down_proj"]]) {
    const settings = target_modules === undefined ? {} : { lora: { target_modules } };
    const train = { max_length: 32, trainable: "lora", ...settings } as const;
    const { speed } = await planTraining({ config: tinyConfig, train });
    assert.ok("tokensPerSecond" in speed && speed.tokensPerSecond > 0, JSON.stringify(target_modules));
  }
});

test.run();
