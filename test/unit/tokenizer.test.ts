// Tokenizer, trainBpe, mergeVocabulary: behaviour and messages; parity with sentencepiece is in test/parity.
// Runs alone: it measures how soon an abort ends training.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { mergeVocabulary, Tokenizer, trainBpe } from "../../ts/index.ts";
import { withFolder } from "../support/folder.ts";
import { fails } from "../support/thrown.ts";

const test = suite("tokenizer");

const english = ["the cat sat on the mat", "the dog sat on the log", "cats and dogs, mats and logs"];
const chinese = ["今天天气很好", "今天我们去学校", "学校的天气也很好，我们很高兴"];

// identity: the text comes back as it went in.
const options = { vocab_size: 320, byte_fallback: true, character_coverage: 1, normalization_rule_name: "identity" };

function small(more: object = {}): Promise<Tokenizer> {
  return trainBpe({ sentences: [...english, ...chinese], ...options, ...more });
}

test("encode and decode: round trip, bos and eos, batch = one by one", async () => {
  const tokenizer = await small();
  assert.is(tokenizer.vocabSize, 320);
  assert.equal([tokenizer.unkId, tokenizer.bosId, tokenizer.eosId, tokenizer.padId], [0, 1, 2, -1]);
  assert.match(tokenizer.fingerprint, /^[0-9a-f]{64}$/);
  for (const text of [...english, ...chinese, "", "😀 unseen"]) {
    const ids = tokenizer.encode(text);
    assert.instance(ids, Uint32Array);
    assert.is(tokenizer.decode(ids), text);
    assert.equal(tokenizer.encode(text, { bos: true, eos: true }), Uint32Array.of(1, ...ids, 2));
    assert.is(tokenizer.decode([1, ...ids, 2]), text);
  }
  const texts = ["the cat", "", "今天"];
  for (const options of [{}, { bos: true }, { eos: true }, { bos: true, eos: true }]) {
    const { ids, offsets } = tokenizer.encodeBatch(texts, options);
    assert.is(offsets.length, 4);
    texts.forEach((text, i) => {
      assert.equal(ids.subarray(offsets[i], offsets[i + 1]), tokenizer.encode(text, options), `${i}`);
    });
  }
  assert.equal(tokenizer.encodeBatch([]), { ids: new Uint32Array(0), offsets: Uint32Array.of(0) });
});

test("encodeBatch: enough text for all cores is the same as one by one", async () => {
  const tokenizer = await small();
  const texts = Array.from({ length: 3000 }, (_, i) => `${english[i % 3]} ${i} ${chinese[i % 2]}`.repeat(1 + (i % 3)));
  const { ids, offsets } = tokenizer.encodeBatch(texts);
  texts.forEach((text, i) => {
    assert.equal(ids.subarray(offsets[i], offsets[i + 1]), tokenizer.encode(text), text);
  });
});

test("lone surrogates count as U+FFFD", async () => {
  const tokenizer = await small();
  assert.equal(tokenizer.encode("a\ud800b"), tokenizer.encode("a\ufffdb"));
  assert.equal(tokenizer.encode("\udc00"), tokenizer.encode("\ufffd"));
  assert.equal(tokenizer.encodeBatch(["x\udfff"]).ids, tokenizer.encode("x\ufffd"));
});

test("pieces: rows by id, with sentencepiece's types; pieceId finds them", async () => {
  const tokenizer = await small({ user_defined_symbols: "<sep>,<cls>", control_symbols: ["<ctl>"] });
  const pieces = tokenizer.pieces();
  assert.is(pieces.length, 320);
  assert.equal(pieces[0], { piece: "<unk>", score: 0, type: 2 });
  assert.equal(
    pieces.slice(1, 6).map(({ piece, type }) => [piece, type]),
    [
      ["<s>", 3],
      ["</s>", 3],
      ["<ctl>", 3],
      ["<sep>", 4],
      ["<cls>", 4],
    ],
  );
  assert.is(pieces.filter(({ type }) => type === 6).length, 256);
  pieces.forEach(({ piece }, id) => {
    assert.is(tokenizer.pieceId(piece), id);
  });
  assert.is(tokenizer.pieceId("nowhere"), -1);
  assert.equal(tokenizer.info, {
    modelType: "bpe",
    normalizer: "identity",
    addDummyPrefix: true,
    removeExtraWhitespaces: true,
    byteFallback: true,
  });
});

