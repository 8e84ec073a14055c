// Tokenizer goldens through the public surface: ids and texts of sentencepiece on 4,381 lines, random Unicode included.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { mergeVocabulary, Tokenizer, trainBpe } from "../../ts/index.ts";
import { testWithShared } from "../support/shared.ts";
import { readJsonLines } from "./golden.ts";

const test = suite("tokenizer parity");

interface Row {
  text: string;
  ids: number[];
  decoded: string;
}

function compare(tokenizer: Tokenizer, rows: Row[]) {
  const batch = tokenizer.encodeBatch(rows.map((row) => row.text));
  assert.is(batch.offsets.length, rows.length + 1);
  rows.forEach((row, index) => {
    const ids = batch.ids.subarray(batch.offsets[index], batch.offsets[index + 1]);
    assert.equal([...ids], row.ids, `ids of line ${index + 1}: ${JSON.stringify(row.text)}`);
    assert.is(tokenizer.decode(ids), row.decoded, `text of line ${index + 1}`);
  });
}

function pieces(shared: string, name: string): Array<[string, number, number]> {
  return readJsonLines(join(shared, "goldens/tokenizer", `${name}.vocab.jsonl.gz`));
}

function assertPieces(tokenizer: Tokenizer, expected: Array<[string, number, number]>) {
  const actual = tokenizer.pieces();
  assert.is(actual.length, expected.length);
  for (let id = 0; id < expected.length; id++) {
    const { piece, score, type } = actual[id]!;
    assert.equal([piece, score, type], expected[id], `piece ${id}`);
  }
}

for (const name of ["llama", "chinese-llama-2"]) {
  testWithShared(test, `${name}: every id list and decoded text`, async (shared) => {
    const tokenizer = await Tokenizer.load(join(shared, "data/tokenizers", name));
    compare(tokenizer, readJsonLines(join(shared, "goldens/tokenizer", `encode-${name}.jsonl.gz`)));
  });
}

testWithShared(test, "chinese-llama merge: 49,953 rows, encoding included", async (shared) => {
  const base = await Tokenizer.load(join(shared, "data/tokenizers/llama/tokenizer.model"));
  const addition = await Tokenizer.load(join(shared, "data/tokenizers/chinese-llama/chinese_sp.model"));
  const { tokenizer, report } = await mergeVocabulary(base, addition, { mode: "chinese-llama" });
  assert.is(tokenizer.vocabSize, 49_953);
  assert.equal(
    [report.baseRows, report.additionRows, report.added, report.shared, report.rows],
    [32_000, 20_000, 17_953, 2_047, 49_953],
  );
  assert.is(report.subTokens.length, 17_953);
  assertPieces(tokenizer, pieces(shared, "merge-score0"));
  compare(tokenizer, readJsonLines(join(shared, "goldens/tokenizer/encode-merge-score0.jsonl.gz")));
});

testWithShared(test, "train, then merge as BELLE: pieces, scores, types and encoding", async (shared) => {
  const [run] = (
    JSON.parse(readFileSync(join(shared, "goldens/tokenizer/train.json"), "utf8")) as Array<{
      name: string;
      vocab_size: number;
      options: Record<string, string | number | boolean>;
    }>
  ).filter((row) => row.name === "zh-24000-llama-flags");
  const phases = new Set<string>();
  const addition = await trainBpe({
    files: [join(shared, "goldens/tokenizer/corpus-zh-2mb.txt")],
    vocabSize: run!.vocab_size,
    ...run!.options,
    onProgress: ({ phase }) => phases.add(phase),
  });
  assert.ok(phases.has("merge") && phases.has("done"), [...phases].join());
  assertPieces(addition, pieces(shared, "train-zh-24000-llama-flags"));
  const base = await Tokenizer.load(join(shared, "data/tokenizers/llama"));
  const { tokenizer, report } = await mergeVocabulary(base, addition, { mode: "belle" });
  assert.is(report.rows, 50_710);
  assertPieces(tokenizer, pieces(shared, "merge-own-scores"));
  compare(tokenizer, readJsonLines(join(shared, "goldens/tokenizer/encode-merge-own-scores.jsonl.gz")));
});

test.run();
