// Builds and runs the native test programs; the counts join those of the TypeScript tests.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";

export const rooms = ["core", "ops", "io", "tokenizer", "model", "train", "infer"];
/** The op tests once more, on the CUDA backend whose threads are emulated (test/cuda/emulated). */
export const emulatedRoom = "cuda";

/** Configures the build tree of scripts/native-build.cjs with tests on, so that nothing is compiled twice. */
export function buildNativeTests(root, only) {
  const build = join(root, "build", "cmake-Release");
  if (!existsSync(join(build, "CMakeCache.txt"))) {
    const driver = spawnSync(process.execPath, [join(root, "scripts", "native-build.cjs")], {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
    if (driver.status !== 0) return { error: driver.stderr };
  }
  const run = (args) => spawnSync("cmake", args, { cwd: root, encoding: "utf8" });
  const configure = run(["-S", root, "-B", build, "-DBELLE_TESTS=ON"]);
  if (configure.status !== 0) return { error: configure.stdout + configure.stderr };
  const targets = only.map((room) => `test_${programOf(room)}`);
  const made = run([
    "--build",
    build,
    "--config",
    "Release",
    "--parallel",
    String(availableParallelism()),
    "--target",
    ...targets,
  ]);
  if (made.status !== 0) return { error: made.stdout + made.stderr };
  return { build };
}

const programOf = (room) => (room === emulatedRoom ? "ops" : room);

export function runNativeTest(root, build, room) {
  const started = performance.now();
  const library = { BELLE_TEST_BACKEND: join(build, "libbelle_cuda_emulated.so") };
  const result = spawnSync(join(build, `test_${programOf(room)}`), [], {
    cwd: root,
    env: { ...process.env, ...(room === emulatedRoom ? library : {}) },
    encoding: "utf8",
    timeout: 600_000,
    killSignal: "SIGKILL",
    maxBuffer: 1 << 26,
  });
  const output = (result.stdout ?? "") + (result.stderr ?? "");
  const counts = /(\d+) passed, (\d+) failed/.exec(output.trimEnd().split("\n").at(-1) ?? "");
  const skipped = [...output.matchAll(/^skip (.*)$/gm)].map((match) => match[1]);
  const died = result.signal
    ? `died by ${result.signal}`
    : counts
      ? undefined
      : `exited with ${result.status} and no summary`;
  return {
    file: `test/native/${room}`,
    seconds: (performance.now() - started) / 1000,
    output,
    died,
    passed: Number(counts?.[1] ?? 0),
    failed: Number(counts?.[2] ?? 0) + (died ? 1 : 0),
    skipped,
  };
}
