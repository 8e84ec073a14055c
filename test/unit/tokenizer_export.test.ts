// exportTokenizer and `tokenizer export`: the folder read again, the check's counts, refusals and their sentences.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { exportTokenizer, mergeVocabulary, Tokenizer, trainBpe } from "../../ts/index.ts";
import { withFolder } from "../support/folder.ts";
import { runCommand } from "../support/run_command.ts";
import { fails } from "../support/thrown.ts";

const test = suite("tokenizer export");

const english = ["the cat sat on the mat", "the dog sat on the log", "cats and dogs, mats and logs"];
const chinese = ["今天天气很好", "今天我们去学校", "学校的天气也很好，我们很高兴"];
// As LLaMA.
const options = {
  vocab_size: 340,
  byte_fallback: true,
  character_coverage: 1,
  normalization_rule_name: "identity",
  remove_extra_whitespaces: false,
  allow_whitespace_only_pieces: true,
};
const names = ["special_tokens_map.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json"];

// Every fourth begins with a space; some hold what the vocabulary lacks.
const odd = ["😀 unseen", "a  b   c", "\t tab", "▁low", "\u3000全角", "龘 é ﬁ", "x".repeat(70), "学校cat"];
const lines = Array.from({ length: 400 }, (_, i) => {
  const parts = [english[i % 3], odd[i % 7], chinese[(i >> 1) % 3], String(i), odd[(i >> 2) % 8]];
  return (
    (i % 4 === 0 ? " " : "") +
    parts
      .slice(i % 3)
      .join(i % 5 === 0 ? "" : " ")
      .trimStart()
  );
});

let tokenizer: Tokenizer;
test.before(async () => {
  tokenizer = await trainBpe({ sentences: [...english, ...chinese], ...options });
});

const read = (...path: string[]) => readFileSync(join(...path), "utf8");
const json = (...path: string[]) => JSON.parse(read(...path));
const reread = (folder: string) => Tokenizer.parse(readFileSync(join(folder, "tokenizer.json")));
const sameIds = (one: Tokenizer, other: Tokenizer, line: string) => `${one.encode(line)}` === `${other.encode(line)}`;

function withLines(body: (paths: { folder: string; text: string }) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => {
    const text = join(folder, "lines.txt");
    writeFileSync(text, `${lines.join("\n")}\n`);
    await body({ folder, text });
  });
}

test("the four files; tokenizer.json gives the same ids, tokenizer.model is the same tokenizer", () =>
  withFolder(async (folder) => {
    const output = join(folder, "new/hf");
    const { files, check } = await exportTokenizer(tokenizer, output);
    assert.is(check, undefined);
    assert.equal(readdirSync(output).sort(), names);
    assert.equal([...files].sort(), names.map((name) => join(output, name)).sort());
    assert.is((await Tokenizer.load(join(output, "tokenizer.model"))).fingerprint, tokenizer.fingerprint);
    const again = reread(output);
    assert.is(again.vocabSize, tokenizer.vocabSize);
    for (const line of lines) assert.equal(again.encode(line), tokenizer.encode(line), line);
    const { model } = json(output, "tokenizer.json");
    assert.is(Object.keys(model.vocab).length, 340);
    const config = json(output, "tokenizer_config.json");
    assert.equal(
      [config.tokenizer_class, config.legacy, config.add_bos_token, config.add_eos_token, config.model_max_length],
      ["LlamaTokenizer", true, true, false, 2048],
    );
    assert.equal(json(output, "special_tokens_map.json"), { bos_token: "<s>", eos_token: "</s>", unk_token: "<unk>" });
    // Again over what is there, otherwise.
    await exportTokenizer(tokenizer, output, { addBos: false, addEos: true, modelMaxLength: 77, llamaClass: false });
    const other = json(output, "tokenizer_config.json");
    assert.equal(
      [other.tokenizer_class, other.add_bos_token, other.add_eos_token, other.model_max_length],
      ["PreTrainedTokenizerFast", false, true, 77],
    );
  }));

