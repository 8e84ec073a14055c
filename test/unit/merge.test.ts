// The report of a vocabulary merge: guarantee, protected and target text, messages; the CLI's words for it.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { mergeVocabulary, type Tokenizer, trainBpe } from "../../ts/index.ts";
import { visible } from "../../ts/report/visible.ts";
import { withFolder } from "../support/folder.ts";
import { runCommand } from "../support/run_command.ts";
import { fails } from "../support/thrown.ts";

const test = suite("vocabulary merge");

const english = ["the cat sat on the mat", "the dog sat on the log", "cats and dogs, mats and logs"];
// Latin words of its own, so that the modes other than safe change English.
const chinese = ["今天天气很好 theca", "今天我们去学校 theca", "学校的天气也很好，我们很高兴 theca"];
const options = { byte_fallback: true, character_coverage: 1, normalization_rule_name: "identity" };

let base: Tokenizer;
let addition: Tokenizer;
test.before(async () => {
  base = await trainBpe({ ...options, sentences: english, vocab_size: 310 });
  addition = await trainBpe({ sentences: chinese, vocabSize: 60, hard_vocab_limit: false });
});

function withTexts(body: (paths: { folder: string; en: string; zh: string }) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => {
    const [en, zh] = [join(folder, "en.txt"), join(folder, "zh.txt")];
    writeFileSync(en, `${[...english, "theca theca"].join("\r\n")}\n\n`);
    writeFileSync(zh, `${chinese.join("\n")}\n`);
    await body({ folder, en, zh });
  });
}

test("safe: the guarantee holds, no protected line changes, the target takes fewer tokens", () =>
  withTexts(async ({ en, zh }) => {
    const phases: string[] = [];
    const { tokenizer, report } = await mergeVocabulary(base, addition, {
      protectedText: [en],
      targetText: [zh],
      onProgress: ({ phase, done, total }) => {
        assert.ok(done <= total);
        if (phases.at(-1) !== phase) phases.push(phase);
      },
    });
    const { guarantee } = report;
    assert.ok(guarantee.holds && guarantee.belowOldScores && guarantee.distinctScores && guarantee.allNormal);
    assert.is(guarantee.newWithoutHan, 0);
    assert.ok(guarantee.highestNewScore < guarantee.lowestOldScore);
    const kept = report.protected!;
    assert.equal([kept.lines, kept.changed, kept.changedShare, kept.withHan], [4, 0, 0, 0]);
    assert.equal(kept.examples, []);
    const tokens = (lines: string[], one: Tokenizer) => lines.reduce((sum, line) => sum + one.encode(line).length, 0);
    const gain = report.target!;
    assert.equal([gain.tokensBefore, gain.tokensAfter], [tokens(chinese, base), tokens(chinese, tokenizer)]);
    assert.is(gain.tokensPerLineAfter, gain.tokensAfter / 3);
    assert.is(
      gain.characters,
      chinese.reduce((sum, line) => sum + [...line].length, 0),
    );
    assert.is(gain.charactersPerTokenBefore, gain.characters / gain.tokensBefore);
    assert.ok(gain.tokensAfter < gain.tokensBefore && gain.changed === 3 && gain.changedWithoutHan === 0);
    assert.equal(phases, ["merge", "protected", "target", "hfExport"]);
    assert.is(report.addedPieces.length, report.added);
    assert.is(report.paddedRows8, Math.ceil(report.rows / 8) * 8);
  }));

test("chinese-llama: the same report shows the damage, with the pieces of a changed line", () =>
  withTexts(async ({ en }) => {
    const { report, tokenizer } = await mergeVocabulary(base, addition, { mode: "chinese-llama", protectedText: [en] });
    assert.not(report.guarantee.holds);
    assert.ok(report.guarantee.newWithoutHan > 0 && !report.guarantee.distinctScores);
    const changed = [...english, "theca theca"].filter(
      (line) => `${base.encode(line)}` !== `${tokenizer.encode(line)}`,
    );
    assert.ok(changed.length > 0);
    assert.is(report.protected!.changed, changed.length);
    assert.is(report.protected!.changedWithoutHan, changed.length);
    const [example] = report.protected!.examples;
    assert.is(example!.text, changed[0]);
    assert.is(example!.file, en);
    assert.ok(!example!.text.includes("\r"));
    assert.not.equal(example!.before, example!.after);
  }));

