// Writes the quickstart's embedded texts to assets/quickstart, and with --base FOLDER the corpus of the base model.
// Usage: node scripts/quickstart/generate.mjs [--base FOLDER]
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { split } from "./conversations.mjs";
import { chineseLine, englishLine } from "./texts.mjs";
import { generator } from "./world.mjs";

const assets = resolve(import.meta.dirname, "../../assets/quickstart");

function distinct(count, make) {
  const lines = new Set();
  for (let tries = 0; lines.size < count && tries < count * 50; tries++) lines.add(make());
  return [...lines];
}

function write(folder, name, text) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), text);
  console.log(`${join(folder, name)}  ${Buffer.byteLength(text)} bytes`);
}

const text = generator(1);
const lines = distinct(4300, () => chineseLine(text));
write(assets, "corpus.txt", `${lines.slice(0, 4000).join("\n")}\n`);
write(assets, "held_out.txt", `${lines.slice(4000).join("\n")}\n`);

const { held: questions, trained } = split(generator(2), 12, 420);
const conversation = (one, index) => ({
  id: `quickstart-${index + 1}`,
  conversations: [
    { from: "human", value: one.question },
    { from: "assistant", value: one.answer },
  ],
});
write(
  assets,
  "conversations.jsonl",
  trained.map((one, index) => `${JSON.stringify(conversation(one, index))}\n`).join(""),
);
write(
  assets,
  "questions.jsonl",
  questions
    .map(
      (one) =>
        `${JSON.stringify({ question: one.question, class: one.class, std_answer: one.answer, check: one.check })}\n`,
    )
    .join(""),
);

const base = process.argv.indexOf("--base");
if (base > 0) {
  // Like LLaMA's own data: English with a little Chinese, which its tokenizer can only spell in bytes.
  const english = generator(3);
  const chinese = generator(4);
  const paragraph = (rng, line) => Array.from({ length: 1 + rng.below(3) }, () => line(rng));
  const corpus = distinct(12_000, () => paragraph(english, englishLine).join(" "));
  const held = new Set(lines.slice(4000));
  const some = distinct(1_500, () => chineseLine(chinese)).filter((line) => !held.has(line));
  write(resolve(process.argv[base + 1]), "base_tokenizer.txt", `${corpus.join("\n")}\n`);
  write(
    resolve(process.argv[base + 1]),
    "base_corpus.txt",
    `${generator(5)
      .shuffle([...corpus, ...some])
      .join("\n")}\n`,
  );
}
