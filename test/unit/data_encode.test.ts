import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  assemble,
  type Encoded,
  encodeSegments,
  ignoreIndex,
  supervisedTokens,
  truncate,
  unmaskAsBelle,
} from "../../ts/data/encode.ts";
import { groupConversations, groupTexts } from "../../ts/data/grouped.ts";
import { packBestFit } from "../../ts/data/pack.ts";
import { convertRow, type Turn } from "../../ts/data/sample.ts";
import { templates, toSegments } from "../../ts/data/template.ts";
import { Tokenizer } from "../../ts/tokenizer/tokenizer.ts";
import { testWithShared } from "../support/shared.ts";
import { bytesOf, byteTokenizer } from "./data_support.ts";

const test = suite("data encoding");

const turns = (...list: Array<[Turn["role"], string]>): Turn[] => list.map(([role, text]) => ({ role, text }));
const encode = (list: Turn[]) => encodeSegments([toSegments(list, templates.belle)], byteTokenizer)[0]!;

test("BELLE's template: what is asked is masked, answers and their eos are learnt, no bos", () => {
  const sample = encode(turns(["human", "你好"], ["assistant", "hi"], ["human", "?"], ["assistant", "!"]));
  assert.is(bytesOf(sample.ids), "Human: \n你好\n\nAssistant: \nhiHuman: \n?\n\nAssistant: \n!");
  assert.is(bytesOf([...sample.labels].filter((label) => label !== ignoreIndex)), "hi!");
  assert.is([...sample.labels].filter((label) => label === 2).length, 2);
  assert.is.not(sample.ids[0], 1);
});

test("a system text opens the next question", () => {
  const segments = toSegments(
    turns(["system", "be brief"], ["human", "q"], ["assistant", "a"], ["system", "lost"]),
    templates.belle,
  );
  assert.equal(
    segments.map((segment) => segment.text),
    ["Human: \nbe brief\nq\n\nAssistant: \n", "a"],
  );
});

test("many conversations in one call are those of single calls", () => {
  const lists = [turns(["human", "a"], ["assistant", "b"]), turns(["assistant", "c"]), turns(["human", "d"])];
  const batch = encodeSegments(
    lists.map((list) => toSegments(list, templates.belle)),
    byteTokenizer,
  );
  assert.equal(batch, lists.map(encode));
});

test("truncation cuts on the right and may take the eos", () => {
  const sample = encode(turns(["human", "a"], ["assistant", "bc"]));
  const cut = truncate(sample, sample.ids.length - 1);
  assert.is(bytesOf(cut.ids).at(-1), "c");
  assert.not.ok(cut.ids.includes(2));
  assert.is(truncate(sample, sample.ids.length), sample);
});

test("the first token of a sample is never a target", () => {
  assert.is(supervisedTokens(Int32Array.of(5, -100, 6, 7)), 2);
  assert.is(supervisedTokens(Int32Array.of(5)), 0);
});

test("BELLE's way out of an unlabelled sample: labels 18 to 23, none before token 19", () => {
  const unlabelled = (length: number): Encoded => ({
    ids: Int32Array.from({ length }, (_, i) => i),
    labels: new Int32Array(length).fill(-100),
  });
  const labelled = (length: number) => {
    const sample = unlabelled(length);
    unmaskAsBelle(sample);
    return [...sample.labels].filter((label) => label >= 0);
  };
  assert.equal(labelled(40), [18, 19, 20, 21, 22, 23]);
  assert.equal(labelled(20), [18, 19]);
  assert.equal(labelled(18), []);
  const kept = { ids: Int32Array.of(1, 2), labels: Int32Array.of(-100, 2) };
  unmaskAsBelle(kept);
  assert.equal([...kept.labels], [-100, 2]);
});

test("assemble lays segments end to end", () => {
  const segments = [
    { text: "", supervised: false },
    { text: "", supervised: true },
  ];
  const { ids, labels } = assemble(segments, (i) => (i === 0 ? Uint32Array.of(7, 8) : Uint32Array.of(9)), 2);
  assert.equal(
    [[...ids], [...labels]],
    [
      [7, 8, 9, 2],
      [-100, -100, 9, 2],
    ],
  );
});

test("grouped texts: eos between, the remainder lost", () => {
  const blocks = groupTexts([Uint32Array.of(5, 6), Uint32Array.of(7)], 2, 2);
  assert.equal(
    blocks.map((block) => [...block.ids]),
    [
      [5, 6],
      [2, 7],
    ],
  );
  assert.equal(
    blocks.map((block) => [...block.labels]),
    [
      [5, 6],
      [2, 7],
    ],
  );
});

interface GoldenRow {
  conversations: unknown;
  max_length: number;
  input_ids: number[];
  labels: number[];
}

