// tokenizer stats: the numbers, and that the page and the terminal show the same ones and let nothing act.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { bar } from "../../ts/cli/views/stats_view.ts";
import { type TokenizerStats, tokenizerStats, UsageCounter } from "../../ts/eval/tokenizer_stats.ts";
import { scriptOf, vocabularyStats } from "../../ts/eval/vocabulary_stats.ts";
import { type Tokenizer, trainBpe } from "../../ts/index.ts";
import { renderHtml } from "../../ts/report/html.ts";
import { lengthBuckets, shortNames, shownPiece, tokenizerReport } from "../../ts/report/tokenizer_report.ts";
import { withFolder } from "../support/folder.ts";
import { actingTags } from "../support/report_tags.ts";
import { runCommand } from "../support/run_command.ts";
import { fails } from "../support/thrown.ts";

const test = suite("tokenizer stats");

const lines = ["the cat sat on the mat", "今天天气很好", "", "the dog é"];

test("scripts: by the letters of a piece", () => {
  const cases: Record<string, string> = {
    "▁the": "latin",
    第1章: "han",
    テレビ: "kana",
    お茶: "mixed",
    한: "hangul",
    при: "cyrillic",
    ა: "other_letters",
    "42": "digits",
    "▁▁": "space",
    "。": "punctuation",
    "😀": "punctuation",
  };
  for (const [piece, script] of Object.entries(cases)) assert.is(scriptOf(piece), script, piece);
});

test("vocabulary and usage count what they say", () => {
  const pieces = [
    { piece: "<unk>", type: 2 },
    { piece: "<0x41>", type: 6 },
    { piece: "▁the", type: 1 },
    { piece: "中文", type: 4 },
    { piece: "𠀀", type: 1 },
    { piece: "z", type: 5 },
  ];
  const { types, scripts, lengths, longest, hanPieces } = vocabularyStats(pieces);
  assert.equal(types, { unknown: 1, byte: 1, normal: 2, user_defined: 1, unused: 1 });
  assert.equal(scripts, { han: 2, latin: 2 });
  assert.equal(lengths, [
    { characters: 1, pieces: 2 },
    { characters: 2, pieces: 1 },
    { characters: 4, pieces: 1 },
  ]);
  assert.equal([longest[0], hanPieces], [{ piece: "▁the", characters: 4 }, 2]);
  const counter = new UsageCounter(pieces);
  const sums = { tokens: 0, unknownTokens: 0, byteTokens: 0 };
  counter.count(Uint32Array.of(2, 2, 0), sums);
  counter.count(Uint32Array.of(1, 3), sums);
  counter.finish("a", { lines: 2, characters: 10, bytes: 12 }, sums);
  const [text] = counter.texts;
  assert.equal(
    [text!.tokensPerLine, text!.charactersPerToken, text!.unknownShare, text!.byteShare],
    [2.5, 2, 0.2, 0.2],
  );
  const usage = counter.usage();
  assert.equal(usage.frequent[0], { id: 2, piece: "▁the", count: 2, share: 0.4 });
  assert.equal([usage.neverUsed, usage.neverUsedShare, usage.neverUsedPieces], [2, 0.5, ["𠀀", "z"]]);
});

test("nothing stands at some ids", () => {
  const pieces = [
    { piece: "a", type: 1 },
    { piece: "", type: 5 },
  ];
  const { types, scripts, lengths } = vocabularyStats(pieces);
  assert.equal([types, scripts, lengths], [{ normal: 1, unused: 1 }, { latin: 1 }, [{ characters: 1, pieces: 1 }]]);
  assert.equal(new UsageCounter(pieces).usage().neverUsedPieces, ["a"]);
});

const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };

