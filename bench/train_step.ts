// Claim: tokens per second of a whole training step (forward, backward, clip, AdamW) of a LLaMA, and its peak memory.
// Ours and the peer's run in processes of their own, in alternation.
//   node --import tsx bench/train_step.ts [--size 9m,34m,110m] [--dtype bfloat16|float32] [--steps 8] [--peer python3]
import { Model, Trainer } from "belle-train";
import { answer, childCommand, childRequest, llamaConfig, peerDType, readSizes, type Size, sizes } from "./llama.ts";
import { claim, progress, type Result, result, summary } from "./measure.ts";
import { type DType, wholeNumber } from "./options.ts";
import { peerCommand, runProgram } from "./peer.ts";

interface Request {
  size: Size;
  batch: number;
  seq: number;
  steps: number;
  threads: number;
  dtype: DType;
}

const warmup = 2;

/** Median over the steps after the warm-up. */
async function tokensPerSecond({ size, batch, seq, steps, threads, dtype }: Request) {
  const { vocab } = sizes[size];
  using model = await Model.create(llamaConfig(size), { threads, dtype, seed: 0 });
  const inputIds = Int32Array.from({ length: batch * seq }, (_, i) => (i * 7919 + 13) % vocab);
  const cuSeqlens = Int32Array.from({ length: batch + 1 }, (_, i) => i * seq);
  using trainer = await Trainer.create({
    model,
    data: { batches: [{ inputIds, cuSeqlens, labels: inputIds }] },
    config: { max_steps: steps + warmup, learning_rate: 1e-4, lr_scheduler_type: "constant" },
  });
  const seconds: number[] = [];
  for await (const event of trainer.run()) {
    if (event.type === "step" && event.step > warmup) seconds.push(event.seconds);
  }
  return { tokens_per_s: (batch * seq) / summary(seconds).median, parameters: model.parameterCount };
}

async function compare(request: Request, rounds: number, peer: string[] | undefined, tell: (round: number) => void) {
  const { size, batch, seq, steps, threads, dtype } = request;
  const ours = { speed: [] as number[], memory: [] as number[] };
  const theirs = { speed: [] as number[], memory: [] as number[] };
  let parameters = 0;
  const flags = { size, dtype: peerDType[dtype], threads, steps, batch, seq };
  const words = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
  for (let round = 0; round < rounds; round++) {
    tell(round);
    const mine = await runProgram(childCommand(import.meta.filename, request));
    ours.speed.push(Number(mine.line.tokens_per_s));
    ours.memory.push(1e-6 * mine.peakRss);
    parameters = Number(mine.line.parameters);
    if (peer === undefined) continue;
    const peers = await runProgram([...peerCommand(peer, "train_step.py"), ...words]);
    theirs.speed.push(Number(peers.line.tokens_per_s));
    theirs.memory.push(1e-6 * peers.peakRss);
  }
  const details = { parameters, batch, seq, steps };
  const name = `${size}, batch ${batch} × ${seq}`;
  return [
    result({ name, unit: "tokens/s", higher: true, ours: ours.speed, peer: theirs.speed, details }),
    result({ name: `${name}, peak memory`, unit: "MB", higher: false, ours: ours.memory, peer: theirs.memory }),
  ];
}

const child = childRequest<Request>();
if (child !== undefined) await answer(tokensPerSecond(child));
else
  await claim("train_step", ["size", "steps"], async ({ threads, rounds, dtype, quick, peer, own }) => {
    const steps = wholeNumber("steps", own.steps ?? (quick ? "2" : "8"), 1);
    const chosen = readSizes(own.size ?? (quick ? "9m" : "9m,34m"));
    const results: Result[] = [];
    for (const [i, size] of chosen.entries()) {
      const { batch, seq } = quick ? { batch: 1, seq: 32 } : sizes[size];
      const tell = (round: number) =>
        progress(i * rounds + round, chosen.length * rounds, `${size}, round ${round + 1} of ${rounds}`);
      results.push(...(await compare({ size, batch, seq, steps, threads, dtype }, rounds, peer, tell)));
    }
    return { results };
  });
