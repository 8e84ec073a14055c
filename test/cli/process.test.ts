// What only a real process shows: streams, signals, pipes, exit codes.
import { type ChildProcess, execFileSync, spawnSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { belle, start } from "../support/command_line.ts";
import { withFolder } from "../support/folder.ts";
import { root } from "../support/paths.ts";
import { testWithShared } from "../support/shared.ts";

const test = suite("cli process");

const chat = (i: number) =>
  JSON.stringify({
    conversations: [
      { from: "human", value: `问题 ${i}` },
      { from: "assistant", value: "回答".repeat(50) },
    ],
  });

test("help goes to stdout and exits 0, in the language of the environment", async () => {
  const english = await belle(["--help"]);
  assert.equal([english.code, english.err], [0, ""]);
  assert.match(english.out, "Check this computer");
  const chinese = await belle(["data", "prepare", "--help"], { env: { BELLE_LANG: "", LC_ALL: "zh_CN.UTF-8" } });
  assert.match(chinese.out, "将文件分词、屏蔽并打包为 token 数据");
});

test("a configuration error is one located sentence on stderr and exits 2", async () => {
  await withFolder(async (dir) => {
    const path = join(dir, "run.yaml");
    writeFileSync(path, "model: { path: m }\ndata: { sources: [a] }\ntrain:\n  lerning_rate: 1\n");
    const { code, out, err } = await belle(["train", path]);
    assert.equal([code, out], [2, ""]);
    assert.is(err, `${path}:4:3 train.lerning_rate: is not a known key; did you mean learning_rate?\n`);
    const chinese = await belle(["config", "print", path, "--lang", "zh"]);
    assert.is(chinese.err, `${path}:4:3 train.lerning_rate：没有这个键；是否想写 learning_rate？\n`);
  });
});

test("config print shows defaults and overrides; --json is one object on stdout", async () => {
  await withFolder(async (dir) => {
    const path = join(dir, "run.yaml");
    writeFileSync(path, "model: { path: m }\ndata: { sources: [a] }\n");
    const { code, out } = await belle([
      "config",
      "print",
      path,
      "--set",
      "train.learning_rate=1e-5",
      "--set",
      "train.seed=7",
      "--json",
    ]);
    assert.is(code, 0);
    const { config } = JSON.parse(out) as { config: { train: Record<string, unknown> } };
    assert.equal([config.train.learning_rate, config.train.seed, config.train.max_grad_norm], [1e-5, 7, 1]);
  });
});

test("config schema is a JSON schema", async () => {
  const { out } = await belle(["config", "schema"]);
  assert.is((JSON.parse(out) as { $schema: string }).$schema, "https://json-schema.org/draft/2020-12/schema");
});

test("a reader that leaves early (| head) is no error", () => {
  const command = `"${process.execPath}" --import tsx ts/cli/main.ts config schema --markdown | head -1`;
  const shell = spawnSync("bash", ["-o", "pipefail", "-c", command], { cwd: root, encoding: "utf8" });
  assert.equal([shell.status, shell.stdout, shell.stderr], [0, "# Configuration reference\n", ""]);
});

test("doctor reports each check and exits 3 when the addon cannot be used", async () => {
  const { code, out } = await belle(["doctor", "--json"]);
  const { healthy, checks } = JSON.parse(out) as { healthy: boolean; checks: Array<{ id: string; ok: boolean }> };
  assert.equal([code, healthy], [0, true]);
  for (const id of ["node", "npm", "system", "cpu", "memory", "addon", "kernels", "backend-cpu", "disk"]) {
    assert.ok(
      checks.some((check) => check.id === id),
      id,
    );
  }
  const asked = await belle(["doctor"], { env: { BELLE_BACKEND: "cuda" } });
  const cuda = checks.find((check) => check.id === "backend-cuda") as { absent?: boolean } | undefined;
  if (cuda?.absent) {
    assert.is(asked.code, 3);
    assert.match(asked.out, "✗ backend cuda");
    assert.match(asked.out, "unset BELLE_BACKEND");
  }
});

testWithShared(test, "data prepare writes shards, tells on stderr, and answers --json on stdout", async (shared) => {
  await withFolder(async (dir) => {
    const file = join(dir, "sft.jsonl");
    writeFileSync(file, Array.from({ length: 40 }, (_, i) => chat(i)).join("\n"));
    const argv = [
      "data",
      "prepare",
      file,
      "--tokenizer",
      join(shared, "data/tokenizers/llama"),
      "--output",
      join(dir, "shards"),
    ];
    const first = await belle(argv);
    assert.equal([first.code, first.out], [0, ""]);
    assert.match(first.err, /Wrote .*shards: 40 samples in \d+ packs/);
    const again = await belle([...argv, "--json"]);
    assert.is(again.err, "");
    const answer = JSON.parse(again.out) as { reused: boolean; manifest: { samples: number } };
    assert.equal([answer.reused, answer.manifest.samples], [true, 40]);
    const stats = await belle(["data", "stats", join(dir, "shards"), "--quiet"]);
    assert.match(stats.out, /samples +40\n/);
  });
});

testWithShared(test, "tokenizer encode and decode by pipe", async (shared) => {
  const model = join(shared, "data/tokenizers/llama/tokenizer.model");
  const ids = await belle(["tokenizer", "encode", model], { input: "Hello 世界\n" });
  const text = await belle(["tokenizer", "encode", model, "--decode"], { input: ids.out });
  assert.equal([ids.code, text.out], [0, "Hello 世界\n"]);
  const wrong = await belle(["tokenizer", "encode", model, "--decode", "12 x"]);
  assert.is(wrong.code, 2);
  assert.match(wrong.err, '"x" is not a token id');
});

// A named pipe as data file: opening it for writing returns when the command has opened it, and the command waits
// for bytes until the test lets go.
async function interrupted(shared: string, dir: string, act: (child: ChildProcess, pipe: FileHandle) => Promise<void>) {
  const fifo = join(dir, "pipe.jsonl");
  execFileSync("mkfifo", [fifo]);
  const tokenizer = join(shared, "data/tokenizers/llama");
  const { child, finished } = start([
    "data",
    "prepare",
    fifo,
    "--tokenizer",
    tokenizer,
    "--output",
    join(dir, "shards"),
  ]);
  const pipe = await open(fifo, "w");
  try {
    await act(child, pipe);
  } finally {
    await pipe.close();
  }
  return finished;
}

function says(child: ChildProcess, text: string): Promise<void> {
  return new Promise((done) => child.stderr!.on("data", (chunk: Buffer) => String(chunk).includes(text) && done()));
}

testWithShared(test, "SIGINT once: the work in hand ends, nothing is left behind, exit 130", async (shared) => {
  await withFolder(async (dir) => {
    const { code, signal, err } = await interrupted(shared, dir, async (child) => {
      const noticed = says(child, "press again");
      child.kill("SIGINT");
      await noticed;
    });
    assert.equal([code, signal], [130, null]);
    assert.match(err, "Stopping after the work in hand; press again to quit at once.\nInterrupted.");
    assert.equal(readdirSync(dir), ["pipe.jsonl"]);
  });
});

testWithShared(test, "SIGTERM twice leaves at once: exit 130", async (shared) => {
  await withFolder(async (dir) => {
    const { code, signal, err } = await interrupted(shared, dir, async (child) => {
      const noticed = says(child, "press again");
      const left = says(child, "Quitting without finishing.");
      child.kill("SIGTERM");
      await noticed;
      child.kill("SIGTERM");
      // Said while the pipe still keeps the work waiting.
      await left;
    });
    assert.equal([code, signal], [130, null]);
    assert.not.match(err, "Interrupted.");
  });
});

test.run();
