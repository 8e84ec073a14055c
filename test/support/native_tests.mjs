// Builds and runs the native test programs; the counts join those of the TypeScript tests.
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { ended } from "./processes.mjs";

/** The rooms with a test program of their own, test_<room>; those that run for long first, so that none runs last by itself. */
export const rooms = ["tokenizer", "ops", "train", "model", "io", "core", "infer", "dist"];

/** What is run: of a program the tests whose names hold `only`, on the backend library `backend`. */
const suites = {
  // The CUDA backend, its threads emulated (test/cuda/emulated), with its own matrix products and with cublasLt's.
  ...(process.arch === "x64" && {
    cuda: { program: "test_ops", backend: "libbelle_cuda_emulated.so" },
    cublaslt: {
      program: "test_ops",
      backend: "libbelle_cuda_emulated.so",
      cublaslt: "libfake_cublaslt.so",
      only: "gemm: every",
    },
    // Steps of decoding that are recorded.
    decode: { program: "test_infer", backend: "libbelle_cuda_emulated.so", only: "recorded steps" },
  }),
  ...Object.fromEntries(rooms.map((room) => [room, { program: `test_${room}` }])),
  ...(process.arch === "x64" && {
    // Several ranks need a device and NCCL: emulated, and a stand-in.
    dist: { program: "test_dist", backend: "libbelle_cuda_emulated.so", nccl: "libfake_nccl.so" },
  }),
};
const helpers = ["bench_ops", "bench_train_step", "bench_generate", "bench_encode", "fuzz_tokenizer"];
export const suiteNames = Object.keys(suites);

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
  const configure = run(["-S", root, "-B", build, "-DBELLE_TESTS=ON", "-DBELLE_BENCH=ON"]);
  if (configure.status !== 0) return { error: configure.stdout + configure.stderr };
  const targets = [...new Set(only.map((name) => suites[name].program)), ...helpers];
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

/** Whether a suite may run beside others: not where collectives have a tenth of a second to end in. */
export const sharesMachine = (name) => name !== "dist";

export async function runNativeTest(root, build, name) {
  const { program, backend, cublaslt, nccl, only } = suites[name];
  const proc = spawn(join(build, program), only === undefined ? [] : [only], {
    cwd: root,
    env: {
      ...process.env,
      ...(backend && {
        BELLE_TEST_BACKEND: join(build, backend),
        BELLE_CUBLASLT: cublaslt ? join(build, cublaslt) : "off",
        BELLE_NCCL: nccl ? join(build, nccl) : "off",
      }),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const { code, signal, seconds, output } = await ended(proc, 600_000);
  const counts = /(\d+) passed, (\d+) failed/.exec(output.trimEnd().split("\n").at(-1) ?? "");
  const skipped = [...output.matchAll(/^skip (.*)$/gm)].map((match) => match[1]);
  const died = signal ? `died by ${signal}` : counts ? undefined : `exited with ${code} and no summary`;
  return {
    file: `test/native/${name}`,
    seconds,
    output,
    died,
    passed: Number(counts?.[1] ?? 0),
    failed: Number(counts?.[2] ?? 0) + (died ? 1 : 0),
    skipped,
  };
}

/** The programs for machines without Node, and a short run of those that scripts run for long: one JSON line each. */
export function runBenchPrograms(root, build) {
  const started = performance.now();
  const config = join(root, "test", "support", "tiny_llama.json");
  const quickstart = join(root, "assets", "quickstart");
  const runs = [
    ["bench_ops", ["gemm", "m=64", "n=64", "k=64", "layout=tn", "milliseconds=1"], "tflops"],
    ["bench_ops", ["attention", "tokens=64", "heads=2", "kv_heads=1", "head_dim=16", "milliseconds=1"], "tflops"],
    ["bench_train_step", [`config=${config}`, "tokens=64", "documents=2", "steps=2"], "tokens_per_s"],
    ["bench_generate", [`config=${config}`, "batch=2", "prompt=8", "new=8"], "decode_tokens_per_s"],
    ["bench_encode", [`model=${quickstart}/base/tokenizer.model`, `file=${quickstart}/corpus.txt`], "megabytes_per_s"],
    ["fuzz_tokenizer", ["kind=model", "inputs=50000"], "accepted"],
    ["fuzz_tokenizer", ["kind=json", "inputs=20000"], "accepted"],
    ["fuzz_tokenizer", ["kind=ranks", "inputs=2000"], "accepted"],
    ["fuzz_tokenizer", ["kind=large"], "accepted"],
  ];
  const failures = [];
  for (const [program, args, speed] of runs) {
    const { stdout, stderr, status } = spawnSync(join(build, program), args, { cwd: root, encoding: "utf8" });
    const line = status === 0 ? JSON.parse(stdout) : {};
    if (!(line[speed] > 0)) failures.push(`${program} ${args.join(" ")}: exit ${status}\n${stdout}${stderr}`);
  }
  return {
    file: "test/native/bench",
    seconds: (performance.now() - started) / 1000,
    output: failures.join("\n"),
    passed: runs.length - failures.length,
    failed: failures.length,
    skipped: [],
  };
}
