// The end of the environment in the middle of a native job: process.exit(), an uncaught rejection, worker.terminate().
// No crash, no hang: the thread is stopped and joined at its next step, token or piece.
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
      for (let i = 0; i < repeats; i++) {
        const { code, signal, ms, said, stderr } = await inProcess(kind, then);
        assert.equal([code, signal, said, stderr], [0, null, ["started"], ""]);
        assert.ok(ms < limitMs, `took ${ms.toFixed(0)} ms`);
      }
    });
  }

  test(`${kind}: an uncaught rejection ends the process with code 1, not by a signal`, async () => {
    const { code, signal, ms, stderr } = await inProcess(kind, "throw");
    assert.equal([code, signal], [1, null]);
    assert.match(stderr, /thrown by a timer/);
    assert.ok(ms < limitMs, `took ${ms.toFixed(0)} ms`);
  });

  test(`${kind}: a throwing event callback ends the job; the error reaches the caller`, async () => {
    const { code, said } = await inProcess(kind, "throw-callback");
    assert.equal([code, said], [0, ["failed: thrown by the callback"]]);
  });

  test(`${kind}: worker.terminate() in the middle, again and again`, async () => {
    for (let i = 0; i < repeats; i++) {
      const workers = await Promise.all([startWorker(kind, "wait"), startWorker(kind, "wait")]);
      const started = performance.now();
      await Promise.all(workers.map((worker) => worker.terminate()));
      const ms = performance.now() - started;
      assert.ok(ms < limitMs, `took ${ms.toFixed(0)} ms`);
    }
  });

  test(`${kind}: process.exit() in a worker ends that worker only`, async () => {
    const worker = await startWorker(kind, "exit-later");
    const code = await new Promise((done) => worker.on("exit", done));
    assert.is(code, 0);
  });
}

function startWorker(kind: Kind, then: string): Promise<Worker> {
  return new Promise((done, failed) => {
    const worker = new Worker(script, { workerData: { addon, kind, then }, execArgv: [] });
    worker.on("error", failed);
    worker.once("message", (text) => {
      if (text === "started") done(worker);
      else failed(new Error(String(text)));
    });
  });
}

test.run();
