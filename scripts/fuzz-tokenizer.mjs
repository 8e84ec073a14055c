// The long fuzz of tokenizer files: mutated .model, tokenizer.json and rank files and large ones, each refused with a sentence or put to
// work within a second and in bounded memory (test/native/fuzz).
// Usage: node scripts/fuzz-tokenizer.mjs [--inputs 10000000] [--first 0] [--sanitize]
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

const root = resolve(import.meta.dirname, "..");
const { values } = parseArgs({
  options: {
    inputs: { type: "string", default: "10000000" },
    first: { type: "string", default: "0" },
    sanitize: { type: "boolean", default: false },
  },
});
const build = join(root, "build", values.sanitize ? "fuzz-sanitized" : "fuzz");
const run = (command, args) => {
  const { status } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
};
const sanitizers = values.sanitize ? "address,undefined" : "";
run("cmake", ["-S", root, "-B", build, "-DBELLE_ADDON=OFF", "-DBELLE_TESTS=ON", `-DBELLE_SANITIZE=${sanitizers}`]);
run("cmake", ["--build", build, "--parallel", "2", "--target", "fuzz_tokenizer"]);
for (const kind of ["model", "json", "ranks", "large"]) {
  run(join(build, "fuzz_tokenizer"), [`kind=${kind}`, `inputs=${values.inputs}`, `first=${values.first}`]);
}
