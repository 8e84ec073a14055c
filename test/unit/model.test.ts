// Model: what it says of itself, one call at a time, disposal, memory, bad input.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as tick } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Model } from "../../ts/index.ts";
import { withFolder } from "../support/folder.ts";
import { fails } from "../support/thrown.ts";
import { tinyBatches, tinyConfig, tinyModel } from "./native_fixture.ts";

const test = suite("model");

const prompt = Uint32Array.of(1, 20, 30);

test("create: the config's numbers, Hugging Face weight names, the same weights for the same seed", async () => {
  using model = await tinyModel();
  assert.equal(
    [model.backend, model.vocabSize, model.hiddenSize, model.numHiddenLayers, model.maxPositionEmbeddings],
    ["cpu", 96, 32, 2, 256],
  );
  assert.equal([model.bosTokenId, model.eosTokenIds, model.padTokenId], [1, [2], -1]);
  const parameters = model.parameters();
  assert.equal(parameters[0], { name: "model.embed_tokens.weight", shape: [96, 32], dtype: "float32" });
  const elements = parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  assert.is(model.parameterCount, elements);
  using twin = await Model.create(JSON.stringify(tinyConfig), { seed: 7, backend: "cpu", threads: 1 });
  using other = await Model.create(tinyConfig, { seed: 8, backend: "cpu" });
  assert.equal(twin.readParameter("lm_head.weight"), model.readParameter("lm_head.weight"));
  assert.not.equal(other.readParameter("lm_head.weight"), model.readParameter("lm_head.weight"));
  await fails(
    () => model.readParameter("nothing"),
    "ERR_BELLE_NOT_FOUND",
    /no parameter "nothing"; parameters\(\) lists/,
  );
});

test("forward: results by what is asked; gradients are views of one buffer", async () => {
  using model = await tinyModel();
  const [batch] = tinyBatches(1);
  const plain = await model.forward({ inputIds: batch!.inputIds, cuSeqlens: batch!.cuSeqlens });
  assert.equal(Object.keys(plain), ["logits"]);
  assert.is(plain.logits!.length, 24 * 96);
  const supervised = await model.forward(batch!);
  assert.equal(Object.keys(supervised), ["loss", "supervisedTokens"]);
  assert.is(supervised.supervisedTokens, 22, "a document's first token is never a target");
  const all = await model.forward(batch!, { logits: true, gradients: true });
  assert.equal(all.logits, plain.logits);
  assert.is(all.loss, supervised.loss);
  const names = model.parameters().map(({ name }) => name);
  assert.equal(Object.keys(all.gradients!), names);
  assert.is(new Set(names.map((name) => all.gradients![name]!.buffer)).size, 1);
});

test("results outlive the model and its collection", async () => {
  const model = await tinyModel();
  const [batch] = tinyBatches(1);
  const { logits, gradients } = await model.forward(batch!, { logits: true, gradients: true });
  const before = [logits!.slice(), gradients!["lm_head.weight"]!.slice()];
  model.dispose();
  globalThis.gc?.();
  await tick();
  assert.equal([logits, gradients!["lm_head.weight"]], before);
});

test("busy: a second call while one runs is refused; after it ends all is free", async () => {
  using model = await tinyModel();
  const controller = new AbortController();
  const prompts = new Array<Uint32Array>(5000).fill(prompt); // seconds of work, until it is stopped
  const running = model.generate(prompts, { maxNewTokens: 200, stop: [], signal: controller.signal });
  await fails(() => model.forward(tinyBatches(1)[0]!), "ERR_BELLE_BUSY", /await that one/);
  await fails(() => model.generate([prompt]), "ERR_BELLE_BUSY", /another call/);
  await fails(() => model.readParameter("lm_head.weight"), "ERR_BELLE_BUSY", /another call/);
  assert.is(model.vocabSize, 96, "what it says of itself is not refused");
  controller.abort();
  await fails(() => running, "ERR_BELLE_ABORTED", /stopped/);
  for (let i = 0; i < 20; i++) await model.forward(tinyBatches(1)[0]!);
});

