// Writes native/tokenizer/unicode/character_class_table.inc from the data inside Node (ICU): what \p{Lu} .. \p{N}, \s and \w
// mean to the regular expressions of Hugging Face tokenizers 0.23 and tiktoken 0.14. Those know Unicode 16, this Node
// knows 17: what 17 added is taken away again.
// Run: node scripts/generate-character-classes.mjs [--check]     --check: compare with the file, write nothing.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const UNICODE = "17.0";
// Letters, marks and numbers that Unicode 16 did not assign.
const SINCE_17 = `88F C5C CDC 1ACF-1ADD 1AE0-1AEB A7CE-A7CF A7D2 A7D4 A7F1 10940-10959 10EC5-10EC7 10EFA-10EFB
  11B60-11B67 11DB0-11DDB 11DE0-11DE9 16EA0-16EB8 16EBB-16ED3 16FF2-16FF6 187F8-187FF 18D09-18D1E 18D80-18DF2
  1E6C0-1E6DE 1E6E0-1E6F5 1E6FE-1E6FF 2B73A-2B73F 2CEA2-2CEAD 323B0-33479`;
const LOWER_IN_16 = 0x295; // a letter without case since Unicode 17
const CLASSES = ["Lu", "Ll", "Lt", "Lm", "Lo", "M", "N"]; // values 1 to 7 of CharacterClass
const SPACE = 8;

const hex = (c) => `0x${c.toString(16).toUpperCase()}`;
const since17 = SINCE_17.split(/\s+/u).map((range) => {
  const [first, last = first] = range.split("-");
  return [Number.parseInt(first, 16), Number.parseInt(last, 16)];
});
const isNew = (c) => since17.some(([first, last]) => c >= first && c <= last);

function ranges(classify) {
  const rows = [];
  for (let c = 0; c <= 0x10ffff; ++c) {
    if (c >= 0xd800 && c <= 0xdfff) continue;
    const value = isNew(c) ? 0 : classify(c);
    if (value === 0) continue;
    const last = rows.at(-1);
    if (last && last[1] === c - 1 && last[2] === value) last[1] = c;
    else rows.push([c, c, value]);
  }
  return rows;
}

function packed(items) {
  const lines = [];
  let line = "";
  for (const item of items) {
    if (line.length + item.length + 1 > 110) {
      lines.push(line);
      line = "";
    }
    line += line ? ` ${item}` : item;
  }
  return [...lines, line].join("\n");
}

function table() {
  const matchers = CLASSES.map((name) => new RegExp(`^\\p{${name}}$`, "u"));
  const classes = ranges((c) => {
    if (c === LOWER_IN_16) return CLASSES.indexOf("Ll") + 1;
    const character = String.fromCodePoint(c);
    if (/\p{White_Space}/u.test(character)) return SPACE;
    return matchers.findIndex((matcher) => matcher.test(character)) + 1;
  });
  const word = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200C\u200D]/u;
  const words = ranges((c) => (word.test(String.fromCodePoint(c)) ? 1 : 0));
  return (
    "// Unicode 16.0. Written by scripts/generate-character-classes.mjs; do not edit.\n" +
    "// BELLE_CLASSES: {first, last, CharacterClass}, other left out. BELLE_WORDS: {first, last} of \\w.\n" +
    `#ifdef BELLE_CLASSES\n${packed(classes.map(([a, b, value]) => `{${hex(a)}, ${hex(b)}, ${value}},`))}\n#endif\n` +
    `#ifdef BELLE_WORDS\n${packed(words.map(([a, b]) => `{${hex(a)}, ${hex(b)}},`))}\n#endif\n`
  );
}

if (process.versions.unicode !== UNICODE) {
  console.error(
    `Node ${process.version} carries Unicode ${process.versions.unicode}, this script expects ${UNICODE}: ` +
      "run it with Node 20.20 or a later one built with ICU 78.",
  );
  process.exit(1);
}
const path = fileURLToPath(new URL("../native/tokenizer/unicode/character_class_table.inc", import.meta.url));
if (process.argv.includes("--check")) {
  if (readFileSync(path, "utf8") !== table()) {
    console.error(`${path} is out of date: run node scripts/generate-character-classes.mjs`);
    process.exitCode = 1;
  }
} else writeFileSync(path, table());
