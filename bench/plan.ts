// Claim: `belle-train plan` foretells speed and memory of a run. Prints planned / actual of both, at best 1; the plan and
// the run are made in processes of their own, so that the run's peak memory is only the run's.
//   node --import tsx bench/plan.ts [--size 34m] [--recompute selective] [--accumulation 1] [--steps 12] [--dtype …]
import { Model, planTraining, Trainer } from "belle-train";
import { answer, childCommand, childRequest, llamaConfig, readSizes, type Size, sizes } from "./llama.ts";
import { claim, progress, type Result, result, summary } from "./measure.ts";
import { type DType, oneOf, wholeNumber } from "./options.ts";
import { runProgram } from "./peer.ts";
import { say } from "./text.ts";

const levels = ["none", "selective", "layer"] as const;
const warmup = 2;

interface Request {
  what: "plan" | "run";
  size: Size;
  batch: number;
  seq: number;
  threads: number;
  dtype: DType;
  recompute: (typeof levels)[number];
  accumulation: number;
  steps: number;
}

async function plan({ size, batch, seq, threads, dtype, recompute, accumulation }: Request) {
  const train = {
    per_device_train_batch_size: batch,
    max_length: seq,
    gradient_accumulation_steps: accumulation,
    recompute,
  };
  const { speed, memory } = await planTraining({ config: llamaConfig(size), dtype, threads, train });
  if ("skipped" in speed) {
    throw new Error(
      say("the slices do not fit in the free memory; end other programs", "可用内存放不下薄片；请结束其他程序"),
    );
  }
  return { tokens_per_s: speed.tokensPerSecond, bytes: memory.totalBytes };
}

async function run({ size, batch, seq, threads, dtype, recompute, accumulation, steps }: Request) {
  using model = await Model.create(llamaConfig(size), { dtype, threads });
  const inputIds = Int32Array.from({ length: batch * seq }, (_, i) => (i * 7919 + 13) % sizes[size].vocab);
  const cuSeqlens = Int32Array.from({ length: batch + 1 }, (_, i) => i * seq);
  const batches = Array.from({ length: accumulation }, () => ({ inputIds, cuSeqlens, labels: inputIds }));
  const config = { max_steps: steps + warmup, recompute, gradient_accumulation_steps: accumulation };
  using trainer = await Trainer.create({ model, data: { batches }, config });
  const seconds: number[] = [];
  for await (const event of trainer.run())
    if (event.type === "step" && event.step > warmup) seconds.push(event.seconds);
  return { tokens_per_s: (batch * seq * accumulation) / summary(seconds).median };
}

function foretold(name: string, planned: number[], actual: number[]): Result {
  const ours = planned.map((value, i) => value / actual[i]!);
  const details = { planned: summary(planned), actual: summary(actual) };
  return result({ name, unit: "× actual", higher: false, ours, details });
}

const child = childRequest<Request>();
if (child !== undefined) await answer(child.what === "plan" ? plan(child) : run(child));
else
  await claim("plan", ["size", "recompute", "accumulation", "steps"], async (options) => {
    const { threads, rounds, dtype, quick, own } = options;
    const common = {
      threads,
      dtype,
      recompute: oneOf("recompute", own.recompute ?? "selective", levels),
      accumulation: wholeNumber("accumulation", own.accumulation ?? "1", 1),
      steps: wholeNumber("steps", own.steps ?? (quick ? "2" : "12"), 1),
    };
    const results: Result[] = [];
    const chosen = readSizes(own.size ?? (quick ? "9m" : "34m"));
    for (const [i, size] of chosen.entries()) {
      const { batch, seq } = quick ? { batch: 1, seq: 32 } : sizes[size];
      const planned = { speed: [] as number[], memory: [] as number[] };
      const actual = { speed: [] as number[], memory: [] as number[] };
      for (let round = 0; round < rounds; round++) {
        progress(i * rounds + round, chosen.length * rounds, `${size}, round ${round + 1} of ${rounds}`);
        const request = { ...common, size, batch, seq };
        const foreseen = await runProgram(childCommand(import.meta.filename, { ...request, what: "plan" }));
        const happened = await runProgram(childCommand(import.meta.filename, { ...request, what: "run" }));
        planned.speed.push(Number(foreseen.line.tokens_per_s));
        planned.memory.push(1e-6 * Number(foreseen.line.bytes));
        actual.speed.push(Number(happened.line.tokens_per_s));
        actual.memory.push(1e-6 * happened.peakRss);
      }
      const name = `${size}, batch ${batch} × ${seq}`;
      results.push(foretold(`${name}, planned tokens/s`, planned.speed, actual.speed));
      results.push(foretold(`${name}, planned MB`, planned.memory, actual.memory));
    }
    const { recompute, accumulation, steps } = common;
    return { results, config: { recompute, accumulation, steps } };
  });
