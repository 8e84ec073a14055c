// The `data` section: sources, template, and what happens to bad rows.
import { z } from "zod";
import { field, refusal } from "./field.ts";

export const formats = ["auto", "belle", "alpaca", "sharegpt", "input-target", "text"] as const;
export const joins = ["", "\n", "\nInput:\n"] as const;

export const sourceSchema = z.strictObject({
  path: field(
    z.string().min(1),
    "File to read: a JSON array, JSON Lines, or plain text; told apart by its first bytes, never by its suffix.",
    "数据文件：JSON 数组、JSON Lines 或纯文本；按开头字节判断，不看扩展名。",
  ),
  format: field(
    z.enum(formats).default("auto"),
    "Shape of a row. auto decides by the keys of the file's first row: conversations (belle, sharegpt), instruction/output (alpaca), input/target, or text.",
    "每行数据的形状。auto 依据首行的键判断：conversations（belle、sharegpt）、instruction/output（alpaca）、input/target 或 text。",
  ),
  join: field(
    z.enum(joins).default(""),
    'What joins instruction and input of an alpaca row: "" as BELLE, "\\n" as LLaMA-Factory, "\\nInput:\\n" as FastChat.',
    'alpaca 行中 instruction 与 input 的连接方式：BELLE 用 ""，LLaMA-Factory 用 "\\n"，FastChat 用 "\\nInput:\\n"。',
  ),
  sample_by: field(
    z.enum(["line", "paragraph", "document"]).default("line"),
    "Plain text only: a sample is a line, a paragraph (blank lines between), or the whole file.",
    "仅纯文本：以行、段落（空行分隔）或整个文件为一个样本。",
  ),
  limit: field(z.int().min(1).optional(), "Read only the first rows.", "只读取前若干行。"),
});

const sources = z.array(z.union([z.string().min(1), sourceSchema]));

export const dataSchema = z
  .strictObject({
    sources: field(
      sources.min(1),
      "Files to train on: a path, or an object with path and options.",
      "训练数据：路径，或带选项的对象。",
    ),
    eval_sources: field(
      sources.default([]),
      "Files to evaluate on; wins over eval_head.",
      "评估数据；优先于 eval_head。",
    ),
    eval_head: field(
      z.int().min(0).default(0),
      "Hold the first samples out for evaluation, as BELLE's training guide does with 1000; 0: none.",
      "取前若干个样本用于评估（BELLE 的训练指南取 1000 个）；0 表示不取。",
    ),
    template: field(z.enum(["belle"]).default("belle"), "How a conversation becomes text.", "对话转为文本的模板。"),
    mode: field(
      z.enum(["belle", "belle-compat"]).default("belle"),
      "belle drops a sample with nothing to learn from, and counts it; belle-compat does as BELLE's script: it unmasks labels 18 to 23 instead.",
      "belle 丢弃没有可学习 token 的样本并计数；belle-compat 与 BELLE 脚本一致：此时取消第 18 至 23 个标签的屏蔽。",
    ),
    max_length: field(
      z.int().min(2).max(1_048_576).optional(),
      "Longest sample and size of a pack, in tokens; default: train.max_length.",
      "样本最大长度与 pack 大小（token 数）；默认取 train.max_length。",
    ),
    on_bad_line: field(
      z.enum(["error", "skip"]).default("error"),
      "A row that cannot be read: stop with its line number, or skip, count and list it.",
      "遇到无法读取的行：报出行号并停止，或跳过、计数并列出。",
    ),
    seed: field(
      z.int().min(0).default(42),
      "Seed of the order in which samples of equal length are packed.",
      "打包时等长样本排序所用的种子。",
    ),
    cache: field(
      z.boolean().default(true),
      "Keep shards that were made from the same files, options and tokenizer.",
      "若已有由相同文件、选项和分词器生成的数据，则直接复用。",
    ),
  })
  .superRefine((value, context) => {
    if (value.eval_sources.length > 0 && value.eval_head > 0) {
      context.addIssue(
        refusal(
          {
            en: "cannot be used together with eval_sources; keep one of the two",
            zh: "不能与 eval_sources 同时使用，请只保留其一",
          },
          ["eval_head"],
        ),
      );
    }
  });

/** A data file as the library takes it: its path, or an object with the options that are not left at their default. */
export type DataSource = string | z.input<typeof sourceSchema>;
export type SourceSection = z.output<typeof sourceSchema>;
export type DataSection = z.output<typeof dataSchema>;
export type DataFormat = (typeof formats)[number];
export type AlpacaJoin = (typeof joins)[number];

/** Every source as an object with all options. */
export function normalizeSources(list: DataSection["sources"]): SourceSection[] {
  return list.map((source) => (typeof source === "string" ? sourceSchema.parse({ path: source }) : source));
}
