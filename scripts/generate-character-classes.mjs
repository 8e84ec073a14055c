// Writes native/tokenizer/unicode/character_class_table.inc from the data inside Node (ICU): what \p{Lu} .. \p{N}, \s and \w
// mean to the regular expressions of Hugging Face tokenizers 0.23 and tiktoken 0.14. Those know Unicode 16, this Node
// knows 17: what 17 added is taken away again.
// Run: node scripts/generate-character-classes.mjs [--check]     --check: compare with the file, write nothing.
import { characters, hex, namedRanges, ranges, section, writeTables } from "./unicode_tables.mjs";

// Letters, marks and numbers that Unicode 16 did not assign.
const SINCE_17 = `88F C5C CDC 1ACF-1ADD 1AE0-1AEB A7CE-A7CF A7D2 A7D4 A7F1 10940-10959 10EC5-10EC7 10EFA-10EFB
  11B60-11B67 11DB0-11DDB 11DE0-11DE9 16EA0-16EB8 16EBB-16ED3 16FF2-16FF6 187F8-187FF 18D09-18D1E 18D80-18DF2
  1E6C0-1E6DE 1E6E0-1E6F5 1E6FE-1E6FF 2B73A-2B73F 2CEA2-2CEAD 323B0-33479`;
const LOWER_IN_16 = 0x295; // a letter without case since Unicode 17
const CLASSES = ["Lu", "Ll", "Lt", "Lm", "Lo", "M", "N"]; // values 1 to 7 of CharacterClass
const SPACE = 8;

const since17 = namedRanges(SINCE_17);
const assigned = [...characters()].filter((c) => !since17.some(([first, last]) => c >= first && c <= last));

function tables() {
  const matchers = CLASSES.map((name) => new RegExp(`^\\p{${name}}$`, "u"));
  const classes = ranges(assigned, (c) => {
    if (c === LOWER_IN_16) return CLASSES.indexOf("Ll") + 1;
    const character = String.fromCodePoint(c);
    if (/\p{White_Space}/u.test(character)) return SPACE;
    return matchers.findIndex((matcher) => matcher.test(character)) + 1;
  });
  const word = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200C\u200D]/u;
  const words = ranges(assigned, (c) => (word.test(String.fromCodePoint(c)) ? 1 : 0));
  return {
    "character_class_table.inc":
      "// Unicode 16.0. Written by scripts/generate-character-classes.mjs; do not edit.\n" +
      "// BELLE_CLASSES: {first, last, CharacterClass}, other left out. BELLE_WORDS: {first, last} of \\w.\n" +
      section(
        "BELLE_CLASSES",
        classes.map(([a, b, value]) => `{${hex(a)}, ${hex(b)}, ${value}},`),
      ) +
      section(
        "BELLE_WORDS",
        words.map(([a, b]) => `{${hex(a)}, ${hex(b)}},`),
      ),
  };
}

writeTables("generate-character-classes.mjs", tables);