function golden<T>(shared: string, name: string): T[] {
  const text = gunzipSync(readFileSync(join(shared, "goldens/data", name))).toString("utf8");
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as T);
}

async function encodeGolden(shared: string, rows: GoldenRow[]) {
  const tokenizer = await Tokenizer.load(join(shared, "data/tokenizers/llama/tokenizer.model"));
  const segments = rows.map((row) => {
    const made = convertRow(row, "belle", { join: "", anyOtherIsAssistant: true });
    assert.ok("sample" in made && made.sample.kind === "conversation");
    return toSegments(made.sample.turns, templates.belle);
  });
  return { tokenizer, encoded: encodeSegments(segments, tokenizer) };
}

testWithShared(
  test,
  "BELLE's own ids and labels at 2048 and 256 tokens, unlabelled samples included",
  async (shared) => {
    const rows = golden<GoldenRow>(shared, "belle-sft.jsonl.gz");
    const { encoded } = await encodeGolden(shared, rows);
    let unlabelled = 0;
    for (const [i, row] of rows.entries()) {
      const full = encoded[i]!;
      const cut = truncate({ ids: full.ids.slice(), labels: full.labels.slice() }, row.max_length);
      if (cut.labels.every((label) => label === ignoreIndex)) unlabelled++;
      unmaskAsBelle(cut);
      assert.equal([...cut.ids], row.input_ids, `ids of row ${i + 1}`);
      assert.equal([...cut.labels], row.labels, `labels of row ${i + 1}`);
    }
    assert.is(rows.length, 480);
    assert.is(unlabelled, 16);
  },
);

testWithShared(test, "BELLE's cut-anywhere blocks of 1024 tokens", async (shared) => {
  const rows = golden<GoldenRow>(shared, "belle-sft.jsonl.gz").filter((row) => row.max_length === 2048);
  const { tokenizer, encoded } = await encodeGolden(shared, rows);
  const blocks = groupConversations(encoded, tokenizer.bosId, 1024);
  const expected = golden<GoldenRow>(shared, "belle-sft-grouped-1024.jsonl.gz");
  assert.is(blocks.length, expected.length);
  for (const [i, block] of blocks.entries()) {
    assert.equal([...block.ids], expected[i]!.input_ids, `ids of block ${i + 1}`);
    assert.equal([...block.labels], expected[i]!.labels, `labels of block ${i + 1}`);
  }
});

/** Lengths drawn like those of chats: many short, some at the limit. */
function drawnLengths(count: number, limit: number): number[] {
  let state = 12345;
  const next = () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state / 2 ** 32;
  };
  return Array.from({ length: count }, () =>
    Math.max(1, Math.min(limit, Math.floor(-Math.log(1 - next()) * limit * 0.3))),
  );
}

test("packing: every sample once, no pack over the limit, nearly full", () => {
  const lengths = drawnLengths(20_000, 2048);
  const packs = packBestFit(lengths, 2048, 42);
  assert.equal(
    packs.flat().sort((a, b) => a - b),
    lengths.map((_, i) => i),
  );
  const fills = packs.map((pack) => pack.reduce((sum, sample) => sum + lengths[sample]!, 0));
  assert.ok(fills.every((fill) => fill <= 2048));
  const total = lengths.reduce((sum, length) => sum + length, 0);
  assert.ok(packs.length <= Math.ceil(total / 2048) * 1.001 + 1, `${packs.length} packs for ${total} tokens`);
});

test("packing equals the plain best-fit-decreasing rule", () => {
  const lengths = drawnLengths(600, 100);
  const sorted = [...lengths].sort((a, b) => b - a);
  const plain: number[] = [];
  for (const length of sorted) {
    let best = -1;
    for (const [i, left] of plain.entries()) if (left >= length && (best < 0 || left < plain[best]!)) best = i;
    if (best < 0) plain.push(100 - length);
    else plain[best]! -= length;
  }
  const packs = packBestFit(lengths, 100, 7);
  const left = packs.map((pack) => 100 - pack.reduce((sum, sample) => sum + lengths[sample]!, 0));
  assert.equal(
    left.sort((a, b) => a - b),
    plain.sort((a, b) => a - b),
  );
});

test("packing is a function of lengths and seed", () => {
  const lengths = drawnLengths(500, 64);
  assert.equal(packBestFit(lengths, 64, 1), packBestFit(lengths, 64, 1));
  assert.not.equal(packBestFit(lengths, 64, 1), packBestFit(lengths, 64, 2));
  assert.equal(
    packBestFit([64, 64, 1], 64, 3).map((pack) => pack.length),
    [1, 1, 1],
  );
  assert.equal(packBestFit([], 64, 3), []);
  assert.throws(() => packBestFit([65], 64, 3), /sample 0 has length 65 of 64/);
});

test.run();
