// metrics.jsonl read back: what a killed run or a stranger wrote into it must not become a point of a curve.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { metricCurve, readMetrics } from "../../ts/metrics/read.ts";
import { createRecorder } from "../../ts/metrics/recorder.ts";
import { withFolder } from "../support/folder.ts";

const test = suite("metrics read");

const step = (number: number, loss: number) =>
  ({
    type: "step",
    step: number,
    totalSteps: 4,
    epoch: 0.5,
    loss,
    gradNorm: 1,
    lr: 1e-3,
    tokens: 10,
    supervisedTokens: 5,
    tokensPerSecond: 100,
    mfu: 0.5,
    memory: 3e8,
    seconds: 0.1,
    skipped: false,
  }) as const;

test("the recorder's rows come back; NaN is a row but no point", () =>
  withFolder(async (dir) => {
    const recorder = createRecorder({ dir, jsonl: true, tensorboard: false, resumedStep: 0 });
    recorder.record({ type: "eval", step: 0, loss: 3, supervisedTokens: 9 });
    recorder.record(step(1, 2.5));
    recorder.record(step(2, Number.NaN));
    recorder.record(step(3, 1.5));
    recorder.record({ type: "eval", step: 3, loss: Number.POSITIVE_INFINITY, supervisedTokens: 9 });
    recorder.close();
    const rows = await readMetrics(join(dir, "metrics.jsonl"));
    assert.equal(
      rows.map(({ type, step }) => [type, step]),
      [
        ["eval", 0],
        ["step", 1],
        ["step", 2],
        ["step", 3],
        ["eval", 3],
      ],
    );
    assert.equal([rows[2]!.loss, rows[4]!.loss], ["NaN", "Infinity"]);
    assert.equal(metricCurve(rows, "step", "loss"), [
      [1, 2.5],
      [3, 1.5],
    ]);
    assert.equal(metricCurve(rows, "step", "learning_rate"), [
      [1, 1e-3],
      [2, 1e-3],
      [3, 1e-3],
    ]);
    assert.equal(metricCurve(rows, "eval", "loss"), [[0, 3]]);
    assert.equal(metricCurve(rows, "eval", "nothing"), []);
  }));

test("torn and foreign lines are left out", () =>
  withFolder(async (dir) => {
    const path = join(dir, "metrics.jsonl");
    const foreign = ["", "null", "[]", "7", '"step"', '{"step":1}', '{"type":"step"}', '{"type":"step","step":"2"}'];
    const good = '{"type":"step","step":5,"loss":1}';
    writeFileSync(path, `${[...foreign, good].join("\r\n")}\n{"type":"step","step":6,"lo`);
    assert.equal(await readMetrics(path), [{ type: "step", step: 5, loss: 1 }]);
    writeFileSync(path, "");
    assert.equal(await readMetrics(path), []);
  }));

test.run();
