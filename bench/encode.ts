// Claim: MB of text a second that a tokenizer encodes, line by line in one call, the same ids as sentencepiece.
//   node --import tsx bench/encode.ts [--file text.txt] [--model tokenizer.model] [--rounds 3] [--peer python3]
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Tokenizer } from "belle-train";
import { claim, progress, result } from "./measure.ts";
import { peerCommand, runProgram } from "./peer.ts";

const quickstart = join(
  import.meta.dirname,
  import.meta.filename.endsWith(".js") ? "../.." : "..",
  "assets/quickstart",
);
const mostBytes = 8_000_000;

await claim("encode", ["file", "model"], async ({ threads, rounds, quick, peer, own }) => {
  const file = own.file ?? join(quickstart, "corpus.txt");
  const model = own.model ?? join(quickstart, "base/tokenizer.model");
  const tokenizer = await Tokenizer.load(model);
  const raw = readFileSync(file).subarray(0, quick ? 200_000 : mostBytes);
  const text = raw.subarray(0, raw.lastIndexOf(10) + 1);
  const lines = text.toString("utf8").split("\n");
  const results = [];
  for (const count of new Set([1, threads])) {
    const ours: number[] = [];
    const theirs: number[] = [];
    let tokens = 0;
    for (let round = 0; round < rounds; round++) {
      progress(round, rounds, `${count}`);
      let best = Number.POSITIVE_INFINITY;
      for (let again = 0; again < 3; again++) {
        const started = performance.now();
        tokens = tokenizer.encodeBatch(lines, { threads: count }).ids.length;
        best = Math.min(best, performance.now() - started);
      }
      ours.push(text.length / 1000 / best);
      if (peer === undefined) continue;
      const request = JSON.stringify({ model, file, bytes: raw.length, threads: count });
      const { line } = await runProgram([...peerCommand(peer, "encode.py"), request]);
      theirs.push(Number(line.megabytes_per_s));
    }
    const name = count === 1 ? "encoding, 1 thread" : `encoding, ${count} threads`;
    results.push(result({ name, unit: "MB/s", higher: true, ours, peer: theirs, details: { tokens } }));
  }
  return { results, config: { file, model, bytes: text.length } };
});
