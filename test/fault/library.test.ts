// Bad input through the library: errors with a code that a program can switch on, and what is loaded stays usable.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { sourceSchema } from "../../ts/config/data.ts";
import { prepareData } from "../../ts/data/prepare.ts";
import { Model } from "../../ts/model/model.ts";
import { Tokenizer } from "../../ts/tokenizer/tokenizer.ts";
import { Trainer } from "../../ts/train/trainer.ts";
import { withFolder } from "../support/folder.ts";
import { thrown } from "../support/thrown.ts";
import { command, conversations, leftovers, makeTinyModel, quickstartBase, writeFiles } from "./support.ts";

const test = suite("bad input, library");

async function shards(dir: string): Promise<string> {
  writeFiles(dir, { "sft.jsonl": conversations(20) });
  const tokenizer = await Tokenizer.load(quickstartBase);
  const sources = [sourceSchema.parse({ path: join(dir, "sft.jsonl") })];
  return (await prepareData({ sources, tokenizer, output: join(dir, "shards"), maxLength: 64 })).folder;
}

test("shards of a larger tokenizer are refused, and the model stays usable", () =>
  withFolder(async (dir) => {
    const data = await shards(dir);
    await makeTinyModel(join(dir, "small"), 300);
    const model = await Model.load(join(dir, "small"));
    try {
      const error = await thrown(() => Trainer.create({ model, data, config: { max_steps: 1, max_length: 64 } }));
      assert.is(error.code, "ERR_BELLE_INVALID_ARGUMENT");
      assert.match(error.message, /the training data holds token id \d+ but the model has 300 rows/);
      assert.match(error.message, "extend the vocabulary");
      const answer = await model.generate([Uint32Array.of(1, 2)], { maxNewTokens: 2, temperature: 0, stop: [] });
      assert.is(answer[0]!.length, 2);
    } finally {
      model.dispose();
    }
  }));

test("train says that the model has too few rows for the tokenizer, and how to extend it", () =>
  withFolder(async (dir) => {
    await makeTinyModel(join(dir, "small"), 300);
    writeFiles(dir, {
      "sft.jsonl": conversations(4),
      "run.yaml": `model: { path: ${join(dir, "small")} }
tokenizer: { path: ${quickstartBase} }
data: { sources: [${join(dir, "sft.jsonl")}] }
train: { output_dir: ${join(dir, "out")}, max_length: 64, max_steps: 1 }
`,
    });
    const { code, err } = await command(["train", join(dir, "run.yaml"), "--quiet"]);
    assert.equal(
      [code, err],
      [
        2,
        "The tokenizer has 1000 rows, the model 300: add model.resize to the configuration to extend the embeddings.\n",
      ],
    );
    // The prepared data are whole, and kept for the next try.
    assert.equal(readdirSync(join(dir, "out")), ["data"]);
    assert.equal(leftovers(dir), []);
  }));

for (const [name, damage] of [
  [
    "a flipped bit",
    (bytes: Buffer) => Buffer.concat([bytes.subarray(0, 40), Buffer.of(bytes[40]! ^ 1), bytes.subarray(41)]),
  ],
  ["a missing byte", (bytes: Buffer) => bytes.subarray(1)],
  ["nothing at all", () => Buffer.alloc(0)],
] as const) {
  for (const ending of [".bin", ".idx", ".mask"]) {
    test(`a shard's ${ending} with ${name}`, () =>
      withFolder(async (dir) => {
        const data = await shards(dir);
        const path = join(data, readdirSync(data).find((file) => file.endsWith(ending))!);
        writeFileSync(path, damage(readFileSync(path)));
        await makeTinyModel(join(dir, "model"));
        const model = await Model.load(join(dir, "model"));
        try {
          const error = await thrown(() => Trainer.create({ model, data, config: { max_steps: 1, max_length: 64 } }));
          assert.is(error.code, "ERR_BELLE_INVALID_DATA");
          assert.match(error.message, path);
        } finally {
          model.dispose();
        }
      }));
  }
}

test("a run that is stopped before an evaluation makes it when it goes on", () =>
  withFolder(async (dir) => {
    const data = await shards(dir);
    await makeTinyModel(join(dir, "model"));
    const config = { output_dir: join(dir, "out"), max_steps: 6, max_length: 64, eval_steps: 1, save_steps: 0 };
    const evaluated = new Set<number>();
    let stops = 0;
    for (let done = false; !done; ) {
      const model = await Model.load(join(dir, "model"));
      const trainer = await Trainer.create({ model, data, evaluation: data, config });
      const controller = new AbortController();
      try {
        for await (const event of trainer.run({ resume: true, signal: controller.signal })) {
          if (event.type === "step") controller.abort();
          if (event.type === "eval") evaluated.add(event.step);
          if (event.type === "done") done = !event.stopped;
        }
      } catch (error) {
        assert.is((error as { code?: string }).code, "ERR_BELLE_ABORTED");
        stops++;
      } finally {
        trainer.dispose();
        model.dispose();
      }
    }
    assert.ok(stops > 0);
    assert.equal(
      [...evaluated].sort((a, b) => a - b),
      [1, 2, 3, 4, 5, 6],
    );
  }));

test("a failed load leaves nothing behind, a whole folder loads after it", () =>
  withFolder(async (dir) => {
    const folder = join(dir, "model");
    await makeTinyModel(folder);
    const path = join(folder, "model.safetensors");
    const whole = readFileSync(path);
    for (const length of [0, 7, 8, 9, 100, whole.length >> 1, whole.length - 1]) {
      writeFileSync(path, whole.subarray(0, length));
      assert.is((await thrown(() => Model.load(folder))).code, "ERR_BELLE_INVALID_DATA");
      assert.equal(readdirSync(dir), ["model"]);
    }
    writeFileSync(path, whole);
    (await Model.load(folder)).dispose();
    rmSync(join(folder, "tokenizer.model"));
    assert.is((await thrown(() => Tokenizer.load(folder))).code, "ERR_BELLE_NOT_FOUND");
  }));

test.run();
