// Runs the uvu suites of one file and reports the counts to the parent (test/run.mjs).
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const queue = [[]];
Object.assign(globalThis, { UVU_DEFER: 1, UVU_QUEUE: queue, UVU_INDEX: 0, BELLE_SKIPPED: [] });

await import(pathToFileURL(resolve(process.argv[2])).href);
let passed = 0;
let failed = 0;
const skipped = globalThis.BELLE_SKIPPED;
for (const runSuite of queue[0]) {
  const [errors, done, skips, total] = await runSuite();
  passed += done;
  failed += total - done;
  for (let i = 0; i < skips; i++) skipped.push("a test marked skip");
  if (typeof errors === "string") process.stdout.write(errors);
}
if (passed + failed + skipped.length === 0) {
  process.stdout.write("no test ran: is suite.run() missing?\n");
  failed = 1;
}
process.send({ passed, failed, skipped }, () => process.exit(failed > 0 ? 1 : 0));