test("dispose: every later call is refused; a running one ends well; repeating is harmless", async () => {
  const model = await tinyModel();
  const running = model.generate([prompt], { maxNewTokens: 100, stop: [] });
  model.dispose();
  model.dispose();
  assert.is((await running)[0]!.length, 100);
  const calls: Array<() => unknown> = [
    () => model.forward(tinyBatches(1)[0]!),
    () => model.generate([prompt]),
    () => model.logLikelihood([prompt]),
    () => model.resizeVocabulary({ rows: 100 }),
    () => model.save("x"),
    () => model.parameters(),
    () => model.readParameter("lm_head.weight"),
    () => model.vocabSize,
    () => model.backend,
  ];
  for (const call of calls) await fails(call, "ERR_BELLE_DISPOSED", /disposed; load it again/);
  let inside: Model;
  {
    await using scoped = await tinyModel();
    inside = scoped;
  }
  await fails(() => inside.vocabSize, "ERR_BELLE_DISPOSED", /disposed/);
});

test("memory: models that nobody holds are freed", async () => {
  const large = { ...tinyConfig, vocab_size: 32_000, hidden_size: 64 }; // 16 MB each
  const settle = async () => {
    for (let i = 0; i < 4; i++) {
      globalThis.gc?.();
      await tick();
    }
  };
  const start = process.memoryUsage.rss();
  for (let i = 0; i < 10; i++) {
    await Model.create(large, { backend: "cpu" });
    await settle();
  }
  const grown = (process.memoryUsage.rss() - start) / 2 ** 20;
  // Without --expose-gc V8 collects when it likes; the reported external memory only makes it more likely.
  assert.ok(grown < (globalThis.gc ? 80 : 240), `160 MB of models left ${grown.toFixed(0)} MB`);
});

test("memory: a thousand jobs leave nothing behind", async () => {
  using model = await tinyModel();
  const [batch] = tinyBatches(1);
  for (let i = 0; i < 100; i++) await model.forward(batch!, { gradients: true });
  globalThis.gc?.();
  await tick();
  const start = process.memoryUsage.rss();
  for (let i = 0; i < 1000; i++) {
    await model.forward(batch!, { logits: true, gradients: true });
    if (i % 100 === 0) {
      globalThis.gc?.();
      await tick();
    }
  }
  const grown = (process.memoryUsage.rss() - start) / 2 ** 20;
  assert.ok(grown < 64, `${grown.toFixed(0)} MB after 1000 jobs of 130 KB`);
});

test("generate: the stop token ends an answer and is not part of it; a seed repeats", async () => {
  using model = await tinyModel();
  const [free] = await model.generate([prompt], { maxNewTokens: 12, stop: [] });
  const cut = free!.indexOf(free![5]!);
  const [stopped] = await model.generate([prompt], { maxNewTokens: 12, stop: [free![5]!] });
  assert.equal(stopped, free!.subarray(0, cut));
  const sampled = { maxNewTokens: 20, temperature: 1, topK: 50, topP: 0.95, repetitionPenalty: 1.1, stop: [] };
  const [first] = await model.generate([prompt], { ...sampled, seed: 5 });
  const [again, beside] = await model.generate([prompt, Uint32Array.of(9)], { ...sampled, seed: 5 });
  assert.equal(again, first, "the same beside another prompt");
  assert.is(beside!.length, 20);
  const [other] = await model.generate([prompt], { ...sampled, seed: 6 });
  assert.not.equal(other, first);
  const [low] = await model.generate([prompt], { ...sampled, topK: 0, topP: 1, temperature: 100, vocabulary: 10 });
  assert.ok(low!.every((id) => id < 10));
  assert.equal(await model.generate([]), []);
});

test("generate: an aborted signal rejects with its reason; a throwing onToken rejects with what it threw", async () => {
  using model = await tinyModel();
  const early = await fails(
    () => model.generate([prompt], { signal: AbortSignal.abort("never mind") }),
    "ERR_BELLE_ABORTED",
    /Generation was stopped/,
  );
  assert.is(early.cause, "never mind");
  const controller = new AbortController();
  let tokens = 0;
  const late = await fails(
    () =>
      model.generate(new Array<Uint32Array>(5000).fill(prompt), {
        maxNewTokens: 200,
        stop: [],
        signal: controller.signal,
        onToken: () => {
          if (++tokens === 3) controller.abort(new Error("enough"));
        },
      }),
    "ERR_BELLE_ABORTED",
    /AbortSignal/,
  );
  assert.is((late.cause as Error).message, "enough");
  assert.ok(tokens >= 3 && tokens < 500_000, `${tokens} tokens`);
  for (const thrown of [new Error("mine"), null, undefined, "text"]) {
    let caught: unknown = "nothing";
    try {
      await model.generate([prompt], {
        maxNewTokens: 200,
        stop: [],
        onToken: () => {
          throw thrown;
        },
      });
    } catch (error) {
      caught = error;
    }
    assert.is(caught, thrown);
  }
  assert.is((await model.generate([prompt], { maxNewTokens: 3, stop: [] }))[0]!.length, 3);
});