test("a byte-level file: scripts and lengths of the text that pieces stand for", () =>
  withFolder(async (folder) => {
    const [file, text] = [join(folder, "tokenizer.json"), join(folder, "text.txt")];
    // The bytes of 中 are ä ¸ Ń, those of 丹 ä ¸ ¹.
    const alone = ["ä", "¸", "Ń", "¹", "Ġ", "t", "h"];
    const vocab = Object.fromEntries([...alone, "ä¸", "ä¸Ń", "Ġt", "Ġth"].map((piece, id) => [piece, id]));
    const merges = [
      ["ä", "¸"],
      ["ä¸", "Ń"],
      ["Ġ", "t"],
      ["Ġt", "h"],
    ];
    const model = { type: "BPE", vocab, merges };
    writeFileSync(file, JSON.stringify({ model, pre_tokenizer: byteLevel, decoder: byteLevel }));
    writeFileSync(text, "中 th\n丹\n");
    const [stats] = await tokenizerStats([file], { files: [text] });
    assert.equal(stats!.types, { byte: 5, normal: 6 });
    assert.equal(stats!.scripts, { han: 1, latin: 4, space: 1 });
    assert.equal(stats!.lengths, [
      { characters: 1, pieces: 4 },
      { characters: 2, pieces: 1 },
      { characters: 3, pieces: 1 },
    ]);
    assert.equal([stats!.hanPieces, stats!.longest[0]], [1, { piece: "▁th", characters: 3 }]);
    const [measured] = stats!.texts;
    assert.equal([measured!.tokens, measured!.byteTokens, measured!.characters], [4, 2, 5]);
    assert.equal(
      stats!.usage!.frequent.map(({ piece }) => piece),
      ["<0xB9>", "<0xE4><0xB8>", "中", "▁th"],
    );
    assert.not(stats!.byteFallback);
  }));

test("tokenizerStats: every wrong option has its sentence", async () => {
  const refused = (call: () => unknown, message: RegExp) => fails(call, "ERR_BELLE_INVALID_ARGUMENT", message);
  const call = tokenizerStats as (...given: unknown[]) => Promise<unknown>;
  await refused(() => call("a.model"), /^paths must be an array of tokenizer paths, one at least/);
  await refused(() => call([]), /^paths must be an array/);
  await refused(() => call(["a"], { files: "b" }), /^files must be an array of file paths, one at least; leave it out/);
  await refused(() => call(["a"], { onProgress: 1 }), /^onProgress must be a function/);
});

const run = (...argv: string[]) => runCommand(argv);

let small: Tokenizer;
let large: Tokenizer;
test.before(async () => {
  const options = { byte_fallback: true, hard_vocab_limit: false, normalization_rule_name: "identity" };
  small = await trainBpe({ ...options, sentences: lines, vocab_size: 280 });
  large = await trainBpe({ ...options, sentences: lines, vocab_size: 310 });
});

test("the command: JSON, page and terminal hold the same numbers, in both languages", () =>
  withFolder(async (folder) => {
    const [a, b, text, page] = ["a.model", "b.model", "text.txt", "page.html"].map((name) => join(folder, name));
    await small.save(a!);
    await large.save(b!);
    writeFileSync(text!, `${lines.join("\n")}\n`);
    const argv = ["tokenizer", "stats", a!, text!, "--compare", b!, "--html", page!];
    const json = await run(...argv, "--json");
    assert.is(json.code, 0, json.err);
    const value = JSON.parse(json.out) as TokenizerStats & { compared: TokenizerStats[] };
    assert.is(value.compared.length, 1);
    for (const [stats, tokenizer] of [
      [value, small],
      [value.compared[0]!, large],
    ] as const) {
      const tokens = lines.reduce((sum, line) => sum + tokenizer.encode(line).length, 0);
      assert.is(stats.vocabSize, tokenizer.vocabSize);
      assert.equal([stats.texts[0]!.tokens, stats.usage!.tokens], [tokens, tokens]);
      assert.is(stats.texts[0]!.characters, [...lines.join("")].length);
      assert.is(
        lengthBuckets(stats).reduce((sum, n) => sum + n),
        stats.vocabSize - 259,
      );
    }
    const html = readFileSync(page!, "utf8");
    assert.equal(actingTags(html), []);
    const zh = await run(...argv, "--lang", "zh");
    assert.match(readFileSync(page!, "utf8"), /<html lang="zh-CN">[\s\S]*最常用的词元/);
    const en = await run(...argv, "--lang", "en");
    for (const stats of [value, value.compared[0]!]) {
      for (const number of [stats.texts[0]!.tokensPerLine.toFixed(2), stats.texts[0]!.charactersPerToken.toFixed(3)]) {
        for (const shown of [html, en.out, zh.out]) assert.ok(shown.includes(number), number);
      }
      const never = `${stats.usage!.neverUsed} (${(100 * stats.usage!.neverUsedShare).toFixed(2)}%)`;
      for (const shown of [html, en.out, zh.out]) assert.ok(shown.includes(never), never);
    }
    assert.match(en.out, /Pieces by script\n/);
    assert.match(zh.out, /词元所属文字\n/);
  }));

