// The commands one after the other, as a user works: train a tokenizer, extend it, train a model, stop, go on, ask.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { belle, start } from "../support/command_line.ts";
import { temporaryFolder } from "../support/folder.ts";

const test = suite("cli story");

const dir = temporaryFolder();
test.after(() => rmSync(dir, { recursive: true, force: true }));

const fruits = ["苹果", "香蕉", "葡萄", "西瓜", "草莓", "橙子"];
const colours = ["红色", "黄色", "紫色", "绿色", "粉色", "橙色"];

test("tokenizer train writes a model; stats and encode read it", async () => {
  const english = Array.from({ length: 300 }, (_, i) => `the quick brown fox ${i} jumps over the lazy dog`).join("\n");
  const chinese = Array.from(
    { length: 300 },
    (_, i) => `${fruits[i % 6]}是什么颜色？${fruits[i % 6]}是${colours[i % 6]}的。`,
  ).join("\n");
  writeFileSync(join(dir, "en.txt"), english);
  writeFileSync(join(dir, "zh.txt"), chinese);
  const base = await belle([
    "tokenizer",
    "train",
    join(dir, "en.txt"),
    "--vocab-size",
    "300",
    "--byte-fallback",
    "--set",
    "character_coverage=1",
    "--output",
    join(dir, "base"),
  ]);
  assert.is(base.code, 0, base.err);
  const zh = await belle([
    "tokenizer",
    "train",
    join(dir, "zh.txt"),
    "--output",
    join(dir, "zh"),
    "--vocab-size=60",
    "--set",
    "hard_vocab_limit=false",
    "--json",
  ]);
  assert.is((JSON.parse(zh.out) as { vocabSize: number }).vocabSize <= 60, true);
  const stats = await belle(["tokenizer", "stats", join(dir, "base"), join(dir, "zh.txt"), "--json"]);
  const value = JSON.parse(stats.out) as {
    vocabSize: number;
    types: Record<string, number>;
    texts: Array<{ lines: number }>;
  };
  assert.equal([value.vocabSize, value.types.byte, value.texts[0]!.lines], [300, 256, 300]);
  const wrong = await belle(["tokenizer", "train", join(dir, "en.txt"), "--output", dir, "--set", "vocab_sise=3"]);
  assert.is(wrong.code, 2);
  assert.match(wrong.err, "vocab_sise: is not a known key; did you mean vocab_size?");
});

test("tokenizer merge extends it and reports", async () => {
  const argv = ["tokenizer", "merge", join(dir, "base"), join(dir, "zh"), "--output", join(dir, "merged")];
  const { code, err } = await belle(argv);
  assert.is(code, 0, err);
  const report = JSON.parse(readFileSync(join(dir, "merged", "merge-report.json"), "utf8")) as {
    baseRows: number;
    added: number;
    rows: number;
    subTokens: number[][];
  };
  assert.is(report.rows, report.baseRows + report.added);
  assert.is(report.subTokens.length, report.added);
});

function config(output: string): string {
  const chats = Array.from({ length: 60 }, (_, i) =>
    JSON.stringify({
      instruction: `${fruits[i % 6]}是什么颜色？`,
      input: "",
      output: `${fruits[i % 6]}是${colours[i % 6]}的。`,
    }),
  );
  writeFileSync(join(dir, "sft.jsonl"), chats.join("\n"));
  const path = join(dir, `${output}.yaml`);
  const lines = [
    `model: { path: ${join(dir, "start", "final")}, resize: { init: subtoken-mean, sub_tokens: ${join(dir, "merged", "merge-report.json")}, pad_to_multiple_of: 8 } }`,
    `tokenizer: { path: ${join(dir, "merged")} }`,
    `data: { sources: [${join(dir, "sft.jsonl")}], eval_head: 4 }`,
    `train: { output_dir: ${join(dir, output)}, max_length: 128, max_steps: 400, save_steps: 25, learning_rate: 3e-3 }`,
  ];
  writeFileSync(path, lines.join("\n"));
  return path;
}

test("train makes a new model from its fields", async () => {
  const path = join(dir, "start.yaml");
  writeFileSync(
    path,
    `model: { create: { hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 2, max_position_embeddings: 128 } }
tokenizer: { path: ${join(dir, "base")} }
data: { sources: [${join(dir, "en.txt")}] }
train: { output_dir: ${join(dir, "start")}, max_length: 64, max_steps: 3 }
`,
  );
  const { code, err } = await belle(["train", path]);
  assert.is(code, 0, err);
  assert.ok(readdirSync(join(dir, "start", "final")).includes("tokenizer.model"));
});

test("train extends the embeddings, or says that it must be asked to", async () => {
  const path = config("unasked");
  const refused = await belle(["train", path, "--set", "model.resize=null"]);
  assert.is(refused.code, 2);
  const text = readFileSync(path, "utf8").replace(/, resize: \{[^}]*\}/, "");
  writeFileSync(path, text);
  const unasked = await belle(["train", path]);
  assert.is(unasked.code, 2);
  assert.match(unasked.err, /The tokenizer has \d+ rows, the model 300: add model\.resize/);
});

test("SIGTERM in training exits 75; the same command goes on and ends with the same weights", async () => {
  const whole = await belle(["train", config("whole"), "--json"]);
  assert.is(whole.code, 0, whole.err);
  const path = config("parts");
  const { child, finished } = start(["train", path, "--json"]);
  const stepped = new Promise<void>((done) =>
    child.stdout!.on("data", (chunk: Buffer) => String(chunk).includes('"type":"checkpoint"') && done()),
  );
  await stepped;
  child.kill("SIGTERM");
  const stopped = await finished;
  assert.is(stopped.code, 75, stopped.err);
  assert.match(stopped.err, "Run the same command again to continue where it stopped.");
  const resumed = await belle(["train", path]);
  assert.is(resumed.code, 0, resumed.err);
  const weights = (output: string) => readFileSync(join(dir, output, "final", "model.safetensors"));
  assert.ok(weights("whole").equals(weights("parts")));
  const losses = (output: string) =>
    readFileSync(join(dir, output, "metrics.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string; step: number; loss: number })
      .filter(({ type }) => type === "step")
      .map(({ step, loss }) => `${step} ${loss}`);
  assert.is(losses("whole").length, 400);
  assert.equal(losses("parts"), losses("whole"));
});

test("the trained model answers what it was taught", async () => {
  const { code, out, err } = await belle([
    "generate",
    join(dir, "whole", "final"),
    "香蕉是什么颜色？",
    "--set",
    "max_new_tokens=24",
    "--quiet",
  ]);
  assert.is(code, 0, err);
  assert.is(out, "香蕉是黄色的。\n");
  const piped = await belle(["generate", join(dir, "whole", "final"), "--json"], { input: "西瓜是什么颜色？\n" });
  assert.match((JSON.parse(piped.out) as { answer: string }).answer, "绿色");
  const none = await belle(["generate", join(dir, "whole", "final")]);
  assert.equal([none.code, none.out], [2, ""]);
  assert.match(none.err, "There is no prompt");
});

test.run();
