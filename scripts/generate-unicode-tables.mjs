// Writes the Unicode tables of the tokenizer from the data inside Node (ICU):
//   native/tokenizer/unicode/unicode_script_table.inc     scripts as sentencepiece's trainer sees them, and today's Han ranges
//   native/tokenizer/unicode/unicode_nfkc_table.inc       decompositions and compositions behind the nfkc rules
//   native/tokenizer/unicode/unicode_case_fold_table.inc  simple case folding behind the _cf rules
// Run: node scripts/generate-unicode-tables.mjs [--check]     --check: compare with the files, write nothing.
// The rules equal those of sentencepiece 0.2.2 when Node carries Unicode 17 (Node 20.20, 22.21 and later).
import {
  hex,
  namedRanges,
  packed,
  ranges,
  characters as scalars,
  section,
  unicode,
  writeTables,
} from "./unicode_tables.mjs";

// sentencepiece's script table is that of Unicode 9.0; a character without an entry counts as Common. These are the
// ranges where Unicode 17 names a script and Unicode 9 did not (unassigned neighbours included, they are Common too).
const COMMON_IN_UNICODE_9 = `560 588-589 5EF 61C-61D 7FD-7FF 860-89F 8B5 8BE-8D3 9FC-9FE A76 AFA-AFF B55 C04 C3C C5C-C5D
  C77 C84 CDC-CDD CF3-D00 D04 D3B-D3C D81 E86 E89 E8C E8E-E93 E98 EA0 EA8-EA9 EAC EBA ECE 170D 1715-171F 180F 1878
  1ABF-1AEB 1B4C-1B4F 1B7D-1B7F 1C89-1CBF 1DF6-1DFA 2C2F 2C5F 312E-312F 31BB-31BF 4DB6-4DBF 9FD6-9FFF A7AF A7B8-A7F6
  A82C A8FE-A8FF AB66-AB69 FBC2-FBD2 FD40-FD4F FD90-FD91 FDC8-FDCF FDFE-FDFF 1032D-1032F 10570-105F3 10780-107BA
  10940-10959 10A34-10A35 10A48 10D00-10D8F 10E80-10FF6 11070-11075 110C2-110CD 11144-11147 111CE-111CF 1123F-11241
  1133B 11380-113E2 1145A 1145E-11461 116B8-116B9 116D0-116E3 1171A 11740-1183B 11900-11ABF 11B00-11BF9 11D00-11FFF
  12F90-12FF2 1342F-143FA 16100-16139 16A70-16AC9 16D40-16ED3 16F45-16F4F 16F7F-16F87 16FE1-16FF6 187ED-187FF
  18AF3-1AFFE 1B002-1B2FB 1CF00-1CF46 1DF00-1DF2A 1E030-1E7FE 1E94B 2A6D7-2A6DF 2B735-2B73F 2CEA2-2EE5D 30000-33479`;
// Scripts of Unicode 9.0 (Scripts.txt); Common, Inherited, Han, Hiragana and Katakana come first because the rules
// name them.
const SCRIPTS =
  `Common Inherited Han Hiragana Katakana Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese
  Bamum Bassa_Vah Batak Bengali Bhaiksuki Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian
  Caucasian_Albanian Chakma Cham Cherokee Coptic Cuneiform Cypriot Cyrillic Deseret Devanagari Duployan
  Egyptian_Hieroglyphs Elbasan Ethiopic Georgian Glagolitic Gothic Grantha Greek Gujarati Gurmukhi Hangul Hanunoo Hatran
  Hebrew Imperial_Aramaic Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Kayah_Li Kharoshthi Khmer
  Khojki Khudawadi Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian Mahajani Malayalam Mandaic Manichaean
  Marchen Meetei_Mayek Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar
  Nabataean New_Tai_Lue Newa Nko Ogham Ol_Chiki Old_Hungarian Old_Italic Old_North_Arabian Old_Permic Old_Persian
  Old_South_Arabian Old_Turkic Oriya Osage Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician
  Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham SignWriting Sinhala Sora_Sompeng Sundanese
  Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil Tangut Telugu Thaana Thai Tibetan Tifinagh
  Tirhuta Ugaritic Vai Warang_Citi Yi`.split(/\s+/u);

const isNoncharacter = (c) => (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) === 0xfffe;
const codePoints = (text) => Array.from(text, (character) => character.codePointAt(0));
const characters = [...scalars(1)].filter((c) => !isNoncharacter(c));

