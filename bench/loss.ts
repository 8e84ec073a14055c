// Claim: the chunked linear + cross-entropy with both gradients takes little longer than the three matrix products in it.
// Against them in the same chunks, and against them over all rows at once, which needs all logits in memory.
//   node --import tsx bench/loss.ts [--dtype bfloat16|float32] [--threads 2] [--rounds 3] [--quick]
import { benchKernel, type LossKernel } from "belle-train";
import { claim, progress, type Result, result, round, summary } from "./measure.ts";

await claim("loss", [], async ({ threads, rounds, dtype, quick }) => {
  const rows = quick ? 64 : 2048;
  const shapes = (quick ? [1000] : [79_458, 250_880]).flatMap((vocab) =>
    (quick ? [64] : [512, 1024]).map((d) => ({ rows, d, vocab })),
  );
  const seconds = quick ? 0.02 : 0.3;
  const measure = (op: LossKernel["op"], shape: { rows: number; d: number; vocab: number }, chunkRows = 0) =>
    benchKernel({ op, ...shape, chunkRows }, { dtype, threads, seconds });
  const results: Result[] = [];
  for (const shape of shapes) {
    const name = `${rows} rows, d ${shape.d}, vocabulary ${shape.vocab}`;
    progress(results.length, shapes.length, name);
    const times = { loss: [] as number[], chunked: [] as number[], whole: [] as number[] };
    let chunkRows = 0;
    let workspace = 0;
    for (let round = 0; round < rounds; round++) {
      const loss = await measure("linear_cross_entropy", shape);
      const chunked = await measure("linear_cross_entropy_gemms", shape);
      const whole = await measure("linear_cross_entropy_gemms", shape, rows);
      times.loss.push(1e3 * loss.seconds.median);
      times.chunked.push(1e3 * chunked.seconds.median);
      times.whole.push(1e3 * whole.seconds.median);
      chunkRows = loss.chunkRows;
      workspace = Math.max(workspace, loss.workspaceBytes);
    }
    const over = (products: number[]) => summary(times.loss.map((time, i) => time / products[i]!));
    const details = {
      three_gemms: summary(times.chunked),
      times_three_gemms: over(times.chunked),
      three_gemms_all_rows: summary(times.whole),
      times_three_gemms_all_rows: over(times.whole),
      chunk_rows: chunkRows,
      workspace_mb: round(1e-6 * workspace),
      ...shape,
    };
    results.push(result({ name, unit: "ms", higher: false, ours: times.loss, details }));
  }
  return { results };
});
