// SIGINT and SIGTERM in mid-training, turned into an abort: the step is finished, a checkpoint kept, the process ends.
// Runs alone: it measures how soon a signal ends a run.
import { fork } from "node:child_process";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { binding } from "../../ts/native/load.ts";
import { withFolder } from "../support/folder.ts";

const test = suite("interrupt");

interface Ended {
  code: string;
  cause: string;
  saved: string[];
  step: number;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`${signal}: out within half a second, with a checkpoint that verifies`, async () => {
    const times: number[] = [];
    for (let i = 0; i < 3; i++) {
      await withFolder(async (folder) => {
        const child = fork(join(import.meta.dirname, "interrupted.ts"), [join(folder, "out")], {
          execArgv: ["--import", "tsx"],
        });
        let sent = Number.NaN;
        let ended: Ended | undefined;
        child.on("message", (message) => {
          if (message !== "started") ended = message as Ended;
          else {
            sent = performance.now();
            child.kill(signal);
          }
        });
        const code = await new Promise((done) => child.on("exit", done));
        times.push(performance.now() - sent);
        assert.equal([code, ended?.code, ended?.cause], [0, "ERR_BELLE_ABORTED", signal]);
        assert.is(ended!.saved.length, 1);
        const manifest = await binding().verifyManifest(ended!.saved[0]!);
        assert.ok(manifest.includes(`"step":${ended!.step}`), manifest);
      });
    }
    // A stall of the machine is not ours: the quickest counts.
    assert.ok(Math.min(...times) < 500, `took ${times.map((ms) => ms.toFixed(0)).join(", ")} ms`);
  });
}

test.run();
