// What recipes are made of: stages that are kept, redone, stopped; the head of a file cut off; a schema that explains.
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseConfig } from "../../ts/config/load.ts";
import { extendAndTuneSchema } from "../../ts/recipes/extend_and_tune/schema.ts";
import { splitHead } from "../../ts/recipes/extend_and_tune/split_head.ts";
import { quickstartConfig } from "../../ts/recipes/quickstart.ts";
import { recipes } from "../../ts/recipes/registry.ts";
import { type StageEvent, StageRunner } from "../../ts/recipes/stage.ts";
import { withFolder } from "../support/folder.ts";
import { fails } from "../support/thrown.ts";

const test = suite("recipes");

/** A runner and the names of what it told. */
function runnerIn(folder: string, signal?: AbortSignal) {
  const told: string[] = [];
  const emit = (event: StageEvent<number>) => {
    told.push(event.type === "stage-progress" ? `progress ${event.progress}` : `${event.type} ${event.stage}`);
  };
  return { told, runner: new StageRunner<number>(folder, 2, signal, emit) };
}

test("a stage runs once for its inputs, in whatever order their keys stand", () =>
  withFolder(async (folder) => {
    const body = async (context: { report(progress: number): void }) => {
      context.report(7);
      return { value: 1, absent: undefined };
    };
    const first = runnerIn(folder);
    const made = await first.runner.run({ name: "a", inputs: { x: 1, y: 2 }, outputs: [] }, body);
    assert.equal(first.told, ["stage-start a", "progress 7", "stage-done a"]);
    const second = runnerIn(folder);
    const kept = await second.runner.run({ name: "a", inputs: { y: 2, x: 1 }, outputs: [] }, body);
    assert.equal(second.told, ["stage-kept a"]);
    assert.equal(made, { value: 1 });
    assert.equal(kept, made, "a kept result is the made one");
  }));

test("a stage is redone for other inputs, for a missing output, for a damaged record", () =>
  withFolder(async (folder) => {
    const output = join(folder, "out.txt");
    let runs = 0;
    const run = (inputs: unknown) =>
      runnerIn(folder).runner.run({ name: "a", inputs, outputs: [output] }, async () => {
        writeFileSync(output, "x");
        return ++runs;
      });
    assert.equal([await run(1), await run(1)], [1, 1]);
    assert.equal([await run(2), await run(2)], [2, 2]);
    rmSync(output);
    assert.is(await run(2), 3);
    const record = join(folder, "stages", "a.json");
    for (const text of ["", "[]", "null", '{"inputs":1,"result":5}', readFileSync(record, "utf8").slice(0, 20)]) {
      writeFileSync(record, text);
      const before = runs;
      assert.is(await run(2), before + 1, JSON.stringify(text));
    }
  }));

test("a stage that fails is not recorded", () =>
  withFolder(async (folder) => {
    const stage = { name: "a", inputs: 1, outputs: [] };
    const failing = runnerIn(folder).runner.run(stage, () => Promise.reject(new Error("broke")));
    await failing.then(assert.unreachable, (error: Error) => assert.is(error.message, "broke"));
    assert.is(await runnerIn(folder).runner.run(stage, async () => 2), 2);
  }));

test("a stage goes on in its folder for the same inputs; for others the folder is set aside", () =>
  withFolder(async (folder) => {
    const work = join(folder, "work");
    const begin = async (inputs: string) => {
      const { runner, told } = runnerIn(folder);
      const body = async () => {
        const found = existsSync(join(work, "half")) ? readFileSync(join(work, "half"), "utf8") : "";
        await mkdir(work, { recursive: true });
        writeFileSync(join(work, "half"), inputs);
        throw new Error(`found ${found}`);
      };
      const error = await runner.run({ name: "a", inputs, outputs: [], resumesIn: work }, body).catch((e: Error) => e);
      return [(error as Error).message, ...told];
    };
    assert.equal(await begin("one"), ["found ", "stage-start a"]);
    assert.equal(await begin("one"), ["found one", "stage-start a"]);
    assert.equal(await begin("two"), ["found ", "stage-start a", "stage-aside a"]);
    assert.is(readFileSync(join(folder, "work.earlier-1", "half"), "utf8"), "one");
    assert.equal(await begin("one"), ["found ", "stage-start a", "stage-aside a"]);
    assert.is(readFileSync(join(folder, "work.earlier-2", "half"), "utf8"), "two");
  }));

test("an abort between stages is ERR_BELLE_ABORTED with its reason, and the body is told the signal", () =>
  withFolder(async (folder) => {
    const controller = new AbortController();
    const { runner, told } = runnerIn(folder, controller.signal);
    const seen = await runner.run({ name: "a", inputs: 1, outputs: [] }, async ({ signal }) => {
      const same = signal === controller.signal;
      controller.abort("SIGINT");
      return same;
    });
    assert.is(seen, true);
    const stopped = () => runner.run({ name: "b", inputs: 1, outputs: [] }, async () => assert.unreachable());
    const error = await fails(stopped, "ERR_BELLE_ABORTED", /recipe was stopped/);
    assert.is(error.cause, "SIGINT");
    assert.equal(told, ["stage-start a", "stage-done a"], "what was finished is recorded");
    assert.ok(existsSync(join(folder, "stages", "a.json")));
  }));

