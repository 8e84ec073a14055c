// extend-and-tune from end to end on a model of a few thousand weights: what it writes, keeps, redoes, and refuses.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { gzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Model, type TrainingPlan, trainBpe } from "../../ts/index.ts";
import type { RecipeProgress } from "../../ts/recipes/extend_and_tune/events.ts";
import { extendAndTune } from "../../ts/recipes/extend_and_tune/recipe.ts";
import type { ExtendAndTuneResult } from "../../ts/recipes/extend_and_tune/result.ts";
import { extendAndTuneSchema } from "../../ts/recipes/extend_and_tune/schema.ts";
import { extendTokenizer } from "../../ts/recipes/extend_and_tune/tokenizer_stage.ts";
import type { RecipeEvent } from "../../ts/recipes/registry.ts";
import { belle } from "../support/command_line.ts";
import { withFolder } from "../support/folder.ts";
import { fails } from "../support/thrown.ts";

const test = suite("recipe run");

const lines = ["今天天气很好", "今天我们去学校", "学校的天气也很好", "我们很高兴", "天气好我们就去学校"];
const bpe = { byte_fallback: true, character_coverage: 1, normalization_rule_name: "identity" };

/** Texts, conversations, questions and a base tokenizer in `folder`. */
async function material(folder: string): Promise<void> {
  const repeated = Array.from({ length: 8 }, () => lines).flat();
  writeFileSync(join(folder, "text.txt"), `${repeated.join("\n")}\n`);
  const talk = repeated.map((text) => ({
    conversations: [
      { from: "human", value: text },
      { from: "assistant", value: "很好" },
    ],
  }));
  writeFileSync(join(folder, "talk.jsonl"), `${talk.map((row) => JSON.stringify(row)).join("\n")}\n`);
  const questions = ["open qa", "math", "math"].map((name, i) => ({
    class: name,
    question: lines[i],
    std_answer: "很好",
    check: { kind: "contains", value: "很好" },
  }));
  writeFileSync(join(folder, "questions.jsonl"), `${questions.map((row) => JSON.stringify(row)).join("\n")}\n`);
  const base = await trainBpe({
    sentences: ["the cat sat on the mat", "the dog sat on the log"],
    vocab_size: 285,
    ...bpe,
  });
  mkdirSync(join(folder, "base"));
  await base.save(join(folder, "base"));
}

function configOf(folder: string, more: Record<string, unknown> = {}) {
  const at = (name: string) => join(folder, name);
  const train = { learning_rate: 0.01, max_steps: 4, max_length: 32, save_steps: 2 };
  return extendAndTuneSchema.parse({
    recipe: "extend-and-tune",
    output_dir: at("run"),
    tokenizer: { base: at("base"), train: { input: [at("text.txt")], vocab_size: 290, ...bpe }, held_out_head: 5 },
    // Three rows more than the tokenizer has: padding, as in published models.
    model: { create: { hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, vocab_size: 288 }, threads: 1 },
    pretrain: {
      data: { sources: [{ path: at("text.txt"), format: "text" }], eval_head: 5 },
      train: { ...train, trainable: "embeddings" },
    },
    finetune: { data: { sources: [at("talk.jsonl")], eval_head: 5 }, train },
    answers: { questions: at("questions.jsonl"), generate: { max_new_tokens: 4 } },
    evaluation: { by: "rules" },
    ...more,
  });
}

type Config = ReturnType<typeof configOf>;

/** Runs it; also what was told of stages. */
async function run(config: Config, options: { signal?: AbortSignal; onEvent?: (event: RecipeEvent) => void } = {}) {
  const told: string[] = [];
  const onEvent = (event: RecipeEvent) => {
    if (event.type.startsWith("stage-") && event.type !== "stage-progress") {
      told.push(`${event.type.slice(6)} ${(event as { stage: string }).stage}`);
    }
    options.onEvent?.(event);
  };
  const result = await extendAndTune(config, { language: "en", ...options, onEvent });
  return { result, told };
}

/** Everything of a result but where it lies. */
const placeless = (result: ExtendAndTuneResult, folder: string) =>
  JSON.parse(JSON.stringify(result).replaceAll(folder, ""));

async function weightsOf(folder: string): Promise<Float32Array[]> {
  using model = await Model.load(folder, { threads: 1 });
  return model.parameters().map(({ name }) => model.readParameter(name));
}

const kept = ["tokenizer", "extend", "pretrain", "before", "finetune", "after"].map((name) => `kept ${name}`);