test("save and load: file, folder, bytes", async () => {
  await withFolder(async (folder) => {
    const tokenizer = await small();
    await tokenizer.save(join(folder, "a.model"));
    await tokenizer.save(folder);
    const bytes = readFileSync(join(folder, "a.model"));
    assert.ok(bytes.equals(readFileSync(join(folder, "tokenizer.model"))));
    for (const other of [
      await Tokenizer.load(join(folder, "a.model")),
      await Tokenizer.load(folder),
      Tokenizer.parse(bytes),
    ]) {
      assert.is(other.fingerprint, tokenizer.fingerprint);
      assert.equal(other.pieces(), tokenizer.pieces());
    }
  });
});

test("load: each wrong path and file has its sentence", async () => {
  await withFolder(async (folder) => {
    await fails(() => Tokenizer.load(join(folder, "none.model")), "ERR_BELLE_NOT_FOUND", /none\.model/);
    await fails(() => Tokenizer.load(folder), "ERR_BELLE_NOT_FOUND", /holds no tokenizer\.model, tokenizer\.json or/);
    writeFileSync(join(folder, "tokenizer.json"), "{}");
    for (const path of [folder, join(folder, "tokenizer.json")]) {
      await fails(() => Tokenizer.load(path), "ERR_BELLE_INVALID_DATA", /tokenizer\.json: tokenizer\.json: .*"model"/);
    }
    writeFileSync(join(folder, "a.tiktoken"), "IQ== 0\nIg== 1\n");
    await fails(
      () => Tokenizer.load(join(folder, "a.tiktoken")),
      "ERR_BELLE_INVALID_ARGUMENT",
      /a tiktoken rank file of 2 ranks.*name its splitter: .*cl100k_base/,
    );
    await fails(() => Tokenizer.load(undefined as never), "ERR_BELLE_INVALID_ARGUMENT", /path must be the path/);
    writeFileSync(join(folder, "bad.model"), "this is no protobuf");
    await fails(() => Tokenizer.load(join(folder, "bad.model")), "ERR_BELLE_INVALID_DATA", /bad\.model|byte/);
    await fails(() => Tokenizer.parse(new Uint8Array(0)), "ERR_BELLE_INVALID_DATA", /./);
    mkdirSync(join(folder, "dir/tokenizer.model"), { recursive: true });
    await fails(() => Tokenizer.load(join(folder, "dir")), "ERR_BELLE_NOT_FOUND", /holds no tokenizer\.model/);
  });
});

