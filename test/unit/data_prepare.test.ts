import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type PrepareOptions, type PrepareProgress, prepareData } from "../../ts/data/prepare.ts";
import { dataStats } from "../../ts/data/stats.ts";
import { binding } from "../../ts/native/load.ts";
import { bytesOf, byteTokenizer, refused, source, withFiles } from "./data_support.ts";

const test = suite("data preparation");

const chat = (question: string, answer: string) =>
  JSON.stringify({
    conversations: [
      { from: "human", value: question },
      { from: "assistant", value: answer },
    ],
  });

const chats = Array.from({ length: 60 }, (_, i) => chat(`question ${i}`, "答".repeat(1 + (i % 17)))).join("\n");

function options(dir: string, name: string, more: Partial<PrepareOptions> = {}): PrepareOptions {
  return {
    sources: [source(join(dir, name))],
    output: join(dir, "shards"),
    tokenizer: byteTokenizer,
    maxLength: 128,
    ...more,
  };
}

function samplesOf(folder: string): Array<{ ids: Int32Array; labels: Int32Array }> {
  const { samples } = binding().openShards(folder, true);
  return Array.from({ length: samples }, (_, i) => {
    const { inputIds, labels } = binding().readShardSample(folder, i);
    return { ids: inputIds, labels };
  });
}

test("shards hold every sample, ids and labels, with the manifest's counts", async () => {
  await withFiles({ "a.jsonl": chats }, async (dir) => {
    const { folder, manifest, droppedFile, reused } = await prepareData(options(dir, "a.jsonl"));
    assert.equal([reused, droppedFile], [false, undefined]);
    const samples = samplesOf(folder);
    assert.is(samples.length, 60);
    const texts = samples.map(({ ids }) => bytesOf(ids)).sort();
    const wanted = Array.from(
      { length: 60 },
      (_, i) => `Human: \nquestion ${i}\n\nAssistant: \n${"答".repeat(1 + (i % 17))}`,
    );
    assert.equal(texts, wanted.sort());
    const supervised = samples.reduce((sum, { labels }) => sum + labels.filter((label) => label >= 0).length, 0);
    const tokens = samples.reduce((sum, { ids }) => sum + ids.length, 0);
    assert.equal([manifest.samples, manifest.tokens, manifest.supervised_tokens], [60, tokens, supervised]);
    assert.is(manifest.schema, "belle-train/tokens/1");
    assert.equal([manifest.max_length, manifest.vocab_size, manifest.tokenizer_fingerprint], [128, 259, "bytes"]);
    assert.is(manifest.max_token_id, Math.max(...samples.map(({ ids }) => Math.max(...ids))));
    assert.equal(
      manifest.sources.map(({ format, rows, samples, dropped }) => ({ format, rows, samples, dropped })),
      [{ format: "belle", rows: 60, samples: 60, dropped: {} }],
    );
    assert.equal(readdirSync(dir).sort(), ["a.jsonl", "shards"]);
  });
});

test("the same inputs give the same bytes, and other seeds other packs", async () => {
  await withFiles({ "a.jsonl": chats }, async (dir) => {
    const bytes = async (output: string, seed: number) => {
      const { folder } = await prepareData(options(dir, "a.jsonl", { output: join(dir, output), seed }));
      return readFileSync(join(folder, "shard-00000.bin")).toString("hex");
    };
    assert.is(await bytes("one", 1), await bytes("two", 1));
    assert.is.not(await bytes("one", 1), await bytes("three", 2));
  });
});

test("unchanged inputs are kept; a changed file, option or damaged shard is prepared again", async () => {
  await withFiles({ "a.jsonl": chats }, async (dir) => {
    const run = async (more: Partial<PrepareOptions> = {}) => (await prepareData(options(dir, "a.jsonl", more))).reused;
    assert.is(await run(), false);
    assert.is(await run(), true);
    assert.is(await run({ cache: false }), false);
    assert.is(await run({ maxLength: 96 }), false);
    assert.is(await run({ maxLength: 96 }), true);
    writeFileSync(join(dir, "a.jsonl"), `${chats}\n${chat("one more", "yes")}`);
    assert.is(await run({ maxLength: 96 }), false);
    const shard = join(dir, "shards", "shard-00000.bin");
    const damaged = readFileSync(shard);
    damaged[10]! ^= 1;
    writeFileSync(shard, damaged);
    assert.is(await run({ maxLength: 96 }), false);
    assert.is(samplesOf(join(dir, "shards")).length, 61);
  });
});

