// The end of the environment in the middle of a native job: process.exit(), an uncaught rejection, worker.terminate().
// No crash, no hang: the thread is stopped and joined at its next step, token or piece.
// Runs alone: it measures how soon a job ends.
import { fork } from "node:child_process";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { bindingPath } from "../../ts/native/load.ts";

const test = suite("teardown");

const script = join(import.meta.dirname, "job.mjs");
const addon = bindingPath();
const kinds = ["train", "generate", "bpe"] as const;
const repeats = 3;
// Of the machine's, not ours: a step here takes about a millisecond.
const limitMs = 500;

type Kind = (typeof kinds)[number];

/** Runs the job in a process; resolves when that has ended, with the time since it said "started". */
function inProcess(kind: Kind, then: string) {
  return new Promise<{ code: number | null; signal: string | null; ms: number; said: string[]; stderr: string }>(
    (done) => {
      const child = fork(script, [JSON.stringify({ addon, kind, then })], {
        execArgv: [],
        stdio: ["ignore", "ignore", "pipe", "ipc"],
      });
      const said: string[] = [];
      let stderr = "";
      let started = Number.NaN;
      child.stderr!.on("data", (text) => {
        stderr += text;
      });
      child.on("message", (text) => {
        if (text === "started") started = performance.now();
        said.push(String(text));
      });
      child.on("close", (code, signal) => done({ code, signal, ms: performance.now() - started, said, stderr }));
    },
  );
}

for (const kind of kinds) {
  for (const then of ["exit", "exit-later"]) {
    test(`${kind}: process.exit() ${then === "exit" ? "inside the event callback" : "while it runs"}`, async () => {
      const times: number[] = [];
      for (let i = 0; i < repeats; i++) {
        const { code, signal, ms, said, stderr } = await inProcess(kind, then);
        assert.equal([code, signal, said, stderr], [0, null, ["started"], ""]);
        times.push(ms);
      }
      assertQuick(times);
    });
  }

  test(`${kind}: an uncaught rejection ends the process with code 1, not by a signal`, async () => {
    const { code, signal, stderr } = await inProcess(kind, "throw");
    assert.equal([code, signal], [1, null]);
    assert.match(stderr, /thrown by a timer/);
  });

  test(`${kind}: a throwing event callback ends the job; the error reaches the caller`, async () => {
    const { code, said } = await inProcess(kind, "throw-callback");
    assert.equal([code, said], [0, ["failed: thrown by the callback"]]);
  });

  test(`${kind}: worker.terminate() in the middle, again and again`, async () => {
    const times: number[] = [];
    for (let i = 0; i < repeats; i++) {
      const pair = [startWorker(kind, "wait"), startWorker(kind, "wait")];
      await Promise.all(pair.map(({ started }) => started));
      const from = performance.now();
      await Promise.all(pair.map(({ worker }) => worker.terminate()));
      times.push(performance.now() - from);
    }
    assertQuick(times);
  });

  test(`${kind}: process.exit() in a worker ends that worker only`, async () => {
    const { started, exited } = startWorker(kind, "exit-later");
    await started;
    assert.is(await exited, 0);
  });
}

/** A stall of the machine is not ours: the quickest of the repeats counts. All of them must end. */
function assertQuick(times: number[]) {
  const quickest = Math.min(...times);
  assert.ok(quickest < limitMs, `took ${quickest.toFixed(0)} ms at least`);
}

function startWorker(kind: Kind, then: string) {
  const worker = new Worker(script, { workerData: { addon, kind, then }, execArgv: [] });
  // Listening from the start: a worker's last message and its exit may be delivered in one go.
  const exited = new Promise<number>((done) => worker.on("exit", done));
  const started = new Promise<void>((done, failed) => {
    worker.on("error", failed);
    worker.once("message", (text) => (text === "started" ? done() : failed(new Error(String(text)))));
    exited.then((code) => failed(new Error(`exited with ${code} before it started`)));
  });
  return { worker, started, exited };
}

test.run();
