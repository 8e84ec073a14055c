// Claim: seconds to train a BPE vocabulary, from file to model, same pieces as sentencepiece.
//   node --import tsx bench/bpe_train.ts --file text.txt [--vocab 50000] [--threads 2] [--rounds 3] [--peer python3]
import { createHash } from "node:crypto";
import { trainBpe } from "belle-train";
import { claim, progress, result } from "./measure.ts";
import { UsageError, wholeNumber } from "./options.ts";
import { peerCommand, runProgram } from "./peer.ts";
import { say } from "./text.ts";

await claim("bpe_train", ["file", "vocab"], async ({ threads, rounds, quick, peer, own }) => {
  const { file } = own;
  if (file === undefined) {
    throw new UsageError(
      say("--file must name a text file, one sentence a line.", "--file 须给出文本文件，每行一句。"),
    );
  }
  const options = {
    vocab_size: wholeNumber("vocab", own.vocab ?? (quick ? "1000" : "50000"), 1),
    normalization_rule_name: "identity",
    remove_extra_whitespaces: false,
    byte_fallback: true,
    split_digits: true,
    allow_whitespace_only_pieces: true,
    character_coverage: 0.9995,
  } as const;
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    progress(round, rounds, file);
    const started = performance.now();
    const tokenizer = await trainBpe({ files: [file], threads, ...options });
    ours.push((performance.now() - started) / 1000);
    if (peer === undefined) continue;
    const request = JSON.stringify({ file, threads, options });
    const { line } = await runProgram([...peerCommand(peer, "bpe_train.py"), request]);
    const pieces = tokenizer.pieces().map(({ piece }) => piece);
    const sha256 = createHash("sha256").update(pieces.join("\n")).digest("hex");
    if (line.sha256 !== undefined && line.sha256 !== sha256)
      throw new Error(say("the peer's pieces are others", "对方得到的词元不同"));
    theirs.push(Number(line.seconds));
  }
  const name = `BPE of ${options.vocab_size} rows`;
  return { results: [result({ name, unit: "s", higher: false, ours, peer: theirs })], config: { file, ...options } };
});