test("tokenizer.json and tiktoken ranks: ids, pieces, saving and loading again", async () => {
  await withFolder(async (folder) => {
    const vocab: Record<string, number> = { "<s>": 0, "<unk>": 1, a: 2, b: 3, Ġ: 4, ab: 5, Ġab: 6 };
    const json = {
      version: "1.0",
      added_tokens: [
        { id: 0, content: "<s>", special: true, lstrip: false, rstrip: false, single_word: false, normalized: false },
      ],
      normalizer: null,
      pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
      post_processor: null,
      decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
      model: {
        type: "BPE",
        unk_token: "<unk>",
        byte_fallback: false,
        fuse_unk: false,
        vocab,
        merges: [
          ["a", "b"],
          ["Ġ", "ab"],
        ],
      },
    };
    writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(json));
    const tokenizer = await Tokenizer.load(folder);
    assert.equal([...tokenizer.encode("ab ab<s>z")], [5, 6, 0, 1]);
    assert.is(tokenizer.decode([5, 6, 0]), "ab ab");
    assert.equal([tokenizer.bosId, tokenizer.unkId, tokenizer.vocabSize], [0, 1, 7]);
    assert.equal([tokenizer.info, tokenizer.fileName], [undefined, "tokenizer.json"]);
    assert.equal(tokenizer.pieces()[6], { piece: "Ġab", score: 0, type: 1 });
    assert.equal([...tokenizer.encodeWithSpans("ab ab").ends], [2, 5]);
    const stream = tokenizer.decodeStream();
    assert.is([5, 6, 6].map((id) => stream.push(id)).join("|") + stream.finish(), "ab| ab| ab");
    mkdirSync(join(folder, "copy"));
    await tokenizer.save(join(folder, "copy"));
    assert.is((await Tokenizer.load(join(folder, "copy"))).fingerprint, tokenizer.fingerprint);

    const ranks = Array.from({ length: 256 }, (_, byte) => `${Buffer.from([byte]).toString("base64")} ${byte}`);
    writeFileSync(
      join(folder, "x.tiktoken"),
      `${[...ranks, `${Buffer.from("ab").toString("base64")} 256`].join("\n")}\n`,
    );
    const tiktoken = await Tokenizer.load(join(folder, "x.tiktoken"), {
      splitter: "gpt2",
      special: { "<|end|>": 300 },
    });
    assert.equal([...tiktoken.encode("ab 中<|end|>")], [256, 32, 0xe4, 0xb8, 0xad, 300]);
    assert.is(tiktoken.decode(tiktoken.encode("ab 中")), "ab 中");
    const bytes = tiktoken.decodeStream();
    assert.equal(
      [0xe4, 0xb8, 0xad].map((id) => bytes.push(id)),
      ["", "", "中"],
    );
    await fails(() => tiktoken.save(folder), "ERR_BELLE_UNSUPPORTED", /no place for the splitter and the special/);
    assert.not(existsSync(join(folder, "tokenizer.tiktoken")));
  });
});

test("bad ids and texts name their place", async () => {
  const tokenizer = await small();
  const argument = (body: () => unknown, message: RegExp) => fails(body, "ERR_BELLE_INVALID_ARGUMENT", message);
  await argument(
    () => tokenizer.decode(Uint32Array.of(1, 999)),
    /ids\[1\] = 999 is outside the vocabulary of 320 pieces/,
  );
  await argument(() => tokenizer.decode([1, -5]), /ids\[1\] = -5 is not a token id/);
  await argument(() => tokenizer.decode([1.5]), /ids\[0\] = 1\.5 is not a token id/);
  await argument(() => tokenizer.encode(3 as never), /text must be a string, not 3/);
  await argument(() => tokenizer.encodeBatch("text" as never), /texts must be an array of strings, not a string/);
  await argument(() => tokenizer.encodeBatch(["a", null as never]), /texts\[1\] must be a string, not null/);
  const without = await small({ eos_id: -1 });
  await argument(() => without.encode("a", { eos: true }), /no eos control piece; train it with eos_id/);
});

test("count is what encode gives, for one text and for many", async () => {
  const tokenizer = await small();
  const texts = [...english, "", ...chinese, "\ud800 lone", "😀".repeat(3)];
  const { offsets } = tokenizer.encodeBatch(texts);
  const lengths = texts.map((_, i) => offsets[i + 1]! - offsets[i]!);
  assert.equal([...tokenizer.countBatch(texts)], lengths);
  assert.equal(
    texts.map((text) => tokenizer.count(text)),
    lengths,
  );
  assert.equal(
    texts.map((text) => tokenizer.encode(text).length),
    lengths,
  );
});

test("a long text has the same ids in one piece, in parts and on one thread", async () => {
  const tokenizer = await small({ remove_extra_whitespaces: false });
  const text = [...english, ...chinese, "😀 ", "  "].join(" ").repeat(2000);
  const whole = tokenizer.encode(text);
  assert.ok(tokenizer.decode(whole) === text);
  assert.ok(Buffer.from(tokenizer.encodeBatch([text], { threads: 1 }).ids.buffer).equals(Buffer.from(whole.buffer)));
  assert.equal(tokenizer.encodeBatch(["", text, "a"], { threads: 2 }).offsets[2], whole.length);
});

