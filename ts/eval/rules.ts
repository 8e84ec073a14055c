// Scores an answer by a rule that stands beside the question. No rule is a pattern or a program: a file can only name one
// of these matchers and its values.

export type RuleCheck =
  /** The answer is the value, apart from case, width, white space and enclosing punctuation. */
  | { kind: "equals"; value: string }
  /** The value occurs in the answer, as whole words where it starts or ends in Latin letters or digits. */
  | { kind: "contains"; value: string }
  /** The answer is one of the values. */
  | { kind: "one_of"; value: string[] }
  /** At least `count` different ones of the values occur in the answer. */
  | { kind: "at_least"; values: string[]; count: number }
  /** The answer's last number is the value, to within `tolerance` (default 1e-9 of its size). */
  | { kind: "number"; value: number; tolerance?: number };

const longestList = 1000;

function text(value: unknown, key: string): string {
  if (typeof value === "string" && normalise(value) !== "") return value;
  throw new Error(`"check.${key}" must be a text with letters or digits`);
}

function texts(value: unknown, key: string): string[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > longestList) {
    throw new Error(`"check.${key}" must be a list of 1 to ${longestList} texts`);
  }
  return value.map((entry) => text(entry, key));
}

/** Checks a `check` object of a file. Throws an Error that says what is wrong with it. */
export function parseCheck(value: unknown): RuleCheck {
  if (typeof value !== "object" || value === null) throw new Error('"check" must be an object with a "kind"');
  const check = value as Record<string, unknown>;
  switch (check.kind) {
    case "equals":
    case "contains":
      return { kind: check.kind, value: text(check.value, "value") };
    case "one_of":
      return { kind: "one_of", value: texts(check.value, "value") };
    case "at_least": {
      const values = texts(check.values, "values");
      const { count } = check;
      if (typeof count !== "number" || !Number.isSafeInteger(count) || count < 1 || count > values.length) {
        throw new Error('"check.count" must be a whole number from 1 to the number of values');
      }
      return { kind: "at_least", values, count };
    }
    case "number": {
      const { value: wanted, tolerance } = check;
      if (typeof wanted !== "number" || !Number.isFinite(wanted)) throw new Error('"check.value" must be a number');
      if (tolerance === undefined) return { kind: "number", value: wanted };
      if (typeof tolerance !== "number" || !(tolerance >= 0)) throw new Error('"check.tolerance" must be 0 or more');
      return { kind: "number", value: wanted, tolerance };
    }
    default:
      throw new Error('"check.kind" must be equals, contains, one_of, at_least or number');
  }
}

/** NFKC, lower case, single spaces, no punctuation or quotes at either end. */
export function normalise(answer: string): string {
  const plain = answer.normalize("NFKC").toLowerCase().replace(/\s+/gu, " ").trim();
  let start = 0;
  let end = plain.length;
  const edge = /[\p{P}\p{Z}]/u;
  while (start < end && edge.test(plain[start]!)) start++;
  while (end > start && edge.test(plain[end - 1]!)) end--;
  return plain.slice(start, end);
}

function isWord(char: string | undefined): boolean {
  return char !== undefined && /[a-z0-9]/u.test(char);
}

/** Whether `part` occurs in `whole`, both normalised: "5" is not in "15", "cat" not in "category". */
function occurs(whole: string, part: string): boolean {
  for (let at = whole.indexOf(part); at !== -1; at = whole.indexOf(part, at + 1)) {
    const before = isWord(part[0]) && isWord(whole[at - 1]);
    const behind = isWord(part.at(-1)) && isWord(whole[at + part.length]);
    if (!before && !behind) return true;
  }
  return false;
}

/** The numbers of a text from left to right: 1,234.5, -3, ５, 20% (as 20). A minus counts only where no word or digit precedes. */
export function numbersIn(answer: string): number[] {
  const plain = answer.normalize("NFKC").replaceAll("\u2212", "-");
  const found: number[] = [];
  const digit = (char: string | undefined) => char !== undefined && char >= "0" && char <= "9";
  for (let i = 0; i < plain.length; i++) {
    if (!digit(plain[i])) continue;
    const negative = plain[i - 1] === "-" && !/[\p{L}\p{N})]/u.test(plain[i - 2] ?? " ");
    let digits = "";
    let point = false;
    for (; i < plain.length; i++) {
      const char = plain[i]!;
      if (digit(char)) digits += char;
      else if (char === "." && !point && digit(plain[i + 1])) {
        point = true;
        digits += ".";
      } else if (char !== "," || point || !isThousands(plain, i)) break;
    }
    found.push(Number(negative ? `-${digits}` : digits));
  }
  return found;
}

/** A comma with exactly three digits behind it. */
function isThousands(plain: string, comma: number): boolean {
  return /^\d{3}(?!\d)/u.test(plain.slice(comma + 1, comma + 5));
}

/** 1 when the answer fulfils the check, else 0. */
export function scoreByRule(check: RuleCheck, answer: string): 0 | 1 {
  const given = normalise(answer);
  switch (check.kind) {
    case "equals":
      return given === normalise(check.value) ? 1 : 0;
    case "contains":
      return occurs(given, normalise(check.value)) ? 1 : 0;
    case "one_of":
      return check.value.some((value) => given === normalise(value)) ? 1 : 0;
    case "at_least": {
      const wanted = new Set(check.values.map(normalise));
      return [...wanted].filter((value) => occurs(given, value)).length >= check.count ? 1 : 0;
    }
    case "number": {
      const last = numbersIn(answer).at(-1);
      if (last === undefined) return 0;
      const tolerance = check.tolerance ?? 1e-9 * Math.max(1, Math.abs(check.value));
      return Math.abs(last - check.value) <= tolerance ? 1 : 0;
    }
  }
}
