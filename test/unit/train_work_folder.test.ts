// Training that is killed while it counts, and started again over the same work folder: what was counted stays.
// Runs alone: it kills training between two looks at its folder.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import * as assert from "uvu/assert";
import { type TrainBpeProgress, trainBpe } from "../../ts/index.ts";
import { belle, start } from "../support/command_line.ts";
import { withFolder } from "../support/folder.ts";
import { root } from "../support/paths.ts";
import { fails } from "../support/thrown.ts";
import { limited, lines, shardsIn } from "../support/train_child.ts";
import { suite } from "../support/uvu.ts";

const test = suite("train work folder");

/** Trains in a process of its own, which kills itself while it counts. */
async function killed(...args: string[]): Promise<void> {
  const child = spawn(process.execPath, ["--import", "tsx", "test/support/train_child.ts", ...args], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
  });
  const [code, signal] = await once(child, "exit");
  assert.equal([code, signal], [null, "SIGKILL"]);
}

/** The progress of a training, by phase. */
function listener() {
  const seen: TrainBpeProgress[] = [];
  const first = (phase: string) => seen.find((progress) => progress.phase === phase);
  return { onProgress: (progress: TrainBpeProgress) => void seen.push(progress), first, last: () => seen.at(-1) };
}

for (const kind of ["an iterator", "a .gz file"] as const) {
  test(`${kind}: goes on behind the last shard, and ends as if it was never killed`, async () => {
    await withFolder(async (folder) => {
      const work = join(folder, "work");
      const gz = join(folder, "a.gz");
      if (kind !== "an iterator") writeFileSync(gz, gzipSync([...lines()].join("\n")));
      const source = () => (kind === "an iterator" ? { sentences: lines() } : { files: [gz] });
      const untouched = listener();
      const expected = await trainBpe({ ...limited, ...source(), onProgress: untouched.onProgress });
      await killed(work, ...(kind === "an iterator" ? [] : [gz]));
      const { mtimeMs, ino } = statSync(join(work, "corpus-0.txt"));
      const left = shardsIn(work);
      assert.ok(left >= 2);
      const shard = statSync(join(work, "counts", "shard-00000"));

      const again = listener();
      let kept = false;
      const tokenizer = await trainBpe({
        ...limited,
        ...source(),
        workFolder: work,
        onProgress(progress) {
          again.onProgress(progress);
          const path = join(work, "counts", "shard-00000");
          if (progress.phase === "read" && existsSync(path)) kept ||= statSync(path).ino === shard.ino;
        },
      });
      assert.equal([tokenizer.fingerprint, tokenizer.pieces()], [expected.fingerprint, expected.pieces()]);
      // Not counted again: reading starts behind what the shards hold.
      const [before, after] = [untouched.first("read")!, again.first("read") ?? { done: Number.POSITIVE_INFINITY }];
      assert.ok(after.done > before.done, `${after.done} > ${before.done}`);
      assert.ok(kept || again.first("read") === undefined, "the shard of the killed run is used");
      const { ino: inode, mtimeMs: changed } = statSync(join(work, "corpus-0.txt"));
      assert.equal([inode, changed], [ino, mtimeMs]);
      const done = again.last() as { phase: string; shards?: number };
      assert.is(done.phase, "done");
      assert.ok(done.shards! >= left);
      assert.equal(readdirSync(work).sort(), ["corpus-0.txt", "corpus-0.txt.source", "counts"]);
      assert.is(shardsIn(work), 0);
    });
  });
}

test("other text does not go on with the counts of the first, and does not cost them", async () => {
  await withFolder(async (work) => {
    await killed(work);
    const other = { ...limited, sentences: lines(2), workFolder: work };
    await fails(() => trainBpe(other), "ERR_BELLE_INVALID_ARGUMENT", /holds the counts of another job/);
    assert.ok(shardsIn(work) >= 2);
    const untouched = listener();
    const expected = await trainBpe({ ...limited, sentences: lines(), onProgress: untouched.onProgress });
    const again = listener();
    const first = { ...limited, sentences: lines(), workFolder: work, onProgress: again.onProgress };
    assert.is((await trainBpe(first)).fingerprint, expected.fingerprint);
    const [before, after] = [untouched.first("read")!, again.first("read") ?? { done: Number.POSITIVE_INFINITY }];
    assert.ok(after.done > before.done, `${after.done} > ${before.done}`);
  });
});

test("standard input of the command line", async () => {
  await withFolder(async (folder) => {
    const input = [...lines()].join("\n");
    const work = join(folder, "work");
    const options = ["--vocab-size", "1500", "--memory-limit-gb", "0.004", "--set", "hard_vocab_limit=false", "--json"];
    const line = ["tokenizer", "train", "-", ...options, "--output", join(folder, "a"), "--work-folder", work];
    const { child, finished } = start(line, { input });
    while (shardsIn(work) < 2 && child.exitCode === null) await setTimeout(2);
    child.kill("SIGKILL");
    assert.is((await finished).signal, "SIGKILL");
    const again = await belle(line, { input });
    assert.is(again.code, 0, again.err);
    const whole = await belle(["tokenizer", "train", "-", ...options, "--output", join(folder, "b")], { input });
    const fingerprint = (out: string) => (JSON.parse(out) as { fingerprint: string }).fingerprint;
    assert.is(fingerprint(again.out), fingerprint(whole.out));
    const [a, b] = ["a", "b"].map((name) => readFileSync(join(folder, name, "tokenizer.model")));
    assert.ok(a!.equals(b!));
  });
});

test.run();
