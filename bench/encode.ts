// Claim: MB of text a second that a tokenizer encodes, line by line in one call, the same ids as sentencepiece; and
// against packages from npm, most of them with a vocabulary of their own.
//   node --import tsx bench/encode.ts [--file text.txt] [--model tokenizer.model] [--rounds 3] [--peer python3]
//     [--npm folder in which gpt-tokenizer, tiktoken, llama-tokenizer-js or @agnai/sentencepiece-js are installed]
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Tokenizer } from "belle-train";
import { claim, progress, type Result, result } from "./measure.ts";
import { UsageError } from "./options.ts";
import { peerCommand, runProgram } from "./peer.ts";
import { say } from "./text.ts";

const quickstart = join(
  import.meta.dirname,
  import.meta.filename.endsWith(".js") ? "../.." : "..",
  "assets/quickstart",
);
const mostBytes = 8_000_000;

const packages = ["gpt-tokenizer", "tiktoken", "llama-tokenizer-js", "@agnai/sentencepiece-js"] as const;

function installed(folder: string): string[] {
  const found = packages.filter((name) => existsSync(join(folder, "node_modules", name)));
  if (found.length > 0) return found;
  throw new UsageError(
    say(
      `--npm: none of ${packages.join(", ")} is installed in ${folder}.`,
      `--npm：${folder} 中没有安装 ${packages.join("、")} 中的任何一个。`,
    ),
  );
}

await claim("encode", ["file", "model", "npm"], async ({ threads, rounds, quick, peer, own }) => {
  const file = own.file ?? join(quickstart, "corpus.txt");
  const model = own.model ?? join(quickstart, "base/tokenizer.model");
  const npm = own.npm === undefined ? undefined : resolve(own.npm);
  const rivals = npm === undefined ? [] : installed(npm);
  const tokenizer = await Tokenizer.load(model);
  const raw = readFileSync(file).subarray(0, quick ? 200_000 : mostBytes);
  const text = raw.subarray(0, raw.lastIndexOf(10) + 1);
  const lines = text.toString("utf8").split("\n");
  const { ids } = tokenizer.encodeBatch(lines);
  const sha256 = createHash("sha256").update(ids).digest("hex");

  const encode = (count: number) => {
    let best = Number.POSITIVE_INFINITY;
    for (let again = 0; again < 3; again++) {
      const started = performance.now();
      tokenizer.encodeBatch(lines, { threads: count });
      best = Math.min(best, performance.now() - started);
    }
    return text.length / 1000 / best;
  };
  const results: Result[] = [];
  /** Ours and a peer's in alternation; `ask` gives the peer's MB/s. */
  const compare = async (name: string, count: number, ask?: () => Promise<number>, details: object = {}) => {
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      progress(round, rounds, name);
      ours.push(encode(count));
      if (ask !== undefined) theirs.push(await ask());
    }
    results.push(
      result({ name, unit: "MB/s", higher: true, ours, peer: theirs, details: { tokens: ids.length, ...details } }),
    );
  };

  for (const count of new Set([1, threads])) {
    const on = count === 1 ? "1 thread" : `${count} threads`;
    await compare(
      `encoding, ${on}`,
      count,
      peer &&
        (async () => {
          const request = JSON.stringify({ model, file, bytes: raw.length, threads: count });
          const { line } = await runProgram([...peerCommand(peer, "encode.py"), request]);
          if (line.sha256 !== undefined && line.sha256 !== sha256)
            throw new Error(
              say(
                `the peer gives other ids: ${line.tokens} of them, ours ${ids.length}`,
                `对方给出的 id 不同：${line.tokens} 个，本程序 ${ids.length} 个`,
              ),
            );
          return Number(line.megabytes_per_s);
        }),
    );
    for (const name of rivals) {
      const details = { vocabulary: name === "@agnai/sentencepiece-js" ? "the same" : "its own" };
      await compare(
        `encoding, ${on}, beside ${name}`,
        count,
        async () => {
          const request = JSON.stringify({ folder: npm, package: name, model, file, bytes: raw.length });
          const script = join(import.meta.dirname, "peers", "encode_npm.mjs");
          const { line } = await runProgram([process.execPath, script, request]);
          return Number(line.megabytes_per_s);
        },
        details,
      );
    }
  }
  return { results, config: { file, model, bytes: text.length, sha256 } };
});
