// Claim: seconds to train a BPE vocabulary, from file to model, same pieces as sentencepiece.
//   node --import tsx bench/bpe_train.ts --file text.txt [--vocab 50000] [--threads 2] [--rounds 3] [--peer "python -c ..."]
// The peer is any program whose last line is JSON with `seconds`.
import { trainBpe } from "../ts/index.ts";
import { argument, measure } from "./measure.ts";

const file = argument("file");
if (file === undefined) throw new Error("--file: name a text file, one sentence a line");
const vocab_size = Number(argument("vocab") ?? 50_000);
const threads = Number(argument("threads") ?? 2);
const options = {
  vocab_size,
  normalization_rule_name: "identity",
  remove_extra_whitespaces: false,
  byte_fallback: true,
  split_digits: true,
  allow_whitespace_only_pieces: true,
  character_coverage: 0.9995,
} as const;

async function seconds(): Promise<number> {
  const started = performance.now();
  await trainBpe({ files: [file!], threads, ...options });
  return (performance.now() - started) / 1000;
}

const peer = argument("peer");
await measure({
  name: "bpe_train",
  unit: "s",
  higher: false,
  rounds: Number(argument("rounds") ?? 3),
  ours: seconds,
  config: { file, threads, ...options },
  ...(peer === undefined ? {} : { peer: { command: peer.split(" "), figure: (line) => Number(line.seconds) } }),
});