test("log-likelihood: the sum over the tokens after the first, as forward computes it", async () => {
  using model = await tinyModel();
  const ids = Uint32Array.of(1, 7, 40, 41, 90);
  const inputIds = Int32Array.from(ids);
  const { loss } = await model.forward({ inputIds, cuSeqlens: Int32Array.of(0, 5), labels: inputIds });
  const [sum, single] = await model.logLikelihood([ids, Uint32Array.of(3)]);
  assert.ok(Math.abs(sum! + loss! * 4) < 1e-5);
  assert.ok(single === 0);
});

test("resizeVocabulary: old rows keep their bits; new rows are the mean of their sub-tokens", async () => {
  using model = await tinyModel();
  const old = model.readParameter("model.embed_tokens.weight");
  const count = model.parameterCount;
  await model.resizeVocabulary({ rows: 98, subTokens: [Uint32Array.of(5), [6, 7]] });
  assert.is(model.vocabSize, 98);
  assert.is(model.parameterCount, count + 2 * 2 * 32);
  assert.equal(model.parameters()[0]!.shape, [98, 32]);
  const now = model.readParameter("model.embed_tokens.weight");
  assert.equal(now.subarray(0, old.length), old);
  assert.equal(now.subarray(96 * 32, 97 * 32), old.subarray(5 * 32, 6 * 32));
  for (const init of ["mean", "mean-cov", "normal"] as const) {
    await model.resizeVocabulary({ rows: model.vocabSize + 1, init, seed: 3 });
  }
  await fails(() => model.resizeVocabulary({ rows: 10 }), "ERR_BELLE_INVALID_ARGUMENT", /rows are only added/);
  await fails(
    () => model.resizeVocabulary({ rows: 200, init: "zero" as never }),
    "ERR_BELLE_INVALID_ARGUMENT",
    /options\.init must be one of "subtoken-mean", "mean-cov", "mean", "normal", not "zero"/,
  );
});

test("bfloat16: said by the model and its parameters, saved as such unless asked otherwise, near float32's results", async () => {
  await withFolder(async (folder) => {
    using full = await tinyModel();
    using half = await Model.create(tinyConfig, { seed: 7, backend: "cpu", dtype: "bfloat16" });
    assert.equal([full.dtype, half.dtype], ["float32", "bfloat16"]);
    assert.equal([...new Set(half.parameters().map(({ dtype }) => dtype))], ["bfloat16"]);
    const bits = new Uint32Array(half.readParameter("lm_head.weight").slice().buffer);
    assert.ok(
      bits.every((word) => (word & 0xffff) === 0),
      "weights are bfloat16 values",
    );
    const [batch] = tinyBatches(1);
    const [exact, rounded] = [await full.forward(batch!), await half.forward(batch!)];
    assert.ok(Math.abs(exact.loss! - rounded.loss!) < 0.02 * exact.loss!, `${exact.loss} ${rounded.loss}`);
    assert.not.equal(exact.loss, rounded.loss);

    await half.save(join(folder, "half"));
    await half.save(join(folder, "wide"), { dtype: "float32" });
    const dtypeOf = (name: string) =>
      (JSON.parse(readFileSync(join(folder, name, "config.json"), "utf8")) as { torch_dtype: string }).torch_dtype;
    assert.equal([dtypeOf("half"), dtypeOf("wide")], ["bfloat16", "float32"]);
    for (const name of ["half", "wide"]) {
      using again = await Model.load(join(folder, name), { backend: "cpu", dtype: "bfloat16" });
      assert.is((await again.forward(batch!)).loss, rounded.loss);
    }
    using widened = await Model.load(join(folder, "half"), { backend: "cpu" });
    assert.is(widened.dtype, "float32");
    assert.equal(widened.readParameter("lm_head.weight"), half.readParameter("lm_head.weight"));
  });
});

test("save and load: the same bits; bfloat16 files load as float32; extra files come along", async () => {
  await withFolder(async (folder) => {
    using model = await tinyModel();
    writeFileSync(join(folder, "note.txt"), "hello");
    await model.save(join(folder, "full"), { extraFiles: [join(folder, "note.txt")] });
    await model.save(join(folder, "half"), { dtype: "bfloat16", maxShardBytes: 8192 });
    assert.is(readFileSync(join(folder, "full/note.txt"), "utf8"), "hello");
    assert.ok(readdirSync(join(folder, "half")).includes("model.safetensors.index.json"));
    using full = await Model.load(join(folder, "full"), { backend: "cpu" });
    using half = await Model.load(join(folder, "half"));
    const weights = model.readParameter("lm_head.weight");
    assert.equal(full.readParameter("lm_head.weight"), weights);
    half.readParameter("lm_head.weight").forEach((value, i) => {
      assert.ok(Math.abs(value - weights[i]!) <= Math.abs(weights[i]!) / 256, `weight ${i}`);
    });
  });
});

