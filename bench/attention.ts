// Claim: causal attention, forward and backward, against PyTorch's scaled_dot_product_attention on the same shapes.
//   node --import tsx bench/attention.ts [--dtype bfloat16|float32] [--threads 2] [--rounds 3] [--peer python3] [--quick]
import { benchKernel } from "belle-train";
import { claim, progress, type Result, result, summary } from "./measure.ts";
import { PeerServer, peerCommand } from "./peer.ts";

const heads = 8;

await claim("attention", [], async ({ threads, rounds, dtype, quick, peer }) => {
  const lengths = quick ? [128] : [512, 1024, 2048, 4096];
  const sizes = quick ? [64] : [64, 128];
  const seconds = quick ? 0.02 : 0.3;
  await using server = peer && new PeerServer(peerCommand(peer, "sdpa.py"));
  const results: Result[] = [];
  const total = 2 * lengths.length * sizes.length;
  for (const headDim of sizes) {
    for (const tokens of lengths) {
      const ours = { forward: [] as number[], backward: [] as number[] };
      const theirs = { forward: [] as number[], backward: [] as number[] };
      let flops = { forward: 0, backward: 0 };
      const name = `${tokens} tokens, ${heads} heads of ${headDim}`;
      progress(results.length, total, name);
      for (let round = 0; round < rounds; round++) {
        const shape = { tokens, heads, headDim };
        const forward = await benchKernel({ op: "attention", ...shape }, { dtype, threads, seconds });
        const backward = await benchKernel({ op: "attention_backward", ...shape }, { dtype, threads, seconds });
        ours.forward.push(1e3 * forward.seconds.median);
        ours.backward.push(1e3 * backward.seconds.median);
        flops = { forward: forward.flops, backward: backward.flops };
        if (server === undefined) continue;
        const answer = await server.ask({ tokens, heads, head_dim: headDim, dtype, threads, seconds });
        theirs.forward.push(1e3 * Number(answer.forward_seconds));
        theirs.backward.push(1e3 * Number(answer.backward_seconds));
      }
      for (const pass of ["forward", "backward"] as const) {
        const speeds = ours[pass].map((milliseconds) => (1e-6 * flops[pass]) / milliseconds);
        const details = { gflops: summary(speeds), tokens, headDim };
        const figure = { name: `${pass}, ${name}`, unit: "ms", higher: false, ours: ours[pass], details };
        results.push(result({ ...figure, peer: theirs[pass] }));
      }
    }
  }
  return {
    results,
    config: { heads, causal: true, ...(peer ? { peer: "PyTorch scaled_dot_product_attention" } : {}) },
  };
});
