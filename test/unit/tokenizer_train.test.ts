// tokenizer train on the command line: where its text comes from, and where the result goes.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { belle } from "../support/command_line.ts";
import { withFolder } from "../support/folder.ts";
import { suite } from "../support/uvu.ts";

const test = suite("tokenizer train");

const text = "the cat sat on the mat\nthe dog sat on the log\n今天天气很好\n学校的天气也很好\n";

test("tokenizer train reads standard input, and says so; under a memory limit it tells the ties", async () => {
  await withFolder(async (folder) => {
    const more = ["--vocab-size", "290", "--byte-fallback", "--set", "hard_vocab_limit=false"];
    const train = (...args: string[]) =>
      belle(["tokenizer", "train", "--output", join(folder, "a"), ...more, ...args], { input: text });
    const piped = await train();
    assert.is(piped.code, 0, piped.err);
    assert.match(piped.err, "Reading the text from standard input, up to its end.\n");
    const chinese = await train("--lang", "zh", "-");
    assert.match(chinese.err, "从标准输入读取文本，直到其结束。\n");
    const json = await train("--json");
    assert.equal([json.code, json.err], [0, ""]);
    const { vocabSize, ...rest } = JSON.parse(json.out) as Record<string, unknown>;
    assert.equal([vocabSize, "ties" in rest], [290, false]);
    const limited = JSON.parse((await train("--json", "--memory-limit-gb", "1")).out) as Record<string, unknown>;
    assert.equal([limited.ties, limited.shards, limited.generations, limited.fingerprint], [0, 0, 1, rest.fingerprint]);
    // A file is not announced.
    const file = join(folder, "a.txt");
    writeFileSync(file, text);
    assert.not.match((await train(file)).err, "standard input");
  });
});

test("tokenizer train refuses a place it cannot write before it reads the text", async () => {
  await withFolder(async (folder) => {
    writeFileSync(join(folder, "file"), "");
    const { code, err } = await belle([
      "tokenizer",
      "train",
      join(folder, "none.txt"),
      "--output",
      join(folder, "file/a"),
    ]);
    assert.is(code, 1);
    assert.match(err, /--output: .*file\/a cannot be made or written \(ENOTDIR\); choose another folder/);
  });
});

test.run();
