// The reference of every key, from the schemas themselves: a JSON schema for editors and a Markdown page.
import { z } from "zod";
import { generateSchema } from "./generate.ts";
import { judgeSchema } from "./judge.ts";
import type { Language } from "./language.ts";
import { runSchema } from "./run.ts";
import { metaOf, objectOf, unwrap } from "./schema_walk.ts";
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
  if (inner instanceof z.ZodArray) return `${kindOf(inner.element)}[]`;
  if (inner instanceof z.ZodUnion) return inner.options.map(kindOf).join(" \\| ");
  if (inner instanceof z.ZodNumber) return inner.isInt ? "integer" : "number";
  if (inner instanceof z.ZodBoolean) return "boolean";
  if (inner instanceof z.ZodObject) return "map";
  return "string";
}

function rowsOf(object: z.ZodObject, prefix: string, language: Language): Row[] {
  const rows: Row[] = [];
  for (const [name, schema] of Object.entries(object.shape) as Array<[string, z.ZodType]>) {
    const meta = metaOf(schema);
    const given = schema.safeParse(undefined);
    const inner = unwrap(schema);
    const isMap = inner instanceof z.ZodObject;
    const needed = language === "zh" ? "必填" : "required";
    const standard = !given.success
      ? isMap
        ? ""
        : needed
      : isMap || given.data === undefined
        ? ""
        : `\`${JSON.stringify(given.data)}\``;
    const text = (language === "zh" ? meta.description_zh : meta.description) ?? "";
    rows.push({ key: `${prefix}${name}`, kind: kindOf(schema), standard, text });
    const element = inner instanceof z.ZodArray ? objectOf(inner.element) : objectOf(schema);
    const step = inner instanceof z.ZodArray ? `${prefix}${name}[].` : `${prefix}${name}.`;
    if (element !== undefined) rows.push(...rowsOf(element, step, language));
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
    const object = objectOf(schema);
    if (object === undefined) continue;
    const rows = rowsOf(object, "", language).map(
      (row) =>
        `| \`${row.key}\` | ${row.kind} | ${row.standard.replaceAll("|", "\\|")} | ${row.text.replaceAll("|", "\\|")} |`,
    );
    parts.push(`## ${name}`, [head, "| --- | --- | --- | --- |", ...rows].join("\n"));
  }
  return `${parts.join("\n\n")}\n`;
}