test("encodeWithSpans: positions in UTF-16 units, bytes and code points", async () => {
  const tokenizer = await small({ remove_extra_whitespaces: false });
  const text = "a 😀 中";
  const byUnit = (unit: "utf16" | "bytes" | "codePoints") => {
    const { ids, begins, ends } = tokenizer.encodeWithSpans(text, { unit });
    assert.equal(ids, tokenizer.encode(text));
    return [begins.at(-1), ends.at(-1), Math.max(...ends)];
  };
  assert.equal(byUnit("utf16").slice(1), [6, 6]);
  assert.equal(byUnit("bytes").slice(1), [10, 10]);
  assert.equal(byUnit("codePoints").slice(1), [5, 5]);
  const { begins, ends } = tokenizer.encodeWithSpans(text);
  assert.is([...begins].map((begin, i) => text.slice(begin, ends[i])).join(""), text);
  await fails(
    () => tokenizer.encodeWithSpans(text, { unit: "words" as never }),
    "ERR_BELLE_INVALID_ARGUMENT",
    /unit must be one of "?utf16/,
  );
});

test("decodeStream: whole characters as ids come, the text of decode in all", async () => {
  const tokenizer = await small({ remove_extra_whitespaces: false });
  const text = "The 😀 snow 龘 is white.";
  const ids = tokenizer.encode(text);
  const stream = tokenizer.decodeStream();
  const parts = [...ids].map((id) => stream.push(id));
  assert.is(parts.join("") + stream.finish(), text);
  assert.not.ok(parts.some((part) => part.includes("\ufffd")));
  assert.ok(parts.includes(""), "bytes of a character wait for the last one");
  // A stream begins anew after its end.
  assert.is(stream.push(ids) + stream.finish(), text);
  const bytes = tokenizer.encode("龘").slice(-3, -1);
  assert.is(stream.push(bytes) + stream.finish(), "\ufffd\ufffd");
  await fails(() => stream.push(999), "ERR_BELLE_INVALID_ARGUMENT", /ids\[0\] = 999 is outside the vocabulary/);
});

test("trainBpe: files and sentences, threads and both spellings give the same pieces", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "text.txt");
    writeFileSync(file, `${[...english, ...chinese].join("\n")}\n`);
    const expected = (await small()).pieces();
    const runs = [
      trainBpe({ files: [file], ...options, threads: 1 }),
      trainBpe({ input: file, ...options, num_threads: 2, model_type: "bpe" }),
      trainBpe({
        files: [file],
        ...{ vocabSize: 320, byteFallback: true, characterCoverage: 1, normalizationRuleName: "identity" },
      }),
    ];
    for (const tokenizer of await Promise.all(runs)) assert.equal(tokenizer.pieces(), expected);
  });
});