test("plan: every phase, before anything is made and after", () =>
  withFolder(async (folder) => {
    await material(folder);
    const config = configOf(folder);
    const file = join(folder, "run.yaml");
    writeFileSync(file, JSON.stringify(config));
    const plan = async () => {
      const { code, out, err } = await belle(["plan", file, "--no-measure", "--json"]);
      assert.equal([code, err], [0, ""]);
      return (JSON.parse(out) as { phases: Array<TrainingPlan & { phase: string }> }).phases;
    };
    const of = (plans: TrainingPlan[], rows: number) => {
      const [pretrain, finetune] = plans as [TrainingPlan, TrainingPlan];
      const bytes = (plan: TrainingPlan, name: string) => plan.memory.items.find((item) => item.name === name)!.bytes;
      assert.is(bytes(pretrain, "gradients"), 4 * 2 * rows * 16, "embeddings alone");
      assert.is(bytes(finetune, "gradients"), 4 * finetune.parameters);
      assert.is(finetune.parameters - 2 * rows * 16, 4 * 16 * 16 + 3 * 16 * 64 + 3 * 16);
    };
    const before = await plan();
    assert.equal(
      before.map(({ phase, run }) => [phase, run!.steps]),
      [
        ["pretrain", 4],
        ["finetune", 4],
      ],
    );
    // As many as the base has and the training may make.
    of(before, 285 + 290);
    assert.not(existsSync(config.output_dir));
    const { result } = await run(config);
    of(await plan(), result.tokenizer.rows);
    const text = await belle(["plan", file, "--no-measure"]);
    assert.match(text.out, /^pretrain\n\nweights [\s\S]*\nfinetune\n\nweights /);
    writeFileSync(file, JSON.stringify({ ...config, recipe: "extend" }));
    const wrong = await belle(["plan", file]);
    assert.equal([wrong.code, wrong.err], [2, `${file}: recipe: is "extend"; it must be one of extend-and-tune.\n`]);
  }));

test("the whole chain; a second run keeps all of it, also when the folder was moved", () =>
  withFolder(async (folder) => {
    await material(folder);
    const config = configOf(folder);
    const { result, told } = await run(config);
    assert.equal(
      told,
      kept.flatMap((line) => [line.replace("kept", "start"), line.replace("kept", "done")]),
    );
    const { tokenizer, model, pretrain, finetune, before, after } = result;
    assert.is(tokenizer.baseRows, 285);
    assert.ok(tokenizer.rows > 288, `${tokenizer.rows} rows`);
    assert.equal([model.oldRows, model.rows], [288, tokenizer.rows]);
    assert.is(tokenizer.heldOut?.lines, 5);
    assert.ok(tokenizer.heldOut!.tokensAfter < tokenizer.heldOut!.tokensBefore);
    for (const phase of [pretrain, finetune]) {
      assert.equal([phase.steps, phase.heldOutSamples], [4, 5]);
      assert.ok(phase.heldOutAfter! < phase.heldOutBefore!, `${phase.heldOutBefore} to ${phase.heldOutAfter}`);
    }
    assert.equal([before?.scores.length, after.scores.length], [3, 3]);
    const html = readFileSync(result.report, "utf8");
    assert.ok(html.includes("From Chinese text to a trained, scored model") && !/NaN|undefined/.test(html));

    const moved = join(folder, "moved");
    renameSync(config.output_dir, moved);
    const again = await run({ ...config, output_dir: relative(process.cwd(), moved) });
    assert.equal(again.told, kept);
    assert.ok(again.result.finetune.model.startsWith(moved) && existsSync(again.result.finetune.model));
    assert.equal(placeless(again.result, moved), placeless(result, config.output_dir));
  }));

test("only what a change reaches is redone; a phase of other inputs is set aside, not continued", () =>
  withFolder(async (folder) => {
    await material(folder);
    const config = configOf(folder);
    const first = await run(config);
    const old = await weightsOf(first.result.finetune.model);
    // Other starting weights: the checkpoints of the run before fit in shape and configuration, and must not be used.
    const other = { ...config, seed: 43 };
    const second = await run(other);
    assert.equal(second.told, [
      "kept tokenizer",
      ...["start extend", "done extend"],
      ...["start pretrain", "aside pretrain", "done pretrain", "start before", "done before"],
      ...["start finetune", "aside finetune", "done finetune", "start after", "done after"],
    ]);
    const fresh = await run({ ...other, output_dir: join(folder, "fresh") });
    assert.equal(await weightsOf(second.result.finetune.model), await weightsOf(fresh.result.finetune.model));
    assert.equal(await weightsOf(join(config.output_dir, "finetune.earlier-1", "final")), old, "nothing is lost");

    rmSync(fresh.result.pretrain.model, { recursive: true });
    const mended = await run({ ...other, output_dir: join(folder, "fresh") });
    assert.ok(mended.told.includes("done pretrain") && mended.told.includes("kept finetune"), mended.told.join());
  }));

