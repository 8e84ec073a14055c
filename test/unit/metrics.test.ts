import { readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { crc32c, maskedCrc32c } from "../../ts/metrics/crc32c.ts";
import { createRecorder } from "../../ts/metrics/recorder.ts";
import { eventFileName, restartEvent, scalarsEvent, tfRecord, versionEvent } from "../../ts/metrics/tfevents.ts";
import { withFolder } from "../support/folder.ts";

const test = suite("metrics");

const step = (number: number, loss: number) =>
  ({
    type: "step",
    step: number,
    totalSteps: 10,
    epoch: 0.5,
    loss,
    gradNorm: 1.5,
    lr: 1e-5,
    tokens: 10,
    supervisedTokens: 5,
    tokensPerSecond: 100,
    mfu: 0.5,
    memory: 3e8,
    seconds: 0.25,
    skipped: false,
  }) as const;

test("crc32c has the check values of RFC 3720", () => {
  assert.is(crc32c(Buffer.from("123456789")), 0xe3069283);
  assert.is(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.is(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.is(
    maskedCrc32c(Buffer.from("123456789")),
    ((((0xe3069283 >>> 15) | (0xe3069283 << 17)) >>> 0) + 0xa282ead8) % 2 ** 32,
  );
});

// Bytes that tensorboard 2.21's EventFileWriter gives for the same events.
test("event files have TensorBoard's bytes", () => {
  assert.is(
    versionEvent(1_700_000_000.25).toString("hex"),
    "1800000000000000a37f4b220900001040fc54d9411a0d627261696e2e4576656e743a32338d2fe9",
  );
  assert.is(
    scalarsEvent(1_700_000_000.25, 300, { "train/loss": 1.5 }).toString("hex"),
    "2100000000000000017becf60900001040fc54d94110ac022a130a110a0a747261696e2f6c6f7373150000c03ff4536857",
  );
  assert.is(
    restartEvent(1_700_000_000.25, 4).toString("hex"),
    "0f000000000000006d532b090900001040fc54d94110043a02080128b18957",
  );
});

test("a record frames its payload with length and checksums", () => {
  const record = tfRecord(Buffer.from("abc"));
  assert.is(record.length, 8 + 4 + 3 + 4);
  assert.is(record.readUInt32LE(8), maskedCrc32c(record.subarray(0, 8)));
  assert.is(record.readUInt32LE(15), maskedCrc32c(Buffer.from("abc")));
});

test("resuming cuts metrics.jsonl back to the resumed step", () =>
  withFolder((dir) => {
    const path = join(dir, "metrics.jsonl");
    const first = createRecorder({ dir, jsonl: true, tensorboard: true, resumedStep: 0, now: () => 1_700_000_000 });
    for (let i = 1; i <= 5; i++) first.record(step(i, 3 / i));
    first.close();
    const recorder = createRecorder({ dir, jsonl: true, tensorboard: true, resumedStep: 3, now: () => 1_700_000_009 });
    recorder.record(step(4, Number.NaN));
    recorder.record({ type: "eval", step: 4, loss: 0.5, supervisedTokens: 7 });
    recorder.record({ type: "checkpoint", step: 4, path: "output/checkpoint-4", seconds: 1 });
    recorder.close();
    const rows = readFileSync(path, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string; step: number; loss: unknown });
    assert.equal(
      rows.map((row) => `${row.type} ${row.step}`),
      ["step 1", "step 2", "step 3", "step 4", "eval 4", "checkpoint 4"],
    );
    assert.is(rows[3]!.loss, "NaN");
    assert.is(readdirSync(dir).filter((name) => name.startsWith("events.out.tfevents.")).length, 2);
  }));

test("an evaluation that the continued run has is not written twice", () =>
  withFolder((dir) => {
    for (const resumedStep of [0, 2, 2]) {
      const recorder = createRecorder({ dir, jsonl: true, tensorboard: false, resumedStep });
      if (resumedStep === 0) for (const number of [1, 2]) recorder.record(step(number, 1));
      recorder.record({ type: "eval", step: 2, loss: 0.5, supervisedTokens: 7 });
      recorder.close();
    }
    const rows = readFileSync(join(dir, "metrics.jsonl"), "utf8").trim().split("\n");
    assert.equal(
      rows.map((row) => (JSON.parse(row) as { type: string }).type),
      ["step", "step", "eval"],
    );
  }));

test("a torn last line is dropped on resume", () =>
  withFolder((dir) => {
    const path = join(dir, "metrics.jsonl");
    const first = createRecorder({ dir, jsonl: true, tensorboard: false, resumedStep: 0 });
    first.record(step(1, 2));
    first.close();
    const whole = readFileSync(path, "utf8");
    const half = createRecorder({ dir, jsonl: true, tensorboard: false, resumedStep: 1 });
    half.record(step(2, 1));
    half.close();
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.subarray(0, bytes.length - 5));
    createRecorder({ dir, jsonl: true, tensorboard: false, resumedStep: 2 }).close();
    assert.is(readFileSync(path, "utf8"), whole);
  }));

test("a place that cannot be written is refused at once", () => {
  const open = () => createRecorder({ dir: "/dev/null/run", jsonl: true, tensorboard: false, resumedStep: 0 });
  assert.throws(open, /metrics cannot be written there \(ENOTDIR\); set metrics\.dir/);
});

test("a disk that fills up ends the recording, said once, and not the run", () => {
  const problems: string[] = [];
  return withFolder((dir) => {
    symlinkSync("/dev/full", join(dir, eventFileName(1_700_000_000, hostname(), process.pid)));
    const recorder = createRecorder({
      dir,
      jsonl: true,
      tensorboard: true,
      resumedStep: 0,
      now: () => 1_700_000_000,
      onProblem: (message) => problems.push(message),
    });
    recorder.record(step(1, 1));
    recorder.record(step(2, 1));
    recorder.close();
    assert.equal(problems, [`${dir}: metrics cannot be written any more (ENOSPC); the run goes on without.`]);
  });
});

test.run();
