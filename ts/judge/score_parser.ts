// Reads a 0-to-1 score out of a judge's Chinese or English reply. A reply that holds no usable score gets a status, never
// a number: nothing is clamped, guessed or rescaled unless asked. Rules in the order they are tried:
//   1 the whole reply is JSON with a numeric "score"
//   2 a number anchored to 得分|分数|评分|打分|score|rating
//   3 a verb: 给出 / 给 / 得 / 打 … N 分
//   4 a line that is only a fraction, N/M
//   5 the whole reply is one number

export type ScoreStatus = "ok" | "empty" | "truncated" | "filtered" | "unparsed" | "out_of_range" | "ambiguous";
export type ScoreRule = "json" | "anchored" | "verb" | "fraction" | "bare";

export interface ScoreOptions {
  /** The endpoint's finish_reason: "length" and "content_filter" replies are not parsed. */
  finishReason?: string;
  /** What several different scores in one reply mean. Default reject: status "ambiguous". */
  ambiguous?: "reject" | "first" | "last";
  /** Plain numbers are out of this many points and are divided by it. Default 1. Fractions and percents are left alone. */
  rescale?: number;
}

export interface ParsedScore {
  status: ScoreStatus;
  /** In [0, 1]; present exactly when status is "ok". */
  score?: number;
  /** The value read, before the range check. */
  value?: number;
  /** Every different value found by the rule that applied. */
  values?: number[];
  rule?: ScoreRule;
}

const longestReply = 1 << 20;

