// Builds the native tests with AddressSanitizer and UndefinedBehaviorSanitizer and runs them. The large comparisons
// with reference material are left to the plain build unless --full is given: under a sanitizer they take minutes.
// Usage: node scripts/sanitize.mjs [--full] [room ...]
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { rooms } from "../test/support/native_tests.mjs";
import { ended } from "../test/support/processes.mjs";

const root = resolve(import.meta.dirname, "..");
const build = join(root, "build", "sanitize");
const named = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const testRooms = named.length > 0 ? named : rooms;
const full = process.argv.includes("--full");

function run(command, args) {
  return new Promise((done) => {
    const proc = spawn(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
    proc.on("error", (error) => {
      console.error(error.message);
      done(false);
    });
    proc.on("close", (code) => done(code === 0));
  });
}

/** Runs a room's program; what it printed is kept together, whatever is compiled meanwhile. */
async function runTests(room) {
  const proc = spawn(join(build, `test_${room}`), {
    cwd: root,
    env: {
      ...process.env,
      ASAN_OPTIONS: "detect_leaks=1:allocator_may_return_null=1",
      UBSAN_OPTIONS: "print_stacktrace=1",
      ...(full ? {} : { BELLE_SHARED: join(root, "test") }),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const { code, signal, seconds, output } = await ended(proc);
  process.stdout.write(`== test_${room}  ${seconds.toFixed(1)} s${signal ? `, died by ${signal}` : ""}\n${output}`);
  if (code !== 0) process.exitCode = 1;
}

mkdirSync(build, { recursive: true });
const configure = [
  "-S",
  root,
  "-B",
  build,
  "-DBELLE_ADDON=OFF",
  "-DBELLE_TESTS=ON",
  "-DBELLE_SANITIZE=address,undefined",
  "-DCMAKE_BUILD_TYPE=Debug",
  "-DCMAKE_CXX_FLAGS_DEBUG=-O1 -g1", // a tenth of -O0 to run; lines in what a sanitizer prints
];
if (!(await run("cmake", configure))) process.exit(1);
// The tests of a room run, one program at a time, while the next rooms are compiled.
let tests = Promise.resolve();
for (const room of testRooms) {
  const make = ["--build", build, "--target", `test_${room}`, "--parallel", String(availableParallelism())];
  if (await run("cmake", make)) tests = tests.then(() => runTests(room));
  else process.exitCode = 1;
}
await tests;
