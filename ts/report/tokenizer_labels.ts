// The words of a tokenizer report in both languages.
import type { Language } from "../config/language.ts";

const english = {
  title: "Tokenizers",
  titleOne: "Tokenizer",
  tokenizer: "Tokenizer",
  rows: "Rows",
  hanPieces: "Pieces with Han characters",
  byteFallback: "Byte fallback",
  normalizer: "Normaliser",
  fingerprint: "Fingerprint",
  yes: "yes",
  no: "no",
  overview: "Side by side",
  file: "File",
  lines: "Lines",
  characters: "Characters",
  tokens: "Tokens",
  tokensPerLine: "Tokens per line",
  charactersPerToken: "Characters per token",
  bytes: "Bytes",
  unknown: "Unknown",
  neverUsed: "Never used on the texts",
  perFile: "Texts",
  types: "Pieces by type",
  scripts: "Pieces by script",
  lengths: "Pieces by length",
  pieces: "Pieces",
  frequent: "Most frequent pieces",
  longest: "Longest pieces",
  rank: "Rank",
  piece: "Piece",
  count: "Count",
  share: "Share",
  scriptNote: "Of the pieces that stand for text, by the script of their letters.",
  lengthNote: "In characters; ▁, a space, counts as one.",
  bytesNote:
    "Byte pieces (in a byte-level vocabulary those that are no whole characters) and unknown tokens stand for characters without a piece; many of either mean that the vocabulary does not fit the text.",
  neverNote: "Pieces that stand for text and occur in no encoding here; the first 100 by id.",
};
const englishScripts: Record<string, string> = {
  han: "Han",
  latin: "Latin",
  kana: "Kana",
  hangul: "Hangul",
  cyrillic: "Cyrillic",
  greek: "Greek",
  arabic: "Arabic",
  hebrew: "Hebrew",
  devanagari: "Devanagari",
  thai: "Thai",
  other_letters: "Other letters",
  mixed: "Several scripts",
  digits: "Digits",
  punctuation: "Punctuation, symbols",
  space: "White space",
};
const englishTypes: Record<string, string> = {
  normal: "Normal",
  unknown: "Unknown",
  control: "Control",
  user_defined: "User defined",
  unused: "Unused",
  byte: "Byte",
};

type Words = typeof english;

const chinese: Words = {
  title: "分词器对比",
  titleOne: "分词器",
  tokenizer: "分词器",
  rows: "行数",
  hanPieces: "含汉字的词元",
  byteFallback: "字节回退",
  normalizer: "规范化",
  fingerprint: "指纹",
  yes: "是",
  no: "否",
  overview: "并列比较",
  file: "文件",
  lines: "行",
  characters: "字符",
  tokens: "token",
  tokensPerLine: "每行 token 数",
  charactersPerToken: "每 token 字符数",
  bytes: "字节",
  unknown: "未知",
  neverUsed: "文本中未用到",
  perFile: "文本",
  types: "词元类型",
  scripts: "词元所属文字",
  lengths: "词元长度",
  pieces: "词元数",
  frequent: "最常用的词元",
  longest: "最长的词元",
  rank: "名次",
  piece: "词元",
  count: "次数",
  share: "占比",
  scriptNote: "代表文本的词元，按其中字母或文字所属的书写系统。",
  lengthNote: "以字符计；代表空格的 ▁ 计为一个。",
  bytesNote:
    "字节词元（字节级词表中为不构成完整字符的词元）和未知 token 代表没有词元的字符；两者任一很多，说明词表与文本不相配。",
  neverNote: "代表文本、但在这里的编码中从未出现的词元；按 id 列出前 100 个。",
};
const chineseScripts: Record<string, string> = {
  han: "汉字",
  latin: "拉丁",
  kana: "假名",
  hangul: "谚文",
  cyrillic: "西里尔",
  greek: "希腊",
  arabic: "阿拉伯",
  hebrew: "希伯来",
  devanagari: "天城文",
  thai: "泰文",
  other_letters: "其他文字",
  mixed: "多种文字",
  digits: "数字",
  punctuation: "标点与符号",
  space: "空白",
};
const chineseTypes: Record<string, string> = {
  normal: "普通",
  unknown: "未知",
  control: "控制",
  user_defined: "自定义",
  unused: "停用",
  byte: "字节",
};

export function tokenizerLabels(language: Language): {
  words: Words;
  script(name: string): string;
  type(name: string): string;
} {
  const [words, scripts, types] =
    language === "zh" ? [chinese, chineseScripts, chineseTypes] : [english, englishScripts, englishTypes];
  return { words, script: (name) => scripts[name] ?? name, type: (name) => types[name] ?? name };
}
