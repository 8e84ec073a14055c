// Claim: the share of the register peak that matrix products reach, in three layouts, on one thread and on all.
//   node --import tsx bench/gemm.ts [--dtype bfloat16|float32] [--threads 2] [--rounds 3] [--quick]
import { benchKernel, type GemmKernel } from "belle-train";
import { claim, progress, type Result, result, round, summary } from "./measure.ts";

type Layout = "nn" | "nt" | "tn";
interface Shape {
  of: string;
  layout: Layout;
  m: number;
  n: number;
  k: number;
}

/** y = x W^T, dx = dy W, dW = dy^T x of one linear layer. */
function layer(of: string, tokens: number, out: number, input: number): Shape[] {
  return [
    { of: `${of} forward`, layout: "nt", m: tokens, n: out, k: input },
    { of: `${of} dx`, layout: "nn", m: tokens, n: input, k: out },
    { of: `${of} dW`, layout: "tn", m: out, n: input, k: tokens },
  ];
}

const square = (size: number): Shape[] =>
  (["nn", "nt", "tn"] as const).map((layout) => ({ of: "square", layout, m: size, n: size, k: size }));

const shapes = [
  ...[256, 512, 1024, 2048].flatMap(square),
  ...layer("34m qkv", 2048, 1536, 512),
  ...layer("34m gate", 2048, 1376, 512),
  ...layer("34m down", 2048, 512, 1376),
  ...layer("34m head", 2048, 8192, 512),
  ...layer("7b o", 512, 4096, 4096),
  ...layer("7b down", 512, 4096, 11008),
];

await claim("gemm", [], async ({ threads, rounds, dtype, quick }) => {
  const counts = quick ? [threads] : [...new Set([1, threads])];
  const chosen = quick ? square(256) : shapes;
  const seconds = quick ? 0.02 : 0.15;
  const results: Result[] = [];
  for (const count of counts) {
    for (const { of, layout, m, n, k } of chosen) {
      const name = `${layout} ${m}×${n}×${k} (${of}), ${count} thread${count === 1 ? "" : "s"}`;
      progress(results.length, counts.length * chosen.length, name);
      const speeds: number[] = [];
      const peaks: number[] = [];
      let best = 0;
      for (let i = 0; i < rounds; i++) {
        const peak = await benchKernel({ op: "peak" }, { dtype, threads: count });
        const request: GemmKernel = { op: "gemm", layout, m, n, k };
        const figure = await benchKernel(request, { dtype, threads: count, seconds });
        best = Math.max(best, (figure.flops / figure.seconds.min) * peak.seconds.median);
        peaks.push((1e-9 * peak.flops) / peak.seconds.median);
        speeds.push((1e-9 * figure.flops) / figure.seconds.median);
      }
      results.push(
        result({
          name,
          unit: "GF/s",
          higher: true,
          ours: speeds,
          details: {
            peak: summary(peaks),
            share_of_peak: summary(speeds.map((speed, i) => speed / peaks[i]!)),
            best_share_of_peak: round(best),
            ...{ layout, m, n, k, threads: count },
          },
        }),
      );
    }
  }
  return { results };
});
