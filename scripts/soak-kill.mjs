// Kills recipe runs at random moments, run after run, and compares each with one that was never stopped.
// Usage: node scripts/soak-kill.mjs [rounds = 5] [kills a round = 8]
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { register } from "tsx/esm/api";

register();
const { compare, killedRun } = await import("../test/fault/killed_run.ts");

const [rounds = 5, kills = 8] = process.argv.slice(2).map(Number);
if (![rounds, kills].every((count) => Number.isInteger(count) && count > 0)) {
  console.error("usage: node scripts/soak-kill.mjs [rounds] [kills a round]");
  process.exit(2);
}

/** Kills anywhere in a run, a third of them at a judge call. */
function marks(wholeMilliseconds) {
  return Array.from({ length: kills }, (_, i) =>
    i % 3 === 2
      ? { name: `kill ${i}`, signal: "SIGKILL", call: 1 + Math.floor(Math.random() * 4) }
      : { name: `kill ${i}`, signal: "SIGKILL", after: Math.round((0.2 + 0.8 * Math.random()) * wholeMilliseconds) },
  );
}

let failed = 0;
for (let round = 1; round <= rounds; round++) {
  const dir = mkdtempSync(join(tmpdir(), "belle-soak-"));
  let run;
  try {
    run = await killedRun(dir, marks);
    compare(run);
    rmSync(dir, { recursive: true });
    console.log(`round ${round}: equal after ${run.stops.filter(({ met }) => met).length} kills`);
  } catch (error) {
    failed++;
    console.log(`round ${round}: ${error.stack}\n${error.details ?? ""}\nkept: ${dir}`);
    for (const { mark, code, signal } of run?.stops ?? []) console.log(JSON.stringify({ ...mark, code, signal }));
  }
}
console.log(JSON.stringify({ rounds, kills, failed }));
process.exitCode = failed > 0 ? 1 : 0;