/** Zero-width and direction characters, markdown emphasis, code ticks and heading marks. */
const invisible = /[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff*`#]/gu;

/** "满分为1分", "(0-1)" and their kin describe the scale; they are an echo of the prompt, not a verdict. */
const scaleStatements =
  /(?:满分|最高分|最低分)\s?(?:为|是|[:=])?\s?\d+(?:\.\d+)?\s?分?|\(\s?0(?:\.0)?\s?分?\s?(?:到|至|to|-|~)\s?1(?:\.0)?\s?分?\s?\)/gu;

const number = String.raw`[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|[+-]?\.\d+`;
/** A range (0-1), a sum (0.5+0.3), a date or a version is not a score. */
const notPartOfMore = String.raw`(?!\d|\.\d|\s?(?:分\s?)?(?:[+×=~/-]|到|至|to\b)\s?[\d.])`;
const tail = String.raw`(?:\s?(?<unit>分|points?\b|%)?\s?(?:/|out of)\s?(?<den>\d+(?:\.\d+)?)\s?分?|\s?(?<mark>分|%))?`;
/** What may stand between the word and the number. A dash is a separator only when a space follows it, else a sign. */
const connect = String.raw`(?<link>(?:[\s为是应该当给约:="'“”‘’「」『』【】()[\]<《{_]|is\b|of\b|-(?=\s)){0,12}?)`;

const anchored = new RegExp(
  `(?<word>得分|分数|评分|打分|(?<![a-z])(?:scores?|rating)(?![a-z]))${connect}(?<num>${number})${tail}${notPartOfMore}`,
  "gu",
);
const verb = new RegExp(
  String.raw`(?<!不|未|没|不能|无法|不会|不应|难以|最多|至多)(?:给出|给予|给到|给|得到|得|打)(?:了|出)?(?:这个|该)?(?:模型|学生|它|其|他)?(?:的?回答)?\s?(?<num>${number})\s?分(?:\s?/\s?(?<den>\d+(?:\.\d+)?)\s?分?)?(?!钟|之|米|别|析|类|布|子|母|贝|号)`,
  "gu",
);
const fractionLine = new RegExp(
  String.raw`^[ ]?(?<num>${number})\s?分?\s?/\s?(?<den>\d+(?:\.\d+)?)\s?分?[ ]?[.。!]?[ ]?$`,
  "gmu",
);
const wholeNumber = new RegExp(
  String.raw`^["'“”「」\s([]*(?<num>${number})\s?(?<mark>分|%)?["'“”「」\s.。!)\]]*$`,
  "gu",
);

function clean(text: string): string {
  return (
    text
      // NFKC would make it the comma of "1,000".
      .replaceAll("，", "；")
      .normalize("NFKC")
      .replace(invisible, "")
      .replaceAll("\u2044", "/")
      .replaceAll("\u2212", "-")
      .toLowerCase()
      // Runs of white space become one character, which also keeps every pattern below linear.
      .replace(/\s+/gu, (space) => (space.includes("\n") ? "\n" : " "))
      .replace(scaleStatements, " ")
      .replace(/ +/gu, " ")
  );
}

function toValue(num: string, den: string | undefined, percent: boolean, rescale: number): number {
  const value = Number(num.replaceAll(",", ""));
  if (den !== undefined) return Number(den) > 0 ? value / Number(den) : Number.NaN;
  return percent ? value / 100 : value / rescale;
}

/** "得分:\n1. 模型…" is the first entry of a list, not a score of 1. */
function isListMarker(link: string, after: string): boolean {
  return link.includes("\n") && /^\s?[.、)]\s*[^\s\d]/u.test(after);
}

function readAnchored(text: string, rescale: number): number[] {
  const values: number[] = [];
  for (const match of text.matchAll(anchored)) {
    const { word = "", link = "", num = "", den, unit, mark } = match.groups ?? {};
    if (isListMarker(link, text.slice(match.index + match[0].length))) continue;
    // 分数 also means "fraction", and score is an English verb: these need a link before or a unit behind the number.
    const linked = /[\n为是应给约:="'“”「『【(]|is|of/u.test(link) || unit !== undefined || mark !== undefined;
    if (!linked && (word === "分数" || /[a-z]/u.test(word))) continue;
    values.push(toValue(num, den, mark === "%" || unit === "%", rescale));
  }
  return values;
}

function readAll(text: string, pattern: RegExp, rescale: number): number[] {
  const values: number[] = [];
  for (const match of text.matchAll(pattern)) {
    const { num = "", den, mark } = match.groups ?? {};
    values.push(toValue(num, den, mark === "%", rescale));
  }
  return values;
}

/** The score of a reply that is JSON as a whole, fenced or not. */
function readJson(text: string, rescale: number): number[] {
  const fenced = text.trim();
  const body = (fenced.endsWith("```") ? fenced.slice(0, -3) : fenced).replace(/^```[a-z]*/iu, "").trim();
  if (!body.startsWith("{")) return [];
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value !== "object" || value === null) return [];
    const score = (value as Record<string, unknown>).score ?? (value as Record<string, unknown>).得分;
    return typeof score === "number" ? [score / rescale] : [];
  } catch {
    return [];
  }
}

function settle(found: number[], rule: ScoreRule, ambiguous: "reject" | "first" | "last"): ParsedScore {
  const values = found.filter((value, i) => found.findIndex((other) => Math.abs(other - value) < 1e-9) === i);
  if (values.length > 1 && ambiguous === "reject") return { status: "ambiguous", values, rule };
  const value = (ambiguous === "last" ? found.at(-1) : found[0]) ?? Number.NaN;
  if (!(value >= 0 && value <= 1)) return { status: "out_of_range", value, values, rule };
  return { status: "ok", score: value, value, values, rule };
}

/** Reads the score of one reply. Never throws. */
export function parseScore(reply: string, options: ScoreOptions = {}): ParsedScore {
  if (options.finishReason === "content_filter") return { status: "filtered" };
  if (options.finishReason === "length") return { status: "truncated" };
  if (reply.length > longestReply) return { status: "unparsed" };
  const rescale = options.rescale ?? 1;
  const text = clean(reply);
  if (text.trim() === "") return { status: "empty" };
  const readers: Array<[ScoreRule, () => number[]]> = [
    ["json", () => readJson(reply, rescale)],
    ["anchored", () => readAnchored(text, rescale)],
    ["verb", () => readAll(text, verb, rescale)],
    ["fraction", () => readAll(text, fractionLine, rescale)],
    ["bare", () => readAll(text, wholeNumber, rescale)],
  ];
  for (const [rule, read] of readers) {
    const found = read().filter((value) => !Number.isNaN(value));
    if (found.length > 0) return settle(found, rule, options.ambiguous ?? "reject");
  }
  return { status: "unparsed" };
}
