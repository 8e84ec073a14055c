// Claim: tokens per second of reading a prompt (prefill) and of writing an answer greedily (decode) with a LLaMA.
// Ours and the peer's run in processes of their own, in alternation.
//   node --import tsx bench/generate.ts [--size 34m] [--batch 1,8] [--prompt 256] [--new 128] [--dtype …] [--peer python3]
import { Model } from "belle-train";
import { answer, childCommand, childRequest, llamaConfig, peerDType, readSizes, type Size, sizes } from "./llama.ts";
import { claim, progress, type Result, result } from "./measure.ts";
import { type DType, wholeNumber } from "./options.ts";
import { peerCommand, runProgram } from "./peer.ts";

interface Request {
  size: Size;
  batch: number;
  prompt: number;
  fresh: number;
  threads: number;
  dtype: DType;
}

async function secondsOf(body: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await body();
  return (performance.now() - started) / 1000;
}

/** As the peer's script does: decode is the whole answer's time without that of the prompt. */
async function measure({ size, batch, prompt, fresh, threads, dtype }: Request) {
  const { vocab } = sizes[size];
  using model = await Model.create(llamaConfig(size), { threads, dtype, seed: 0 });
  const prompts = Array.from({ length: batch }, (_, row) =>
    Uint32Array.from({ length: prompt }, (_, i) => 4 + ((i * 7919 + row * 104_729) % (vocab - 4))),
  );
  const generate = (maxNewTokens: number) => () => model.generate(prompts, { maxNewTokens, stop: [] });
  await generate(4)();
  const prefill = await secondsOf(generate(1));
  const whole = await secondsOf(generate(fresh));
  return {
    prefill_tokens_per_s: (batch * prompt) / prefill,
    decode_tokens_per_s: (batch * (fresh - 1)) / (whole - prefill),
  };
}

async function compare(request: Request, rounds: number, peer: string[] | undefined): Promise<Result[]> {
  const { size, batch, prompt, fresh, threads, dtype } = request;
  const keys = ["prefill", "decode"] as const;
  const ours = { prefill: [] as number[], decode: [] as number[] };
  const theirs = { prefill: [] as number[], decode: [] as number[] };
  const flags = { size, dtype: peerDType[dtype], threads, batch, prompt, new: fresh };
  const words = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
  for (let round = 0; round < rounds; round++) {
    const mine = await runProgram(childCommand(import.meta.filename, request));
    for (const key of keys) ours[key].push(Number(mine.line[`${key}_tokens_per_s`]));
    if (peer === undefined) continue;
    const { line } = await runProgram([...peerCommand(peer, "generate.py"), ...words]);
    for (const key of keys) theirs[key].push(Number(line[`${key}_tokens_per_s`]));
  }
  return keys.map((key) =>
    result({
      name: `${key}, ${size}, batch ${batch}, prompt ${prompt}, new ${fresh}`,
      unit: "tokens/s",
      higher: true,
      ours: ours[key],
      peer: theirs[key],
    }),
  );
}

const child = childRequest<Request>();
if (child !== undefined) await answer(measure(child));
else
  await claim("generate", ["size", "batch", "prompt", "new"], async (options) => {
    const { threads, rounds, dtype, quick, peer, own } = options;
    const prompt = wholeNumber("prompt", own.prompt ?? (quick ? "16" : "256"), 1);
    const fresh = wholeNumber("new", own.new ?? (quick ? "8" : "128"), 2);
    const batches = (own.batch ?? (quick ? "1" : "1,8")).split(",").map((text) => wholeNumber("batch", text, 1));
    const chosen = readSizes(own.size ?? (quick ? "9m" : "34m"));
    const runs = chosen.flatMap((size) => batches.map((batch) => ({ size, batch, prompt, fresh, threads, dtype })));
    const results: Result[] = [];
    for (const [i, run] of runs.entries()) {
      progress(i, runs.length, `${run.size}, batch ${run.batch}`);
      results.push(...(await compare(run, rounds, peer)));
    }
    return { results };
  });
