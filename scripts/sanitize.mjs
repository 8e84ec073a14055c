// Builds the native tests with AddressSanitizer and UndefinedBehaviorSanitizer and runs them.
// Usage: node scripts/sanitize.mjs [room ...]
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const build = join(root, "build", "sanitize");
const rooms =
  process.argv.slice(2).length > 0
    ? process.argv.slice(2)
    : ["core", "ops", "io", "tokenizer", "model", "train", "infer"];

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
  "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
];
if (!run("cmake", configure)) process.exit(1);
for (const room of rooms) {
  const binary = join(build, `test_${room}`);
  if (!run("cmake", ["--build", build, "--target", `test_${room}`, "--parallel", String(availableParallelism())]))
    continue;
  if (existsSync(binary))
    run(binary, [], {
      ASAN_OPTIONS: "detect_leaks=1:allocator_may_return_null=1",
      UBSAN_OPTIONS: "print_stacktrace=1",
    });
}