function scripts() {
  const common = namedRanges(COMMON_IN_UNICODE_9);
  const matchers = SCRIPTS.map((name) => new RegExp(`^\\p{Script=${name}}$`, "u"));
  const devanagari = SCRIPTS.indexOf("Devanagari");
  let guess = 0;
  return ranges(characters, (c) => {
    if (common.some(([first, last]) => c >= first && c <= last)) return 0;
    if (c === 0x953 || c === 0x954) return devanagari; // Inherited since Unicode 10
    const character = String.fromCodePoint(c);
    if (!matchers[guess].test(character)) guess = matchers.findIndex((matcher) => matcher.test(character));
    if (guess < 0) guess = 0;
    return guess;
  });
}

// [c, NFKD(c), NFKC(c)] of every character that decomposes, Hangul syllables left out (they follow from arithmetic).
function decompositions() {
  const rows = [];
  for (const c of characters) {
    if (c >= 0xac00 && c <= 0xd7a3) continue;
    const character = String.fromCodePoint(c);
    const decomposed = character.normalize("NFKD");
    if (decomposed !== character) rows.push([c, codePoints(decomposed), codePoints(character.normalize("NFKC"))]);
  }
  return rows;
}

// Status C + S of CaseFolding.txt. JavaScript has no such function; /iu compares by it.
function simpleFold(c) {
  if (c >= 0x13a0 && c <= 0x13f5) return c; // Cherokee folds to its upper case
  if (c >= 0x13f8 && c <= 0x13fd) return c - 8;
  if (c >= 0xab70 && c <= 0xabbf) return c - 0xab70 + 0x13a0;
  const single = (text, otherwise) => (codePoints(text).length === 1 ? text : otherwise);
  const character = String.fromCodePoint(c);
  const folded = single(single(character.toUpperCase(), character).toLowerCase(), character);
  if (folded === character) return c;
  const same = new RegExp(`^\\u{${folded.codePointAt(0).toString(16)}}$`, "iu").test(character);
  return same ? folded.codePointAt(0) : c;
}

// Runs [first, last, step, delta]: c -> c + delta for c = first, first + step .. last.
function caseFoldRuns() {
  const runs = [];
  for (const c of characters) {
    const delta = simpleFold(c) - c;
    if (delta === 0) continue;
    const run = runs.at(-1);
    if (run && run[3] === delta && (run[0] === run[1] ? c - run[1] <= 2 : c - run[1] === run[2])) {
      run[2] = c - run[1];
      run[1] = c;
    } else runs.push([c, c, 1, delta]);
  }
  return runs;
}

function tables() {
  const head = (what) =>
    `// Unicode ${unicode}. Written by scripts/generate-unicode-tables.mjs; do not edit.\n// ${what}\n`;
  const scriptRows = scripts().map(([first, last, script]) => `{${hex(first)}, ${hex(last)}, ${script}},`);
  const han = ranges(characters, (c) => (/\p{Script=Han}/u.test(String.fromCodePoint(c)) ? 1 : 0));
  const nfkcRows = decompositions().map(([c, nfkd, nfkc]) => {
    const same = (a, b) => a.length === b.length && a.every((value, index) => value === b[index]);
    const kind = same(nfkc, [c]) ? 0 : same(nfkc, nfkd) ? 1 : 1 + nfkc.length;
    const tail = kind > 1 ? nfkc : [];
    return `${[c, kind * 256 + nfkd.length, ...nfkd, ...tail].map(hex).join(",")},`;
  });
  const foldRows = caseFoldRuns().map(([a, b, step, delta]) => `{${hex(a)}, ${hex(b)}, ${step}, ${delta}},`);
  return {
    "unicode_script_table.inc":
      head("BELLE_SCRIPTS: {first, last, script}, script 0 (Common) left out. BELLE_HAN: {first, last}.") +
      section("BELLE_SCRIPTS", scriptRows) +
      section(
        "BELLE_HAN",
        han.map(([first, last]) => `{${hex(first)}, ${hex(last)}},`),
      ),
    "unicode_nfkc_table.inc":
      head("c, kind * 256 + n, NFKD(c)[n], then NFKC(c): kind 0 = c, 1 = NFKD(c), 1 + m = m code points that follow.") +
      `${packed(nfkcRows)}\n`,
    "unicode_case_fold_table.inc":
      head("{first, last, step, delta}: c folds to c + delta for c = first, first + step .. last.") +
      `${packed(foldRows)}\n`,
  };
}

writeTables("generate-unicode-tables.mjs", tables);