test("the command: messages for what is wrong; no page is left behind", () =>
  withFolder(async (folder) => {
    const [model, empty, page] = ["a.model", "empty.txt", "page.html"].map((name) => join(folder, name));
    await small.save(model!);
    writeFileSync(empty!, "\n\n");
    const blank = await run("tokenizer", "stats", model!, empty!, "--html", page!);
    assert.not.equal(blank.code, 0);
    assert.match(blank.err, /empty\.txt holds no text to measure/);
    assert.throws(() => readFileSync(page!));
    const missing = await run("tokenizer", "stats", model!, join(folder, "none.txt"));
    assert.ok(missing.code !== 0 && missing.err.includes("none.txt"), missing.err);
    const other = await run("tokenizer", "stats", model!, "--compare", join(folder, "none.model"));
    assert.ok(other.code !== 0 && other.err.includes("none.model"), other.err);
    assert.is((await run("tokenizer", "stats", model!)).code, 0);
  }));

test("what acts in a page is seen, whichever attribute it is", () => {
  const acting = ['<rect width="1" onclick="x">', '<a href="x">', "<SCRIPT>", '<path id="a" OnLoad="x" d="b"/>'];
  for (const tag of acting) assert.is(actingTags(`<p class="once">${tag}</p>`).length, 1, tag);
  assert.equal(actingTags('<p class="once" data-on="x"></p>'), []);
});

test("a line that is no text and a stop are errors, not fewer lines", () =>
  withFolder(async (folder) => {
    const text = join(folder, "zh.txt");
    writeFileSync(text, "天气\n".repeat(50));
    const tokenizer = await trainBpe({ files: [text], vocab_size: 6, byte_fallback: false });
    const model = join(folder, "zh.model");
    await tokenizer.save(model);
    writeFileSync(text, Buffer.from([0xe5, 0xa4, 0xa9, 0x0a, 0xcc, 0xec, 0xc6, 0xf8, 0x0a]));
    await fails(
      () => tokenizerStats([model], { files: [text] }),
      "ERR_BELLE_INVALID_DATA",
      /zh\.txt: line 2 is not valid UTF-8; convert/,
    );
    await fails(() => tokenizerStats([model], { signal: AbortSignal.abort() }), "ERR_BELLE_ABORTED", /stopped|abort/i);
  }));

test("pieces, names and paths of others cannot act in the page", () => {
  const hostile = '<img src=x onerror="alert(1)">';
  const pieces = [
    { piece: "<unk>", type: 2 },
    { piece: hostile, type: 1 },
    { piece: "\u001b[31m\u202e\u0000", type: 1 },
    { piece: "x".repeat(100_000), type: 1 },
    { piece: "</title><script>", type: 1 },
  ];
  const counter = new UsageCounter(pieces);
  const sums = { tokens: 0, unknownTokens: 0, byteTokens: 0 };
  counter.count(Uint32Array.of(1, 2, 2), sums);
  counter.finish(`${hostile}.txt`, { lines: 1, characters: 3, bytes: 3 }, sums);
  const stats: TokenizerStats = {
    ...{ path: hostile, vocabSize: 5, fingerprint: hostile, modelType: "bpe", normalizer: hostile },
    ...{ addDummyPrefix: true, removeExtraWhitespaces: false, byteFallback: false },
    ...{ bosId: -1, eosId: -1, padId: -1, unkId: 0 },
    ...vocabularyStats(pieces),
    texts: counter.texts,
    usage: counter.usage(),
  };
  for (const tokenizers of [[stats], [stats, { ...stats, path: "b/c" }]]) {
    const html = renderHtml(tokenizerReport(tokenizers, "en"));
    assert.equal(actingTags(html), []);
    for (const acting of ["\u001b", "\u202e", "\0", "x".repeat(100)]) assert.not(html.includes(acting));
    assert.ok(html.includes("&lt;img src=x onerror=&quot;alert(1)&quot;&gt;"));
    assert.ok(html.includes("\\u{1b}[31m\\u{202e}\\u{0}"));
  }
});

test("names: paths without what they share; long pieces are cut; a bar is never nothing above zero", () => {
  assert.equal(shortNames(["/m/a/t.model", "/m/b/t.model"]), ["a/t.model", "b/t.model"]);
  assert.equal(shortNames(["/m/llama/"]), ["llama"]);
  assert.equal(shortNames(["a", "/x/a"]), ["a", "/x/a"]);
  assert.is(shownPiece("字".repeat(61)), `${"字".repeat(60)}…`);
  assert.equal([bar(0, 9), bar(1, 1e9), bar(9, 9), bar(0, 0)], ["", "▏", "█".repeat(32), ""]);
});

test.run();