test("the check counts the lines that tokenizer.json encodes differently", () =>
  withLines(async ({ folder, text }) => {
    const equal = await exportTokenizer(tokenizer, join(folder, "a"), { checkText: [text] });
    assert.equal(equal.check, { lines: 400, differing: 0, share: 0, lost: 0, lostPieces: [], examples: [] });

    const first = await exportTokenizer(tokenizer, join(folder, "b"), { legacy: false, checkText: [text] });
    const again = reread(join(folder, "b"));
    const differing = lines.filter((line) => !sameIds(tokenizer, again, line));
    assert.ok(differing.length >= 100 && differing.length < 400, `${differing.length}`);
    assert.ok(differing.every((line) => /^[ ▁]/.test(line)));
    assert.equal([first.check!.differing, first.check!.share], [differing.length, differing.length / 400]);
    assert.equal(
      first.check!.examples.map((example) => example.text),
      differing.slice(0, 5),
    );
    const [example] = first.check!.examples;
    assert.not.equal(example!.expected, example!.exported);

    const some = await exportTokenizer(tokenizer, join(folder, "b"), { checkText: [text, text], maxLines: 500 });
    assert.is(some.check!.lines, 500);
  }));

// Which of two pairs of equal score joins first is where ranks and scores part.
test("scores that are equal: the merge and the check say how many lines differ", () =>
  withFolder(async (folder) => {
    const syllables = ["ba", "ab", "aba", "bab", "baa", "aab"];
    const words = Array.from({ length: 300 }, (_, i) => `${syllables[i % 6]}${syllables[(i * 7 + 1) % 6]}一`);
    const addition = await trainBpe({ sentences: words, ...options, vocab_size: 290 });
    const text = join(folder, "words.txt");
    writeFileSync(text, `${words.map((word, i) => `${word}${words[(i * 11) % 300]}`).join("\n")}\n`);
    const merged = await mergeVocabulary(tokenizer, addition, { mode: "chinese-llama", targetText: [text] });
    const { check } = await exportTokenizer(merged.tokenizer, join(folder, "hf"), { checkText: [text] });
    const again = reread(join(folder, "hf"));
    const differing = read(text)
      .trimEnd()
      .split("\n")
      .filter((line) => !sameIds(merged.tokenizer, again, line)).length;
    assert.ok(differing > 0);
    assert.is(check!.differing, differing);
    assert.equal(merged.report.hfExport, { lines: 300, differing, lost: check!.lost });
    // Distinct scores leave nothing to choose.
    const safe = await mergeVocabulary(tokenizer, addition, { targetText: [text] });
    assert.equal(safe.report.hfExport, { lines: 300, differing: 0, lost: 0 });
  }));

test("a merge whose base cannot be exported says why", () =>
  withLines(async ({ text }) => {
    const base = await trainBpe({ sentences: english, vocab_size: 40 });
    const { report } = await mergeVocabulary(base, tokenizer, { targetText: [text] });
    assert.match((report.hfExport as { refused: string }).refused, /its normaliser "nmt_nfkc" has a charsmap/);
    assert.is((await mergeVocabulary(base, tokenizer)).report.hfExport, undefined);
  }));

