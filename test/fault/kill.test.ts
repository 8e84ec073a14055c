// kill -9, SIGINT and SIGTERM in every stage of a recipe: the same command goes on, and nothing shows that it stopped.
// Runs alone: it measures how soon a signal ends a run.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { withFolder } from "../support/folder.ts";
import { compare, killedRun, type Mark, stageEnds, stageStarts, trains } from "./killed_run.ts";

const test = suite("kill");

const jitter = (most: number) => ({ delay: Math.round(Math.random() * most) });

const marks = (): Mark[] => [
  { name: "BPE training", signal: "SIGKILL", event: stageStarts("tokenizer"), ...jitter(200) },
  { name: "row extension", signal: "SIGKILL", event: stageStarts("extend"), ...jitter(40) },
  { name: "a step of pre-training", signal: "SIGKILL", event: trains("pretrain", "step", 3) },
  { name: "after a checkpoint", signal: "SIGKILL", event: trains("pretrain", "checkpoint", 8), ...jitter(30) },
  { name: "SIGINT in pre-training", signal: "SIGINT", event: trains("pretrain", "step", 14) },
  { name: "answering", signal: "SIGKILL", event: stageStarts("before"), ...jitter(60) },
  { name: "the second judge call", signal: "SIGKILL", call: 2 },
  { name: "SIGTERM in fine-tuning", signal: "SIGTERM", event: trains("finetune", "step", 2) },
  { name: "a step of fine-tuning", signal: "SIGKILL", event: trains("finetune", "step", 15), ...jitter(10) },
  { name: "the end of fine-tuning", signal: "SIGKILL", event: stageEnds("finetune") },
  { name: "the last judge call", signal: "SIGKILL", call: 3 },
];

test("stopped in every stage, the run ends as if it never was", async () => {
  await withFolder(async (dir) => {
    const run = await killedRun(dir, marks);
    for (const { mark, met, err } of run.stops) assert.ok(met, `${mark.name} was not met: ${err}`);
    const delays = run.stops.map(({ mark }) => mark.delay ?? 0).join(", ");
    for (const { mark, code, signal } of run.stops) {
      const wanted = { SIGKILL: [null, "SIGKILL"], SIGINT: [130, null], SIGTERM: [75, null] }[mark.signal];
      assert.equal([code, signal], wanted, `${mark.name} (delays ${delays})`);
    }
    const gentle = run.stops.filter(({ mark }) => mark.signal !== "SIGKILL");
    for (const { err } of gentle) assert.match(err, "Run the same command again to continue where it stopped.");
    // A stall of the machine is not ours: the quicker counts.
    const quickest = Math.min(...gentle.map(({ milliseconds }) => milliseconds));
    assert.ok(quickest < 500, `took ${quickest.toFixed(0)} ms`);
    compare(run);
  });
});

test.run();
