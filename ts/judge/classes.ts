// The instruction classes of BELLE's evaluations: 12 use cases (arXiv 2303.14742, table 1), of which the 1,000-item set
// of arXiv 2304.07854 uses ten, reported as nine categories because math and code are merged into "others".

import { BelleError } from "../native/errors.ts";

/** Table 1 of arXiv 2303.14742, in its order. */
export const useCases = [
  "math",
  "code",
  "cot",
  "classification",
  "extract",
  "open qa",
  "closed qa",
  "generation",
  "brainstorming",
  "rewrite",
  "translation",
  "summarization",
] as const;

export type UseCase = (typeof useCases)[number];

/** Table 5 of arXiv 2304.07854, in its order. */
export const nineCategories = [
  "others",
  "rewrite",
  "classification",
  "generation",
  "summarization",
  "extract",
  "open qa",
  "brainstorming",
  "closed qa",
] as const;

const chineseNames: Readonly<Record<string, string>> = {
  math: "数学",
  code: "代码",
  cot: "思维链",
  classification: "分类",
  extract: "信息抽取",
  "open qa": "开放问答",
  "closed qa": "封闭问答",
  generation: "生成",
  brainstorming: "头脑风暴",
  rewrite: "改写",
  translation: "翻译",
  summarization: "摘要",
  others: "其他（数学+代码）",
};

/** Other spellings seen in the published files and papers. */
const aliases: Readonly<Record<string, UseCase>> = { extraction: "extract", "chain of thought": "cot" };

/**
 * One spelling for a class name: NFKC (the published set holds U+00A0 in "closed qa"), runs of white space to one space,
 * lower case. Without this, strict equality loses 337 of BELLE's own 1,000 items.
 */
export function foldClass(name: string): string {
  return name.normalize("NFKC").replace(/\s+/gu, " ").trim().toLowerCase();
}

function isUseCase(name: string): name is UseCase {
  return (useCases as readonly string[]).includes(name);
}

/** The use case a class name means. Throws ERR_BELLE_INVALID_DATA for any other name; `where` starts the sentence. */
export function useCaseOf(name: string, where = "the evaluation set"): UseCase {
  const folded = foldClass(name);
  const found = Object.hasOwn(aliases, folded) ? aliases[folded] : folded;
  if (found !== undefined && isUseCase(found)) return found;
  throw new BelleError(
    "ERR_BELLE_INVALID_DATA",
    `${where}: unknown class ${JSON.stringify(name.slice(0, 80))}; use one of ${useCases.join(", ")}.`,
    { details: { class: name.slice(0, 80) } },
  );
}

/** A class or category name for people. Names that are not BELLE's are shown as they are. */
export function categoryLabel(name: string, lang: "en" | "zh"): string {
  return lang === "zh" && Object.hasOwn(chineseNames, name) ? (chineseNames[name] ?? name) : name;
}