test("maxLines, and every wrong option has its sentence", () =>
  withTexts(async ({ folder, en }) => {
    const { report } = await mergeVocabulary(base, addition, { protectedText: [en], maxLines: 2 });
    assert.is(report.protected!.lines, 2);
    assert.is(report.target, undefined);
    const wrong = (more: object, message: RegExp) =>
      fails(() => mergeVocabulary(base, addition, more), "ERR_BELLE_INVALID_ARGUMENT", message);
    await wrong({ maxLines: 1.5 }, /maxLines must be a whole number of lines, 1 or more, not 1\.5/);
    await wrong({ maxLines: -1 }, /maxLines must be/);
    await wrong({ maxLines: 0 }, /maxLines must be a whole number of lines, 1 or more, not 0; leave it out for all/);
    await wrong({ protectedText: "en.txt" }, /protectedText must be an array of file paths/);
    await wrong({ targetText: [] }, /targetText must be an array of file paths, one at least/);
    await wrong({ onProgress: 3 }, /onProgress must be a function/);
    await wrong({ mode: "unsafe" }, /mode must be one of safe, belle, chinese-llama, not unsafe/);
    const missing = join(folder, "none.txt");
    await fails(
      () => mergeVocabulary(base, addition, { targetText: [missing] }),
      "ERR_BELLE_NOT_FOUND",
      /target text: .*none\.txt/,
    );
    writeFileSync(missing, " \n\r\n");
    await fails(
      () => mergeVocabulary(base, addition, { protectedText: [missing] }),
      "ERR_BELLE_INVALID_DATA",
      /protected text: .*none\.txt: no line holds text; give plain text/,
    );
    await fails(
      () => mergeVocabulary(base, addition, { signal: AbortSignal.abort("enough") }),
      "ERR_BELLE_ABORTED",
      /The vocabulary merge was stopped/,
    );
  }));

test("an abort stops a comparison in the middle", () =>
  withFolder(async (folder) => {
    const long = join(folder, "long.txt");
    writeFileSync(long, "the cat sat on the mat, and the dog on the log\n".repeat(400_000));
    const controller = new AbortController();
    const error = await fails(
      () =>
        mergeVocabulary(base, addition, {
          protectedText: [long],
          signal: controller.signal,
          onProgress: ({ phase }) => phase === "protected" && controller.abort("enough"),
        }),
      "ERR_BELLE_ABORTED",
      /The vocabulary merge was stopped/,
    );
    assert.is(error.cause, "enough");
  }));

const run = (...argv: string[]) => runCommand(argv);

test("the command prints what the file holds, in both languages", () =>
  withTexts(async ({ folder, en, zh }) => {
    const [first, second, output] = ["base.model", "zh.model", "merged"].map((name) => join(folder, name));
    await base.save(first!);
    await addition.save(second!);
    const argv = ["tokenizer", "merge", first!, second!, "--output", output!, "--mode", "belle", "--protected", en];
    const { code, out, err } = await run(...argv, "--target", zh, "--max-lines", "3", "--lang", "en");
    assert.is(code, 0, err);
    assert.is(out, "");
    const saved = JSON.parse(readFileSync(join(output!, "merge-report.json"), "utf8"));
    const { changed, tokensPerLineBefore } = saved.target;
    assert.match(err, `target text: 3 lines, ${changed} encode otherwise (100.00%)`);
    assert.match(err, `tokens/line ${tokensPerLineBefore.toFixed(2)} → `);
    assert.match(err, `guarantee: none. ${saved.guarantee.newWithoutHan} new pieces have no Han character`);
    const { lines, differing, lost } = saved.hfExport;
    assert.is(lines, 3);
    const share = `${((100 * differing) / 3).toFixed(2)}%`;
    assert.match(
      err,
      `as a Hugging Face folder: ${differing} of the 3 target lines encode differently (${share}); ${lost} pieces cannot be made there`,
    );
    assert.match((await run(...argv, "--lang", "zh")).err, "保证：无。");
    const json = await run(...argv, "--json", "--target", zh, "--max-lines", "3");
    const { mode, protected: kept, target } = JSON.parse(json.out);
    assert.equal({ mode, kept, target }, { mode: "belle", kept: saved.protected, target: saved.target });
    const gone = join(folder, "gone.txt");
    const missing = await run("tokenizer", "merge", first!, second!, "--output", join(folder, "x"), "--target", gone);
    assert.ok(missing.code !== 0 && missing.err.includes("gone.txt"), missing.err);
    assert.not(existsSync(join(folder, "x/tokenizer.model")));
    const mistaken = await run("tokenizer", "merge", first!, second!, "--output", output!, "--mode", "fast");
    assert.is(mistaken.code, 2);
    assert.match(mistaken.err, "chinese-llama");
  }));

test("pieces cannot steer a terminal", () => {
  assert.is(visible("\u001b[31m红\u202e\n"), "\\u{1b}[31m红\\u{202e}\\u{a}");
});

test.run();