test("what is refused, with its sentence, leaves no folder behind", () =>
  withLines(async ({ folder, text }) => {
    const output = join(folder, "hf");
    const normalizing = await trainBpe({ sentences: english, vocab_size: 40 });
    await fails(
      () => exportTokenizer(normalizing, output),
      "ERR_BELLE_UNSUPPORTED",
      /normaliser "nmt_nfkc" has a charsmap.*train with the normaliser identity/,
    );
    const noBos = await trainBpe({ sentences: english, ...options, vocab_size: 300, bos_id: -1 });
    await fails(
      () => exportTokenizer(noBos, output, { addBos: true }),
      "ERR_BELLE_INVALID_ARGUMENT",
      /add_bos is on, but the model has no CONTROL piece "<s>"/,
    );
    const wrong = (more: object, message: RegExp) =>
      fails(() => exportTokenizer(tokenizer, output, more), "ERR_BELLE_INVALID_ARGUMENT", message);
    await wrong({ legacy: "no" }, /^legacy must be true or false, not no\.$/);
    await wrong({ modelMaxLength: 0 }, /^modelMaxLength must be a whole number of tokens, 1 or more, not 0\.$/);
    await wrong({ maxLines: 1.5 }, /^maxLines must be a whole number of lines, 1 or more, not 1\.5/);
    await wrong({ checkText: [] }, /^checkText must be an array of file paths, one at least/);
    await wrong({ onProgress: 3 }, /^onProgress must be a function/);
    const call = exportTokenizer as (...given: unknown[]) => Promise<unknown>;
    await fails(() => call({}, output), "ERR_BELLE_INVALID_ARGUMENT", /^tokenizer must be a Tokenizer/);
    await fails(() => call(tokenizer, ""), "ERR_BELLE_INVALID_ARGUMENT", /^folder must be the path/);
    const gone = join(folder, "gone.txt");
    await fails(() => exportTokenizer(tokenizer, output, { checkText: [gone] }), "ERR_BELLE_NOT_FOUND", /gone\.txt/);
    const signal = AbortSignal.abort("enough");
    await fails(
      () => exportTokenizer(tokenizer, output, { checkText: [text], signal }),
      "ERR_BELLE_ABORTED",
      /^The export was stopped/,
    );
    assert.not(existsSync(output));
    await exportTokenizer(normalizing, output, { inexactCharsmap: true });
    await exportTokenizer(noBos, output);
    assert.is(json(output, "tokenizer_config.json").add_bos_token, false);
    await exportTokenizer(reread(output), join(folder, "again"));
    assert.is(json(folder, "again", "tokenizer_config.json").add_bos_token, false);
    await fails(() => exportTokenizer(tokenizer, join(text, "hf")), "ERR_BELLE_IO", /cannot make the folder .*hf/);
  }));

test("an abort stops the check in the middle, and nothing is written", () =>
  withFolder(async (folder) => {
    const long = join(folder, "long.txt");
    writeFileSync(long, "the cat sat on the mat, and the dog on the log\n".repeat(400_000));
    const controller = new AbortController();
    const error = await fails(
      () =>
        exportTokenizer(tokenizer, join(folder, "hf"), {
          checkText: [long],
          signal: controller.signal,
          onProgress: ({ done, total }) => {
            assert.ok(done <= total);
            controller.abort("enough");
          },
        }),
      "ERR_BELLE_ABORTED",
      /^The export was stopped/,
    );
    assert.is(error.cause, "enough");
    assert.not(existsSync(join(folder, "hf")));
  }));

const run = (...argv: string[]) => runCommand(argv);

test("the command writes, counts, and speaks both languages", () =>
  withLines(async ({ folder, text }) => {
    const [model, output] = [join(folder, "model"), join(folder, "hf")];
    mkdirSync(model);
    await tokenizer.save(model);
    const argv = ["tokenizer", "export", model, "--output", output];
    const plain = await run(...argv, "--lang", "en", "--no-add-bos", "--model-max-length", "512");
    assert.is(plain.code, 0, plain.err);
    assert.is(plain.out, "");
    assert.match(plain.err, `Wrote ${join(output, "tokenizer.model")}, ${join(output, "tokenizer.json")}`);
    const config = json(output, "tokenizer_config.json");
    assert.equal([config.legacy, config.add_bos_token, config.model_max_length], [true, false, 512]);
    const checked = ["--no-legacy", "--check", text, "--max-lines", "40"];
    const { out } = await run(...argv, ...checked, "--json");
    const { files, check, fingerprint } = JSON.parse(out);
    assert.is(files.length, 4);
    assert.is(fingerprint, tokenizer.fingerprint);
    assert.is(check.lines, 40);
    assert.ok(check.differing >= 10 && check.share === check.differing / 40);
    assert.is(json(output, "tokenizer_config.json").legacy, false);
    const said = (await run(...argv, ...checked, "--lang", "en")).err;
    assert.match(said, `checked: 40 lines, Hugging Face's rules encode ${check.differing} of them differently`);
    assert.match((await run(...argv, ...checked, "--lang", "zh")).err, `其中 ${check.differing} 行按 Hugging Face`);
    const missing = await run(...argv, "--check", join(folder, "gone.txt"));
    assert.ok(missing.code !== 0 && missing.err.includes("gone.txt"), missing.err);
    assert.is((await run("tokenizer", "export", model)).code, 2);
  }));

