// Builds the native tests with AddressSanitizer and UndefinedBehaviorSanitizer and runs them. The large comparisons
// with reference material are left to the plain build unless --full is given: under a sanitizer they take minutes.
// Usage: node scripts/sanitize.mjs [--full] [room ...]
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { rooms } from "../test/support/native_tests.mjs";

const root = resolve(import.meta.dirname, "..");
const build = join(root, "build", "sanitize");
const named = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const testRooms = named.length > 0 ? named : rooms;
const full = process.argv.includes("--full");

function run(command, args, env = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: "inherit", env: { ...process.env, ...env } });
  if (result.status !== 0) process.exitCode = 1;
  return result.status === 0;
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
  "-DCMAKE_CXX_FLAGS_DEBUG=-O1 -g1", // half the time of -O2 -g to build, a tenth of -O0 to run
];
if (!run("cmake", configure)) process.exit(1);
for (const room of testRooms) {
  const binary = join(build, `test_${room}`);
  if (!run("cmake", ["--build", build, "--target", `test_${room}`, "--parallel", String(availableParallelism())]))
    continue;
  if (existsSync(binary))
    run(binary, [], {
      ASAN_OPTIONS: "detect_leaks=1:allocator_may_return_null=1",
      UBSAN_OPTIONS: "print_stacktrace=1",
      ...(full ? {} : { BELLE_SHARED: join(root, "test") }),
    });
}
