// One validation issue of zod -> one sentence in the user's language: what is wrong with which key, and what is meant.
import type { z } from "zod";
import type { Language } from "./language.ts";
import { keysAt, metaOf, schemaAt } from "./schema_walk.ts";
import { suggest } from "./suggest.ts";

export interface Problem {
  /** Key path, [] at the root. */
  path: PropertyKey[];
  /** Set when the place to point at is a key rather than its value. */
  onKey: boolean;
  message: string;
}

type Issue = z.core.$ZodIssue;

const typeNames: Record<string, string> = {
  string: "字符串",
  number: "数字",
  int: "整数",
  boolean: "布尔值（true 或 false）",
  object: "键值表",
  array: "列表",
  null: "空值",
  undefined: "缺失",
};

function typeOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

function bound(issue: Issue & { code: "too_small" | "too_big" }, zh: boolean): string {
  const small = issue.code === "too_small";
  const limit = String(small ? issue.minimum : issue.maximum);
  const empty = small && Number(issue.minimum) === 1;
  if (issue.origin === "string") {
    if (empty) return zh ? "不能为空" : "must not be empty";
    return zh
      ? `长度${small ? "至少" : "至多"} ${limit}`
      : `must have at ${small ? "least" : "most"} ${limit} characters`;
  }
  if (issue.origin === "array") {
    if (empty) return zh ? "列表不能为空" : "must list at least one item";
    return zh
      ? `列表${small ? "至少" : "至多"} ${limit} 项`
      : `must list at ${small ? "least" : "most"} ${limit} items`;
  }
  if (zh) return `必须${small ? (issue.inclusive ? "不小于" : "大于") : issue.inclusive ? "不大于" : "小于"} ${limit}`;
  const relation = small ? (issue.inclusive ? "at least" : "above") : issue.inclusive ? "at most" : "below";
  return `must be ${relation} ${limit}`;
}

function sentence(issue: Issue, input: unknown, zh: boolean): string {
  const found = zh ? `现在是 ${shown(input)}` : `found ${shown(input)}`;
  switch (issue.code) {
    case "invalid_type": {
      const expected = issue.expected as string;
      if (input === undefined) return zh ? "缺少该项" : "is missing";
      return zh
        ? `应为${typeNames[expected] ?? expected}，${found}（${typeNames[typeOf(input)] ?? typeOf(input)}）`
        : `expected ${expected === "object" ? "a map of keys" : expected}, ${found} (${typeOf(input)})`;
    }
    case "invalid_value": {
      const values = issue.values.map((value) => shown(value)).join(", ");
      const near = typeof input === "string" ? suggest(input, issue.values.map(String)) : undefined;
      const hint = near === undefined ? "" : zh ? `；是否想写 ${shown(near)}？` : `; did you mean ${shown(near)}?`;
      if (input === undefined) return zh ? `缺少该项，可取 ${values}` : `is missing; use one of ${values}`;
      return zh ? `只能取 ${values}，${found}${hint}` : `must be one of ${values}, ${found}${hint}`;
    }
    case "too_small":
    case "too_big":
      return `${bound(issue, zh)}${zh ? "，" : ", "}${found}`;
    case "invalid_format": {
      if (issue.format === "url") return zh ? `应为 http(s) 地址，${found}` : `expected an http(s) address, ${found}`;
      return zh ? `格式不对，${found}` : `has the wrong form, ${found}`;
    }
    case "custom": {
      const params = issue.params as { en?: string; zh?: string } | undefined;
      return (zh ? params?.zh : params?.en) ?? issue.message;
    }
    default:
      return issue.message;
  }
}

/** The problems one issue stands for: several unknown keys are several problems, a union speaks for its best branch. */
export function problemsOf(schema: z.core.$ZodType, issue: Issue, root: unknown, language: Language): Problem[] {
  const zh = language === "zh";
  if (issue.code === "unrecognized_keys") {
    const known = keysAt(schema, issue.path);
    return issue.keys.map((key) => {
      const near = suggest(key, known);
      const hint = near ?? known.join(", ");
      const message = zh
        ? near === undefined
          ? `没有这个键；可用的键：${hint}`
          : `没有这个键；是否想写 ${hint}？`
        : near === undefined
          ? `is not a known key; known here: ${hint}`
          : `is not a known key; did you mean ${hint}?`;
      return { path: [...issue.path, key], onKey: true, message };
    });
  }
  const input = valueAt(root, issue.path);
  if (issue.code === "invalid_union") {
    // The branch whose type fits the value is the one the user meant.
    const branches = issue.errors.filter(
      (branch) => !branch.some((inner) => inner.code === "invalid_type" && inner.path.length === 0),
    );
    const meant = branches[0];
    if (meant !== undefined) {
      return meant.flatMap((inner) =>
        problemsOf(schema, { ...inner, path: [...issue.path, ...inner.path] } as Issue, root, language),
      );
    }
    const expected = issue.errors.flatMap((branch) =>
      branch.map((inner) => (inner.code === "invalid_type" ? inner.expected : "")),
    );
    const names = [...new Set(expected.filter((name) => name !== ""))];
    const message = zh
      ? `应为${names.map((name) => typeNames[name] ?? name).join("或")}，现在是 ${shown(input)}`
      : `expected ${names.join(" or ")}, found ${shown(input)}`;
    return [{ path: issue.path, onKey: false, message }];
  }
  const refusal = input === undefined ? undefined : metaOf(schemaAt(schema, issue.path)).refusal;
  const message =
    refusal === undefined || issue.code === "custom"
      ? sentence(issue, input, zh)
      : `${refusal[language]}${zh ? `，现在是 ${shown(input)}` : `, found ${shown(input)}`}`;
  return [{ path: issue.path, onKey: false, message }];
}