test("aborted in the middle of a phase, then run again: the bits of a run nobody stopped", () =>
  withFolder(async (folder) => {
    await material(folder);
    const given = configOf(folder);
    // Enough steps that an abort arrives long before the last one.
    const train = { ...given.finetune.train, max_steps: 300, save_steps: 100 };
    const config = { ...given, finetune: { ...given.finetune, train } };
    const whole = await run({ ...config, output_dir: join(folder, "whole") });
    const controller = new AbortController();
    const onEvent = (event: RecipeEvent) => {
      if (event.type !== "stage-progress" || event.progress.kind !== "train" || event.progress.phase !== "finetune")
        return;
      if (event.progress.event.type === "step") controller.abort("enough");
    };
    const stopped = () => run(config, { signal: controller.signal, onEvent });
    const error = await fails(stopped, "ERR_BELLE_ABORTED", /stopped/);
    assert.is(error.cause, "enough");
    assert.not.ok(existsSync(join(config.output_dir, "stages", "finetune.json")));
    const { result, told } = await run(config);
    assert.equal(told.slice(0, 6), [...kept.slice(0, 4), "start finetune", "done finetune"]);
    assert.equal(await weightsOf(result.finetune.model), await weightsOf(whole.result.finetune.model));
    assert.equal(result.after.scores, whole.result.after.scores);
    assert.is(result.finetune.heldOutBefore, whole.result.finetune.heldOutBefore);
  }));

test("what the last stage needs is looked for before the first", () =>
  withFolder(async (folder) => {
    await material(folder);
    const config = configOf(folder);
    const question = { class: "math", question: "一加一？", std_answer: "二" };
    writeFileSync(config.answers.questions, `${JSON.stringify(question)}\n`);
    await fails(
      () => run(config),
      "ERR_BELLE_INVALID_DATA",
      /item "line-0001" has no "check"; .* evaluation\.by: judge/,
    );
    rmSync(config.answers.questions);
    await fails(() => run(config), "ERR_BELLE_NOT_FOUND", /questions\.jsonl/);
    assert.not.ok(existsSync(config.output_dir), "nothing was begun");
  }));

/** The tokenizer stage alone, over one training file. */
async function tokenizerStage(config: Config, file: string, more: Record<string, unknown> = {}) {
  const train = { ...config.tokenizer.train, input: [file] };
  const tokenizer = { ...config.tokenizer, train, ...more };
  const report = (progress: RecipeProgress) => assert.is(progress.kind, "bpe");
  return extendTokenizer({ ...config, tokenizer }, { signal: undefined, report });
}

test("packed text and frequency tables: what is held out is text, as from the plain file", () =>
  withFolder(async (folder) => {
    await material(folder);
    const config = configOf(folder);
    const at = (name: string) => join(folder, name);
    const expected = await tokenizerStage(config, at("text.txt"));
    assert.is(expected.heldOut?.lines, 5);
    const text = readFileSync(at("text.txt"));
    writeFileSync(at("text.txt.gz"), gzipSync(text));
    assert.equal(await tokenizerStage(config, at("text.txt.gz")), expected);
    writeFileSync(at("text.tsv"), text.toString("utf8").replaceAll("\n", "\t1\n"));
    assert.equal(await tokenizerStage(config, at("text.tsv")), expected);
    const [held_out, plain] = [at("held.txt.gz"), at("rest.txt")];
    const split = text.toString("utf8").split("\n");
    writeFileSync(held_out, gzipSync(`${split.slice(0, 5).join("\n")}\n`));
    writeFileSync(plain, split.slice(5).join("\n"));
    assert.equal(await tokenizerStage(config, plain, { held_out, held_out_head: 0 }), expected);
    assert.not.ok(readdirSync(expected.folder).includes("unpacked"));
    await fails(
      () => tokenizerStage(config, held_out),
      "ERR_BELLE_INVALID_DATA",
      /held\.txt\.gz has 5 lines; tokenizer\.held_out_head \(5\) must leave some/,
    );
  }));

test("a base that cannot be extended is told before any text is read", () =>
  withFolder(async (folder) => {
    await material(folder);
    const config = configOf(folder);
    const base = { added_tokens: [], model: { type: "BPE", vocab: { a: 0, b: 1 }, merges: [] } };
    mkdirSync(join(folder, "hf"));
    writeFileSync(join(folder, "hf", "tokenizer.json"), JSON.stringify(base));
    await fails(
      () => tokenizerStage(config, join(folder, "none.txt"), { base: join(folder, "hf") }),
      "ERR_BELLE_UNSUPPORTED",
      /^tokenizer\.base \(.*hf\): the base cannot be merged: this tokenizer\.json cannot be a sentencepiece model/,
    );
  }));

test("blank held-out lines, a model folder that is not there", () =>
  withFolder(async (folder) => {
    await material(folder);
    const config = configOf(folder);
    const blank = join(folder, "blank.txt");
    writeFileSync(blank, "\n \n");
    const tokenizer = { ...config.tokenizer, held_out: blank, held_out_head: 0 };
    await fails(
      () => run({ ...config, tokenizer }),
      "ERR_BELLE_INVALID_DATA",
      /blank\.txt: all held-out lines are blank/,
    );
    const model = { ...config.model, create: undefined, path: join(folder, "nowhere") };
    await fails(() => run({ ...config, model }), "ERR_BELLE_NOT_FOUND", /nowhere: no such model folder/);
    assert.not.ok(existsSync(join(config.output_dir, "stages")), "no stage was begun");
  }));

test.run();