test("trainBpe: every wrong option has its sentence", async () => {
  const train = (wrong: object) => trainBpe({ sentences: english, vocabSize: 60, ...wrong });
  const argument = (wrong: object, message: RegExp) => fails(() => train(wrong), "ERR_BELLE_INVALID_ARGUMENT", message);
  await argument({ vocab_sise: 3 }, /vocab_sise is not an option of trainBpe; did you mean vocab_size\?/);
  await argument({ characterCoverag: 3 }, /did you mean characterCoverage\?/);
  await argument({ sentence: [] }, /did you mean sentences\?/);
  await argument({ frobnicate: 1 }, /frobnicate is not an option of trainBpe \(it takes/);
  await argument({ model_prefix: "m" }, /tokenizer\.save\(path\)/);
  await argument({ seed_sentencepiece_size: 5 }, /UNIGRAM/);
  await argument({ vocab_size: 60 }, /vocab_size is given twice, as vocab_size and as vocabSize/);
  await argument({ split_digits: "yes" }, /split_digits must be a boolean, not "yes"/);
  await argument({ control_symbols: [""] }, /control_symbols must be an array of strings/);
  await argument({ threads: -2 }, /threads must be an integer from 0 to 1024/);
  await argument({ files: "text.txt" }, /files must be an array of strings/);
  await argument({ sentences: undefined }, /nothing to train on/);
  await argument({ memoryLimit: -1 }, /memoryLimit must be a positive number of bytes/);
  await argument({ vocabSize: 1.5 }, /vocab_size must be an integer/);
  await fails(() => train({ model_type: "unigram" }), "ERR_BELLE_UNSUPPORTED", /only "bpe" is trained/);
  await fails(() => train({ files: ["/no/text.txt"] }), "ERR_BELLE_NOT_FOUND", /\/no\/text\.txt/);
});

const many = Array.from({ length: 40_000 }, (_, i) =>
  Array.from({ length: 14 }, (_, j) =>
    String.fromCodePoint(0x4e00 + ((i * 7919 + j * j * 104_729 + i * j) % 3000)),
  ).join(""),
);
const long = { sentences: many, vocabSize: 100_000, hard_vocab_limit: false, normalization_rule_name: "identity" };

test("trainBpe: progress by phase; an abort stops it at once", async () => {
  const controller = new AbortController();
  const phases = new Set<string>();
  let aborted = Number.NaN;
  const error = await fails(
    () =>
      trainBpe({
        ...long,
        signal: controller.signal,
        onProgress: ({ phase, done, total }) => {
          assert.ok(done <= total, `${phase} ${done} of ${total}`);
          phases.add(phase);
          if (phase !== "merge" || aborted > 0) return;
          aborted = performance.now();
          controller.abort("tired");
        },
      }),
    "ERR_BELLE_ABORTED",
    /BPE training was stopped/,
  );
  assert.is(error.cause, "tired");
  assert.ok(performance.now() - aborted < 500, `${performance.now() - aborted} ms`);
  assert.ok(phases.has("merge"));
});

test("trainBpe: under a memory limit counts go to disk, the pieces stay the same, and nothing is left", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "text.txt");
    writeFileSync(
      file,
      Array.from({ length: 3000 }, (_, i) => `line ${i} ${english[i % 3]} ${chinese[i % 2]} ${i * i}\n`).join(""),
    );
    const expected = (await trainBpe({ ...options, files: [file] })).pieces();
    let shards = 0;
    const limited = await trainBpe({
      ...options,
      files: [file],
      memoryLimit: 1,
      onProgress(progress) {
        if (progress.phase === "done") shards = progress.shards ?? 0;
      },
    });
    assert.equal(limited.pieces(), expected);
    assert.ok(shards > 0, `${shards} shards`);
    assert.equal(readdirSync(folder), ["text.txt"]);
  });
});

test("mergeVocabulary: base ids stay, the report adds up, modes differ", async () => {
  const base = await trainBpe({ ...options, sentences: english, vocab_size: 310 });
  const addition = await trainBpe({ sentences: chinese, vocabSize: 40 });
  const { tokenizer, report } = await mergeVocabulary(base, addition);
  assert.equal(tokenizer.pieces().slice(0, 310), base.pieces());
  assert.is(tokenizer.vocabSize, report.rows);
  assert.equal([report.baseRows, report.additionRows, report.rows], [310, 40, 310 + report.added]);
  assert.ok(report.added > 10 && report.deadOld === 0);
  assert.is(report.subTokens.length, report.added);
  assert.ok(report.subTokens.every((ids) => ids instanceof Uint32Array && ids.every((id) => id < 310)));
  assert.is(report.paddedRows64, Math.ceil(report.rows / 64) * 64);
  assert.ok(tokenizer.encode(chinese[0]!).length < base.encode(chinese[0]!).length);
  for (const line of english) assert.equal(tokenizer.encode(line), base.encode(line), "safe keeps other text");
  const belle = await mergeVocabulary(base, addition, { mode: "belle" });
  assert.ok(belle.report.added >= report.added);
  await fails(
    () => mergeVocabulary(base, addition, { mode: "fast" as never }),
    "ERR_BELLE_INVALID_ARGUMENT",
    /safe, belle, chinese-llama/,
  );
  await fails(() => mergeVocabulary(base, "x" as never), "ERR_BELLE_INVALID_ARGUMENT", /addition must be a Tokenizer/);
});

test.run();