test("splitHead: every byte goes to one side, the cut is behind the line", () =>
  withFolder(async (folder) => {
    const at = (name: string) => join(folder, name);
    const files = { head: at("head"), rest: at("rest") };
    const split = async (text: string, lines: number) => {
      writeFileSync(at("text"), text);
      await splitHead(at("text"), lines, files);
      return [readFileSync(files.head, "utf8"), readFileSync(files.rest, "utf8")];
    };
    assert.equal(await split("一\n二\n三\n", 1), ["一\n", "二\n三\n"]);
    assert.equal(await split("一\r\n\n三", 2), ["一\r\n\n", "三"]);
    // Lines across the reader's chunks of 64 KiB, one of them ending exactly at a chunk's end.
    const long = `${"长".repeat(50_000)}\n`;
    assert.equal(await split(long + long + long, 2), [long + long, long]);
    const whole = `${"x".repeat(65_535)}\n`;
    assert.equal(await split(`${whole}y\n`, 1), [whole, "y\n"]);
    const say = (count: number) =>
      new RegExp(`text has ${count} lines; tokenizer.held_out_head \\(2\\) must leave some`);
    await fails(() => split("一\n二\n", 2), "ERR_BELLE_INVALID_DATA", say(2));
    await fails(() => split("一\n二", 2), "ERR_BELLE_INVALID_DATA", say(2));
    await fails(() => split("一", 2), "ERR_BELLE_INVALID_DATA", say(1));
    await fails(() => split("", 2), "ERR_BELLE_INVALID_DATA", say(0));
    await fails(() => splitHead(at("text"), 1, files, "a.gz"), "ERR_BELLE_INVALID_DATA", /^a\.gz has 0 lines/);
  }));

const yaml = `recipe: extend-and-tune
output_dir: out
tokenizer: { base: base, train: { input: [a.txt], vocab_size: 300 } }
model: { path: base }
pretrain: { data: { sources: [a.txt] }, train: { trainable: embeddings } }
finetune: { data: { sources: [b.jsonl] } }
answers: { questions: q.jsonl }
evaluation: { by: rules }
`;

const refused: Array<[set: string, en: RegExp, zh: RegExp]> = [
  ["model={}", /model: needs exactly one of path and create/, /model：?:?.*必须且只能给出 path 与 create 之一/],
  [
    "tokenizer={base: b, train: {input: [a.txt]}, held_out: h, held_out_head: 3}",
    /held_out_head: cannot be used together with held_out/,
    /不能与 held_out 同时使用/,
  ],
  [
    'tokenizer.train.input=["a.txt", "-"]',
    /tokenizer\.train\.input\.1: cannot be standard input \(-\)/,
    /tokenizer\.train\.input\.1：不能为标准输入（-）/,
  ],
  ['tokenizer.held_out="-"', /tokenizer\.held_out: cannot be standard input/, /tokenizer\.held_out.*不能为标准输入/],
  [
    "finetune.data.max_length=4096",
    /finetune\.data\.max_length: is 4096, above train\.max_length/,
    /大于 train\.max_length/,
  ],
  ["evaluation.by=guess", /evaluation/, /evaluation/],
  ["pretrain.train.output_dir=elsewhere", /output_dir/, /output_dir/],
  ["recipe=other", /recipe/, /recipe/],
];

for (const [set, en, zh] of refused)
  test(`schema: ${set} is refused in both languages`, async () => {
    for (const [language, said] of [
      ["en", en],
      ["zh", zh],
    ] as const)
      await fails(
        () => parseConfig(yaml, "run.yaml", extendAndTuneSchema, { set: [set], language }),
        "ERR_BELLE_CONFIG",
        said,
      );
  });

test("schema: defaults", () => {
  const config = parseConfig(yaml, "run.yaml", extendAndTuneSchema);
  assert.equal([config.seed, config.tokenizer.merge_mode, config.tokenizer.held_out_head], [42, "safe", 0]);
  assert.equal(
    [config.model.init, config.answers.before, config.answers.generate.max_new_tokens],
    ["subtoken-mean", true, 128],
  );
});

test("the quickstart's YAML is a valid recipe wherever it is put, and its files are there", () => {
  const config = quickstartConfig('/tmp/with "quotes" and: colons');
  assert.is(config.output_dir, '/tmp/with "quotes" and: colons');
  const files = [config.tokenizer.base, ...config.tokenizer.train.input, config.answers.questions];
  assert.equal(
    files.filter((file) => !existsSync(file)),
    [],
  );
  assert.ok(recipes.some((recipe) => recipe.name === config.recipe && recipe.summary.zh !== ""));
});

test.run();