test("bad input: messages say what is wrong and how to mend it", async () => {
  using model = await tinyModel();
  const [batch] = tinyBatches(1);
  const argument = (body: () => unknown, message: RegExp) => fails(body, "ERR_BELLE_INVALID_ARGUMENT", message);
  await argument(
    () => model.forward({ inputIds: Uint32Array.of(1) as never, cuSeqlens: Int32Array.of(0, 1) }),
    /inputIds must be an Int32Array, not a Uint32Array\./,
  );
  await argument(() => model.forward({} as never), /inputIds must be an Int32Array, not undefined\./);
  await argument(() => model.forward({ ...batch!, labels: new Int32Array(0) }), /labels is empty/);
  await argument(() => model.forward({ ...batch!, labels: new Int32Array(3) }), /labels holds 3 entries/);
  await argument(() => model.forward({ ...batch!, cuSeqlens: Int32Array.of(0, 99) }), /cu_seqlens/);
  await argument(
    () => model.forward({ inputIds: Int32Array.of(1, 96), cuSeqlens: Int32Array.of(0, 2) }),
    /input_ids\[1\] is 96, outside the vocabulary of 96/,
  );
  const long = new Int32Array(300).fill(5);
  await argument(
    () => model.forward({ inputIds: long, cuSeqlens: Int32Array.of(0, 300) }),
    /max_position_embeddings is 256/,
  );
  await argument(
    () => model.forward({ inputIds: batch!.inputIds, cuSeqlens: batch!.cuSeqlens }, { gradients: true }),
    /gradients: true needs labels/,
  );
  await argument(() => model.generate([prompt], { temperature: -1 }), /temperature must be 0 \(greedy\) or a positive/);
  await argument(() => model.generate([prompt], { topP: 0 }), /topP must be above 0 and at most 1, not 0/);
  await argument(() => model.generate([prompt], { maxNewTokens: 0 }), /maxNewTokens must be an integer of at least 1/);
  await argument(
    () => model.generate([[1, 2] as never]),
    /prompts\[0\] must be a Uint32Array of token ids, not an array/,
  );
  await argument(
    () => model.generate([Uint32Array.of(4_000_000_000)]),
    /prompts\[0\]\[0\] = 4000000000 is not a token id/,
  );
  await argument(() => model.logLikelihood([new Uint32Array(0)]), /sequence 0 is empty/);
  await argument(
    () => model.save("x", { dtype: "float16" as never }),
    /options\.dtype must be one of "float32", "bfloat16"/,
  );
  await argument(
    () => Model.load("x", { backend: "gpu" as never }),
    /backend must be one of auto, cpu, cuda, not "gpu"/,
  );
  await argument(() => Model.load("x", { threads: -1 }), /threads must be an integer/);
  await fails(() => Model.load("/no/model"), "ERR_BELLE_NOT_FOUND", /\/no\/model/);
  await argument(
    () => Model.load("x", { dtype: "float16" as never }),
    /dtype must be "float32" or "bfloat16", not "float16"/,
  );
  await fails(() => Model.create("{"), "ERR_BELLE_INVALID_DATA", /line 1/);
  await fails(() => Model.create({ ...tinyConfig, hidden_act: "relu" }), "ERR_BELLE_UNSUPPORTED", /hidden_act/);
});

test("BELLE_BACKEND is the default backend, and is named when it is wrong", async () => {
  const before = process.env.BELLE_BACKEND;
  try {
    process.env.BELLE_BACKEND = "cpu";
    using model = await Model.create(tinyConfig);
    assert.is(model.backend, "cpu");
    process.env.BELLE_BACKEND = "tpu";
    await fails(
      () => Model.create(tinyConfig),
      "ERR_BELLE_INVALID_ARGUMENT",
      /environment variable BELLE_BACKEND must be/,
    );
    using chosen = await Model.create(tinyConfig, { backend: "cpu" });
    assert.is(chosen.backend, "cpu");
  } finally {
    if (before === undefined) delete process.env.BELLE_BACKEND;
    else process.env.BELLE_BACKEND = before;
  }
});

test.run();
