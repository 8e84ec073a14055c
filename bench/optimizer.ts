// Claim: AdamW moves its 28 bytes a parameter at memory speed, against torch.optim.AdamW(fused=True).
// PyTorch is asked twice: with float32 parameters, whose update is as exact as ours, and with everything in bfloat16.
//   node --import tsx bench/optimizer.ts [--dtype bfloat16|float32] [--threads 2] [--rounds 3] [--peer python3] [--quick]
import { benchKernel } from "belle-train";
import { claim, progress, type Result, result, summary } from "./measure.ts";
import { dtypes } from "./options.ts";
import { PeerServer, peerCommand } from "./peer.ts";

await claim("optimizer", [], async ({ threads, rounds, dtype, quick, peer }) => {
  const n = quick ? 100_000 : 32_000_000;
  const seconds = quick ? 0.02 : 1;
  await using server = peer && new PeerServer(peerCommand(peer, "adamw.py"));
  const speeds: number[] = [];
  const bandwidth: number[] = [];
  const theirs = { float32: [] as number[], bfloat16: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    progress(round, rounds, `AdamW of ${n} parameters`);
    const { seconds: time, bytes } = await benchKernel({ op: "adamw", n }, { dtype, threads, seconds });
    speeds.push((1e-6 * n) / time.median);
    bandwidth.push((1e-9 * bytes) / time.median);
    if (server === undefined) continue;
    for (const type of dtypes) {
      const answer = await server.ask({ n, dtype: type, threads, seconds });
      theirs[type].push((1e-6 * n) / Number(answer.seconds));
    }
  }
  const name = `AdamW, ${n / 1e6} M parameters`;
  const figure = { unit: "M parameters/s", higher: true, ours: speeds, details: { gb_per_s: summary(bandwidth) } };
  const results: Result[] =
    server === undefined
      ? [result({ name, ...figure })]
      : dtypes.map((type) => result({ name: `${name}, peer ${type}`, ...figure, peer: theirs[type] }));
  return { results, config: { n, bytes_per_parameter: 28 } };
});