test("a broken line stops with file:line and what to do; skip counts and lists it", async () => {
  const rows = [chat("a", "b"), '{"conversations": [', chat("c", "d")].join("\n");
  await withFiles({ "bad.jsonl": rows }, async (dir) => {
    const message = await refused(() => prepareData(options(dir, "bad.jsonl")), "ERR_BELLE_INVALID_DATA");
    assert.match(message, /bad\.jsonl:2: is not valid JSON: .*; mend it, or set on_bad_line: skip\.$/);
    assert.equal(readdirSync(dir), ["bad.jsonl"]);
    const { manifest, droppedFile } = await prepareData(options(dir, "bad.jsonl", { onBadLine: "skip" }));
    assert.equal([manifest.samples, manifest.dropped], [2, { not_json: 1 }]);
    const listed = readFileSync(droppedFile!, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.equal(
      listed.map(({ source, line, reason }) => [source, line, reason]),
      [[join(dir, "bad.jsonl"), 2, "not_json"]],
    );
  });
});

test("an array that breaks off is refused even with skip: rows behind it are unknown", async () => {
  await withFiles({ "cut.json": `[${chat("a", "b")}, {"conv` }, async (dir) => {
    const message = await refused(
      () => prepareData(options(dir, "cut.json", { onBadLine: "skip" })),
      "ERR_BELLE_INVALID_DATA",
    );
    assert.match(
      message,
      "cut.json:1: ends inside the array: the closing ] is missing, or the file was cut short; mend the file.",
    );
  });
});

test("rows without an answer in reach are dropped and say so; belle-compat unmasks instead", async () => {
  const rows = [
    chat("q".repeat(300), "never reached"),
    chat("a", "b"),
    JSON.stringify({ conversations: [{ from: "human", value: "alone" }] }),
  ].join("\n");
  await withFiles({ "a.jsonl": rows }, async (dir) => {
    const { manifest, droppedFile } = await prepareData(options(dir, "a.jsonl"));
    assert.equal([manifest.samples, manifest.dropped], [1, { no_supervised_token: 2 }]);
    const text = readFileSync(droppedFile!, "utf8");
    assert.match(text, '"line":1,"reason":"no_supervised_token","detail":"the first 128 tokens hold no answer"');
    assert.match(text, '"line":3,"reason":"no_supervised_token","detail":"no turn of the assistant"');
    const compat = await prepareData(options(dir, "a.jsonl", { mode: "belle-compat" }));
    assert.equal([compat.manifest.samples, compat.manifest.truncated_samples, compat.droppedFile], [3, 1, undefined]);
    assert.not.ok(existsSync(droppedFile!));
    const long = samplesOf(compat.folder).find(({ ids }) => ids.length === 128)!;
    assert.equal(
      [...long.labels.keys()].filter((i) => long.labels[i]! >= 0),
      [18, 19, 20, 21, 22, 23],
    );
  });
});

test("a text becomes pieces of max_length with the eos in the last", async () => {
  await withFiles({ "a.txt": `${"x".repeat(20)}\n${"y".repeat(16)}\n` }, async (dir) => {
    const { folder, manifest } = await prepareData(options(dir, "a.txt", { maxLength: 8 }));
    const pieces = samplesOf(folder).map(({ ids }) => [bytesOf(ids), ids.at(-1) === 2]);
    const order = (a: unknown, b: unknown) => (String(a) < String(b) ? -1 : 1);
    // 16 y and the eos: the last piece would be the eos alone, which has nothing before it to be predicted from.
    assert.equal(
      pieces.sort(order),
      [
        ["xxxx", true],
        ["xxxxxxxx", false],
        ["xxxxxxxx", false],
        ["yyyyyyyy", false],
        ["yyyyyyyy", false],
      ].sort(order),
    );
    assert.is(manifest.truncated_tokens, 1);
    assert.is(manifest.supervised_tokens, manifest.tokens - manifest.samples);
  });
});

test("the first token's mask is 0, whatever it is", async () => {
  await withFiles({ "a.jsonl": '{"conversations":[{"from":"assistant","value":"hi"}]}' }, async (dir) => {
    const { folder, manifest } = await prepareData(options(dir, "a.jsonl"));
    assert.equal([...samplesOf(folder)[0]!.labels], [-100, "i".charCodeAt(0) + 3, 2]);
    assert.is(manifest.supervised_tokens, 2);
  });
});

test("rows: skip and take split one order of rows in two", async () => {
  await withFiles({ "a.jsonl": chats, "b.jsonl": chat("last", "one") }, async (dir) => {
    const sources = [source(join(dir, "a.jsonl")), source(join(dir, "b.jsonl"))];
    const count = async (output: string, rows: { skip?: number; take?: number }) =>
      (await prepareData(options(dir, "", { sources, output: join(dir, output), rows }))).manifest.samples;
    assert.equal(
      [await count("head", { take: 10 }), await count("tail", { skip: 10 }), await count("last", { skip: 60 })],
      [10, 51, 1],
    );
  });
});

test("limit reads only the first rows of a source", async () => {
  await withFiles({ "a.jsonl": chats }, async (dir) => {
    const { manifest } = await prepareData(options(dir, "", { sources: [source(join(dir, "a.jsonl"), { limit: 7 })] }));
    assert.equal([manifest.samples, manifest.sources[0]!.rows], [7, 7]);
  });
});

test("what cannot be prepared says what and where", async () => {
  await withFiles(
    {
      "empty.jsonl": " \n",
      "keys.jsonl": '{"prompt": "a", "answer": "b"}',
      "none.json": "[]",
      "mute.jsonl": '{"conversations":[]}',
    },
    async (dir) => {
      const said = (
        name: string,
        code: "ERR_BELLE_INVALID_DATA" | "ERR_BELLE_NOT_FOUND" | "ERR_BELLE_INVALID_ARGUMENT",
      ) => refused(() => prepareData(options(dir, name)), code);
      assert.match(
        await said("missing.jsonl", "ERR_BELLE_NOT_FOUND"),
        "missing.jsonl: no such data file; check the path.",
      );
      assert.match(await said("", "ERR_BELLE_INVALID_ARGUMENT"), "is a folder; name the data files in it one by one.");
      assert.match(
        await said("empty.jsonl", "ERR_BELLE_INVALID_DATA"),
        "empty.jsonl: is empty; leave it out or fill it.",
      );
      assert.match(
        await said("none.json", "ERR_BELLE_INVALID_DATA"),
        "none.json: gives no sample to train on: there are no rows in it.",
      );
      assert.match(
        await said("mute.jsonl", "ERR_BELLE_INVALID_DATA"),
        "gives no sample to train on: all 1 rows were dropped, empty: 1.",
      );
      assert.match(
        await said("keys.jsonl", "ERR_BELLE_INVALID_DATA"),
        "keys.jsonl:1: no known format has the keys prompt, answer; known: conversations or messages, instruction + output",
      );
      assert.equal(
        readdirSync(dir).filter((name) => !name.includes(".json")),
        [],
      );
    },
  );
});

test("an output folder with something else in it is left alone", async () => {
  await withFiles({ "a.jsonl": chats }, async (dir) => {
    const message = await refused(
      () => prepareData(options(dir, "a.jsonl", { output: dir })),
      "ERR_BELLE_INVALID_ARGUMENT",
    );
    assert.match(message, "exists and does not hold token shards; choose another output folder.");
    assert.ok(existsSync(join(dir, "a.jsonl")));
  });
});

test("what a killed run left beside the output is removed, what a living one works on is not", async () => {
  const dead = spawnSync("true").pid;
  const names = [
    `shards.spill-${dead}-1`,
    `shards.new-${dead}-1.tmp-${dead}-0`,
    `shards.dropped-${dead}-1`,
    `shards.spill-${process.pid}-1`,
    "shards.mine",
  ];
  await withFiles({ "a.jsonl": chats, ...Object.fromEntries(names.map((name) => [name, "x"])) }, async (dir) => {
    await prepareData(options(dir, "a.jsonl"));
    assert.equal(readdirSync(dir).sort(), ["a.jsonl", "shards", "shards.mine", `shards.spill-${process.pid}-1`]);
  });
});

test("an output that cannot be written says so", async () => {
  await withFiles({ "a.jsonl": chats }, async (dir) => {
    const run = (output: string) => refused(() => prepareData(options(dir, "a.jsonl", { output })), "ERR_BELLE_IO");
    assert.match(
      await run(join(dir, "a.jsonl", "shards")),
      /a\.jsonl: cannot be written \((ENOTDIR|EEXIST)\); check the output folder/,
    );
  });
});

test("an abort leaves nothing behind and names its cause", async () => {
  await withFiles(
    { "a.jsonl": Array.from({ length: 3000 }, (_, i) => chat(`q${i}`, "a".repeat(100))).join("\n") },
    async (dir) => {
      const controller = new AbortController();
      const onProgress = ({ phase }: PrepareProgress) => {
        if (phase === "read") controller.abort("enough");
      };
      const run = () => prepareData(options(dir, "a.jsonl"), { signal: controller.signal, onProgress });
      assert.match(await refused(run, "ERR_BELLE_ABORTED"), "Data preparation was stopped");
      assert.equal(readdirSync(dir), ["a.jsonl"]);
      assert.match(await refused(run, "ERR_BELLE_ABORTED"), "stopped");
    },
  );
});

test("progress runs from hashing over reading to writing", async () => {
  await withFiles({ "a.jsonl": chats }, async (dir) => {
    const seen: PrepareProgress[] = [];
    await prepareData(options(dir, "a.jsonl"), { onProgress: (progress) => seen.push(progress) });
    assert.equal([...new Set(seen.map(({ phase }) => phase))], ["hash", "read", "write"]);
    assert.ok(seen.every(({ done, total }) => done <= total));
    const last = seen.filter(({ phase }) => phase === "read").at(-1)!;
    assert.is(last.done, Buffer.byteLength(chats));
  });
});

test("stats count rows, turns, characters, Han characters and tokens", async () => {
  await withFiles({ "a.jsonl": `${chat("你好", "hi")}\nbroken\n` }, async (dir) => {
    const stats = await dataStats(source(join(dir, "a.jsonl")), { tokenizer: byteTokenizer });
    assert.equal([stats.format, stats.rows, stats.samples, stats.turns], ["belle", 2, 1, 2]);
    assert.equal([stats.characters, stats.hanCharacters, stats.dropped], [4, 2, { not_json: 1 }]);
    assert.is(stats.tokens, Buffer.byteLength("Human: \n你好\n\nAssistant: \nhi") + 1);
    assert.is(stats.supervisedTokens, 3);
  });
});

test.run();