test("the way back: tokenizer.json as a sentencepiece model with the same ids, pieces and merges", () =>
  withFolder(async (folder) => {
    await exportTokenizer(tokenizer, folder, {});
    const back = Tokenizer.parse(readFileSync(join(folder, "tokenizer.json"))).toSentencePiece();
    assert.is(back.fileName, "tokenizer.model");
    assert.equal(
      back.pieces().map(({ piece, type }) => [piece, type]),
      tokenizer.pieces().map(({ piece, type }) => [piece, type]),
    );
    for (const line of lines) assert.ok(sameIds(back, tokenizer, line), line);
    const { report } = await mergeVocabulary(back, tokenizer);
    assert.equal([report.added, report.rows], [0, tokenizer.vocabSize]);
    const bytes = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
    const model = { type: "BPE", vocab: { a: 0, b: 1, ab: 2 }, merges: [["a", "b"]] };
    const other = Tokenizer.parse(Buffer.from(JSON.stringify({ model, pre_tokenizer: bytes, decoder: bytes })));
    const why = "this tokenizer.json cannot be a sentencepiece model: its pieces are bytes, not characters";
    const refused = (call: () => unknown, message: string) =>
      fails(call, "ERR_BELLE_UNSUPPORTED", new RegExp(`^${message}`));
    await refused(() => other.toSentencePiece(), why);
    await refused(() => mergeVocabulary(other, tokenizer), `the base cannot be merged: ${why}`);
    await refused(() => mergeVocabulary(tokenizer, other), `the addition cannot be merged: ${why}`);
    await refused(() => exportTokenizer(other, join(folder, "bytes")), `this tokenizer cannot be exported: ${why}`);
    assert.not(existsSync(join(folder, "bytes")));
  }));

test("a tokenizer.json made from a model is merged and exported as the model is", () =>
  withLines(async ({ folder, text }) => {
    await exportTokenizer(tokenizer, join(folder, "first"));
    const again = reread(join(folder, "first"));
    assert.is(again.info, undefined);
    const { check } = await exportTokenizer(again, join(folder, "second"), { checkText: [text] });
    assert.equal([check!.lines, check!.differing, check!.lost], [400, 0, 0]);
    for (const name of names.filter((name) => name !== "tokenizer.model")) {
      assert.is(read(folder, "second", name), read(folder, "first", name), name);
    }
    const addition = await trainBpe({ sentences: ["机器学习机器", "学习模型"], ...options, vocab_size: 275 });
    await exportTokenizer(addition, join(folder, "addition"));
    const model = await mergeVocabulary(tokenizer, addition, { targetText: [text] });
    const merged = await mergeVocabulary(again, reread(join(folder, "addition")), { targetText: [text] });
    assert.ok(model.report.added > 0);
    const [{ guarantee, ...counts }, { guarantee: _, ...expected }] = [merged.report, model.report];
    assert.ok(guarantee.holds);
    assert.equal(counts, expected);
    for (const line of [...lines, "机器学习模型"]) assert.ok(sameIds(model.tokenizer, merged.tokenizer, line), line);
  }));

test.run();
