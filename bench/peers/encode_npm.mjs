// MB of text a second that a package from npm encodes, line by line. Argument: JSON {folder, package, model, file,
// bytes}; folder: where the package is installed. Prints {megabytes_per_s, tokens, version}.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const request = JSON.parse(process.argv[2]);
const require = createRequire(join(request.folder, "package.json"));
const load = (name) => import(pathToFileURL(require.resolve(name)));

const encoders = {
  "gpt-tokenizer": async () => {
    const { encode } = await load("gpt-tokenizer/encoding/cl100k_base");
    return (line) => encode(line);
  },
  tiktoken: async () => {
    const { get_encoding } = await load("tiktoken");
    const encoding = get_encoding("cl100k_base");
    return (line) => encoding.encode_ordinary(line);
  },
  "llama-tokenizer-js": async () => {
    const { default: llama } = await load("llama-tokenizer-js");
    return (line) => llama.encode(line, false, true);
  },
  "@agnai/sentencepiece-js": async () => {
    const { SentencePieceProcessor } = await load("@agnai/sentencepiece-js");
    const processor = new SentencePieceProcessor();
    await processor.load(request.model);
    return (line) => processor.encodeIds(line);
  },
};

const raw = readFileSync(request.file).subarray(0, request.bytes);
const text = raw.subarray(0, raw.lastIndexOf(10) + 1);
const lines = text.toString("utf8").split("\n");
const encode = await encoders[request.package]();
const begun = performance.now();
let best = Number.POSITIVE_INFINITY;
let tokens = 0;
for (let round = 0; round < 3 && performance.now() - begun < 5000; round++) {
  const started = performance.now();
  tokens = 0;
  for (const line of lines) tokens += encode(line).length;
  best = Math.min(best, performance.now() - started);
}
const { version } = JSON.parse(readFileSync(join(request.folder, "node_modules", request.package, "package.json")));
console.log(JSON.stringify({ megabytes_per_s: text.length / 1000 / best, tokens, version }));
