// The reference of every key, from the schemas themselves: a JSON schema for editors and a Markdown page.
import { z } from "zod";
import { generateSchema } from "./generate.ts";
import { judgeSchema } from "./judge.ts";
import type { Language } from "./language.ts";
import { runSchema } from "./run.ts";
import { metaOf, objectOf, objectsOf, unwrap } from "./schema_walk.ts";
import { mergeSchema, tokenizerTrainSchema } from "./tokenizer.ts";

/** The documents a user writes: name -> schema. */
export const documents = {
  run: runSchema,
  "tokenizer-train": tokenizerTrainSchema,
  "tokenizer-merge": mergeSchema,
  generate: generateSchema,
  judge: judgeSchema,
} as const;

export type DocumentName = keyof typeof documents;
export type DocumentTable = Readonly<Record<string, z.ZodType>>;

/** JSON schema (draft 2020-12) of a document; for `# yaml-language-server: $schema=`. */
export function configJsonSchema(schema: z.ZodType = runSchema, language: Language = "en"): object {
  return z.toJSONSchema(schema, {
    io: "input",
    override: ({ jsonSchema }) => {
      const described = jsonSchema as { description?: string; description_zh?: string; refusal?: unknown };
      if (language === "zh" && described.description_zh !== undefined) described.description = described.description_zh;
      delete described.description_zh;
      delete described.refusal;
    },
  });
}

interface Row {
  key: string;
  kind: string;
  standard: string;
  text: string;
}

function kindOf(schema: z.core.$ZodType): string {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodEnum) return inner.options.map((option) => JSON.stringify(option)).join(" \\| ");
  if (inner instanceof z.ZodLiteral) return [...inner.values].map((value) => JSON.stringify(value)).join(" \\| ");
  if (inner instanceof z.ZodArray) {
    const element = kindOf(inner.element);
    return element.includes("|") ? `(${element})[]` : `${element}[]`;
  }
  if (inner instanceof z.ZodUnion) return [...new Set(inner.options.map(kindOf))].join(" \\| ");
  if (inner instanceof z.ZodNumber) return inner.isInt ? "integer" : "number";
  if (inner instanceof z.ZodBoolean) return "boolean";
  if (inner instanceof z.ZodObject) return "map";
  return "string";
}

/** The keys of an object, or of all branches of a union of objects; what is the same in two branches stands once. */
function keysOf(schema: z.core.$ZodType): Array<[string, z.ZodType[]]> {
  const keys = new Map<string, z.ZodType[]>();
  for (const { shape } of objectsOf(schema)) {
    for (const [name, child] of Object.entries(shape) as Array<[string, z.ZodType]>) {
      keys.set(name, [...(keys.get(name) ?? []), child]);
    }
  }
  return [...keys];
}

/** The default; a map shows none of its own, its keys do. */
function standardOf(schema: z.ZodType, isMap: boolean, language: Language): string {
  const given = schema.safeParse(undefined);
  if (!given.success) return language === "zh" ? "必填" : "required";
  return isMap || given.data === undefined ? "" : `\`${JSON.stringify(given.data)}\``;
}

function rowsOf(object: z.core.$ZodType, prefix: string, language: Language): Row[] {
  const rows: Row[] = [];
  for (const [name, schemas] of keysOf(object)) {
    const schema = schemas[0]!;
    const meta = metaOf(schema);
    const inner = unwrap(schema);
    const element = inner instanceof z.ZodArray ? inner.element : inner;
    const isMap = element === inner && objectsOf(inner).length > 0;
    const kind = [...new Set(schemas.map(kindOf))].join(" \\| ");
    const text = (language === "zh" ? meta.description_zh : meta.description) ?? "";
    rows.push({ key: `${prefix}${name}`, kind, standard: standardOf(schema, isMap, language), text });
    rows.push(...rowsOf(element, `${prefix}${name}${element === inner ? "" : "[]"}.`, language));
  }
  return rows;
}

/** Markdown tables of every key of every document. */
export function configMarkdown(table: DocumentTable = documents, language: Language = "en"): string {
  const zh = language === "zh";
  const head = zh ? "| 键 | 类型 | 默认 | 说明 |" : "| key | type | default | meaning |";
  const parts = [
    zh ? "# 配置参考" : "# Configuration reference",
    zh
      ? "由 `belle-train config schema --markdown --lang zh` 生成，与校验所用的 schema 同源。"
      : "Written by `belle-train config schema --markdown` from the schemas that validate the files.",
  ];
  for (const [name, schema] of Object.entries(table)) {
    if (objectOf(schema) === undefined) continue;
    const rows = rowsOf(schema, "", language).map(
      (row) =>
        `| \`${row.key}\` | ${row.kind} | ${row.standard.replaceAll("|", "\\|")} | ${row.text.replaceAll("|", "\\|")} |`,
    );
    parts.push(`## ${name}`, [head, "| --- | --- | --- | --- |", ...rows].join("\n"));
  }
  return `${parts.join("\n\n")}\n`;
}
