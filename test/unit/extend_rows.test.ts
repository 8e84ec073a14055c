// extendRows: which old rows a new row is made of, also where the model has padding rows beyond its tokenizer.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Model } from "../../ts/index.ts";
import { extendRows } from "../../ts/train/extend_rows.ts";
import { withFolder } from "../support/folder.ts";
import { fails } from "../support/thrown.ts";
import { tinyConfig } from "./native_fixture.ts";

const test = suite("extend rows");
const name = "model.embed_tokens.weight";
const width = tinyConfig.hidden_size;
// 90 pieces, 6 rows of padding; the merge appended 10 pieces, each made of two old rows.
const subTokens = Array.from({ length: 10 }, (_, i) => [3 + i, 40 + i]);
const options = { multiple: 1, init: "subtoken-mean", seed: 1 } as const;

const create = () => Model.create(tinyConfig, { seed: 7, backend: "cpu", threads: 1 });
const row = (weights: Float32Array, at: number) => weights.slice(at * width, (at + 1) * width);

function withReport(text: string, body: (report: string) => Promise<void>) {
  return withFolder(async (folder) => {
    const report = join(folder, "merge-report.json");
    writeFileSync(report, text);
    await body(report);
  });
}

test("padding rows keep their values; every new row is the mean of its own piece's rows", () =>
  withReport(JSON.stringify({ baseRows: 90, subTokens }), async (mergeReport) => {
    using model = await create();
    const before = model.readParameter(name);
    await extendRows(model, { ...options, pieces: 100, mergeReport });
    assert.is(model.vocabSize, 100);
    const after = model.readParameter(name);
    assert.equal(after.slice(0, before.length), before);
    for (let at = 96; at < 100; at++) {
      const [a, b] = subTokens[at - 90]!.map((id) => row(before, id)) as [Float32Array, Float32Array];
      const got = row(after, at);
      for (const [i, value] of got.entries()) assert.ok(Math.abs(value - (a[i]! + b[i]!) / 2) < 1e-7, `row ${at}`);
    }
  }));

test("a model with enough rows is left alone; rows are rounded up to the multiple", () =>
  withReport(JSON.stringify({ baseRows: 90, subTokens }), async (mergeReport) => {
    using model = await create();
    const before = model.readParameter(name);
    await extendRows(model, { ...options, pieces: 96, mergeReport });
    assert.equal(model.readParameter(name), before);
    await extendRows(model, { ...options, pieces: 97, multiple: 64, mergeReport });
    assert.is(model.vocabSize, 128);
  }));

test("a report that is none is refused in a sentence", async () => {
  const refused = (text: string, why: RegExp) =>
    withReport(text, async (mergeReport) => {
      using model = await create();
      await fails(() => extendRows(model, { ...options, pieces: 100, mergeReport }), "ERR_BELLE_CONFIG", why);
    });
  await refused("{", /merge-report\.json cannot be read as JSON; give the merge-report\.json/);
  for (const text of ["null", "{}", '{"baseRows":90,"subTokens":[["a"]]}', '{"baseRows":"90","subTokens":[]}'])
    await refused(text, /has no baseRows and subTokens/);
  using model = await create();
  const without = { ...options, pieces: 100, mergeReport: undefined };
  await fails(() => extendRows(model, without), "ERR_BELLE_INVALID_ARGUMENT", /needs the report/);
});

test.run();
