// Claim: `belle-train plan` foretells memory and speed of a run. Prints predicted / actual of both.
//   node --import tsx bench/plan.ts [--size 9m|34m|110m] [--dtype float32|bfloat16] [--recompute selective]
//     [--accumulation 1] [--steps 12] [--threads 2]
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Model, Trainer, type TrainingPlan } from "belle-train";
import { llamaConfig, type Size, sizes } from "./llama.ts";
import { argument } from "./measure.ts";
import { oneOf } from "./options.ts";

const size = oneOf("size", argument("size") ?? "34m", Object.keys(sizes) as Size[]);
const { layers, batch, seq, vocab } = sizes[size];
const config = llamaConfig(size);
const dtype = argument("dtype") === "bfloat16" ? "bfloat16" : "float32";
const recompute = (argument("recompute") ?? "selective") as "none" | "selective" | "layer";
const accumulation = Number(argument("accumulation") ?? 1);
const steps = Number(argument("steps") ?? 12);
const threads = Number(argument("threads") ?? 2);

interface Actual {
  tokensPerSecond: number;
  mfu: number;
  bytes: number;
}

/** The run itself; its process holds nothing else, so that its peak is the run's. */
async function train(): Promise<Actual> {
  using model = await Model.create(config, { dtype, threads });
  const inputIds = Int32Array.from({ length: batch * seq }, (_, i) => (i * 7919 + 13) % vocab);
  const cuSeqlens = Int32Array.from({ length: batch + 1 }, (_, i) => i * seq);
  const batches = Array.from({ length: accumulation }, () => ({ inputIds, cuSeqlens, labels: inputIds }));
  const settings = { max_steps: steps + 2, recompute, gradient_accumulation_steps: accumulation };
  using trainer = await Trainer.create({ model, data: { batches }, config: settings });
  const seen: Array<{ seconds: number; mfu: number }> = [];
  for await (const event of trainer.run()) if (event.type === "step" && event.step > 2) seen.push(event);
  const { seconds, mfu } = seen.sort((a, b) => a.seconds - b.seconds)[seen.length >> 1]!;
  const tokensPerSecond = (batch * seq * accumulation) / seconds;
  return { tokensPerSecond, mfu, bytes: process.resourceUsage().maxRSS * 1024 };
}

function json<T>(args: string[]): T {
  const out = execFileSync(process.execPath, [...process.execArgv, ...args], { encoding: "utf8" });
  return JSON.parse(out.trim().split("\n").at(-1)!) as T;
}

function compare(): void {
  const here = fileURLToPath(import.meta.url);
  const folder = mkdtempSync(join(tmpdir(), "belle-bench-"));
  try {
    const file = join(folder, "config.json");
    writeFileSync(file, JSON.stringify(config));
    const sizes = ["--tokens", seq, "--batch-size", batch, "--accumulation", accumulation].map(String);
    const kind = ["--dtype", dtype, "--recompute", recompute, "--threads", String(threads)];
    const compiled = here.endsWith(".js"); // in dist/bench, beside dist/cli
    const main = fileURLToPath(new URL(compiled ? "../cli/main.js" : "../ts/cli/main.ts", import.meta.url));
    const plan = json<TrainingPlan>([main, "plan", "--config", file, ...sizes, ...kind, "--json"]);
    const actual = json<Actual>([here, ...process.argv.slice(2), "--train", "yes"]);
    if ("skipped" in plan.speed) throw new Error(`the speed was not measured: ${plan.speed.skipped}`);
    const ratio = (planned: number, seen: number) => ({
      planned,
      actual: seen,
      ratio: Number((planned / seen).toFixed(3)),
    });
    console.log(
      JSON.stringify({
        claim: `plan ${size} ${dtype}`,
        tokens_per_second: ratio(plan.speed.tokensPerSecond, actual.tokensPerSecond),
        mfu: ratio(plan.speed.mfu, actual.mfu),
        bytes: ratio(plan.memory.totalBytes, actual.bytes),
        config: { parameters: plan.parameters, batch, seq, layers, recompute, accumulation, threads, steps },
        measured_layers: plan.speed.measuredLayers,
        cpu: cpus()[0]?.model,
        node: process.versions.node,
      }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (argument("train") === undefined) compare();
else console.log(JSON.stringify(await train()));
