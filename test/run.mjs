// The whole test suite. Every TypeScript file runs in a process of its own (a crash or a hang fails one file, not the
// run), as many at a time as there are cores; the native test programs are built and run after them, likewise. What
// measures time runs alone. Results are printed in a fixed order; the last line is "N passed, N failed".
// Usage: node test/run.mjs [filter ...] [--list]     a filter is part of a path, e.g. unit/config or native/ops
import { fork } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import {
  buildNativeTests,
  runBenchPrograms,
  runNativeTest,
  sharesMachine,
  suiteNames,
} from "./support/native_tests.mjs";
import { ended, inOrder } from "./support/processes.mjs";

const root = resolve(import.meta.dirname, "..");
const timeoutMs = Number(process.env.BELLE_TEST_TIMEOUT_MS ?? 600_000);
const filters = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const wanted = (name) => filters.length === 0 || filters.some((filter) => name.includes(filter));

const files = readdirSync(join(root, "test"), { withFileTypes: true, recursive: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith(".test.ts"))
  .map((entry) => relative(root, join(entry.parentPath, entry.name)))
  .filter(wanted)
  .sort();
const nativeSuites = suiteNames.filter((name) => wanted(`test/native/${name}`));
const benchPrograms = wanted("test/native/bench");
const anyNative = nativeSuites.length > 0 || benchPrograms;

/** A comment in a file that must have the machine to itself: what runs beside it would change what it sees. */
const alone = (file) => /^\/\/ Runs alone: /m.test(readFileSync(join(root, file), "utf8"));

async function runFile(file) {
  const proc = fork(join(root, "test/support/run_file.mjs"), [file], {
    cwd: root,
    execArgv: ["--import", "tsx", "--expose-gc"],
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let report;
  proc.on("message", (message) => {
    report = message;
  });
  const { code, signal, seconds, output } = await ended(proc, timeoutMs);
  const died = signal ? `died by ${signal}` : report ? undefined : `exited with ${code} before it reported`;
  const failed = (report?.failed ?? 0) + (died ? 1 : 0);
  return { file, seconds, output, died, passed: report?.passed ?? 0, failed, skipped: report?.skipped ?? [] };
}

const totals = { passed: 0, failed: 0, skipped: [] };
function record(result) {
  totals.passed += result.passed;
  totals.failed += result.failed;
  totals.skipped.push(...result.skipped.map((name) => `${result.file}: ${name}`));
  const counts = [`${result.passed} passed`];
  if (result.failed > 0) counts.push(`${result.failed} failed`);
  if (result.skipped.length > 0) counts.push(`${result.skipped.length} skipped`);
  console.log(
    `${result.failed > 0 ? "FAIL" : "ok  "} ${result.file}  ${counts.join(", ")}  ${result.seconds.toFixed(1)} s`,
  );
  if (result.failed > 0) console.log(result.output.trimEnd() + (result.died ? `\n${result.file} ${result.died}` : ""));
}

if (process.argv.includes("--list")) {
  console.log(
    [
      ...files,
      ...nativeSuites.map((name) => `test/native/${name}`),
      ...(benchPrograms ? ["test/native/bench"] : []),
    ].join("\n"),
  );
  process.exit(0);
}
// First what needs a quiet machine, and the one that packs the build as it is.
for (const file of files.filter(alone)) record(await runFile(file));
for await (const result of inOrder(
  files.filter((file) => !alone(file)),
  runFile,
))
  record(result);
if (anyNative) {
  const { build, error } = buildNativeTests(root, nativeSuites);
  if (error)
    record({
      file: "test/native",
      seconds: 0,
      output: error,
      died: "could not be built",
      passed: 0,
      failed: 1,
      skipped: [],
    });
  else {
    const run = (name) => runNativeTest(root, build, name);
    for await (const result of inOrder(nativeSuites.filter(sharesMachine), run)) record(result);
    for (const name of nativeSuites.filter((suite) => !sharesMachine(suite))) record(await run(name));
    if (benchPrograms) record(runBenchPrograms(root, build));
  }
}
if (files.length === 0 && !anyNative) {
  console.log(`no test matches ${filters.join(" ")}`);
  totals.failed = 1;
}
if (totals.skipped.length > 0) console.log(`skipped:\n  ${totals.skipped.join("\n  ")}`);
console.log(
  `${totals.passed} passed, ${totals.failed} failed${totals.skipped.length > 0 ? `, ${totals.skipped.length} skipped` : ""}`,
);
process.exitCode = totals.failed > 0 ? 1 : 0;
