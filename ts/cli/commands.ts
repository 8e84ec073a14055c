// Every command: its name, one line of help, and the file it lives in. The file is only read when the command is used.
import type { Text } from "../config/language.ts";
import type { CommandEntry } from "./command.ts";

export const groups: Record<string, Text> = {
  config: { en: "Reference and validation of configuration files", zh: "配置文件的参考与校验" },
  data: { en: "Prepare training data", zh: "准备训练数据" },
  tokenizer: { en: "Train, merge, export and inspect tokenizers", zh: "训练、合并、导出与查看分词器" },
  native: { en: "The native addon", zh: "原生扩展" },
  eval: { en: "Evaluate answers", zh: "评测回答" },
  recipe: { en: "Ready-made runs", zh: "现成的流程" },
};

export const commands: readonly CommandEntry[] = [
  {
    name: "quickstart",
    summary: {
      en: "The whole chain on a small scale: text to a trained, scored model and a report",
      zh: "小规模走完整个流程：从文本到训练并评分的模型和报告",
    },
    load: () => import("./commands/quickstart.ts"),
  },
  {
    name: "doctor",
    summary: {
      en: "Check this computer: Node, addon, backends, disk",
      zh: "检查本机环境：Node、原生扩展、计算后端、磁盘",
    },
    load: () => import("./commands/doctor.ts"),
  },
  {
    name: "train",
    usage: "<config>",
    summary: { en: "Train a model as a YAML file says", zh: "按 YAML 文件训练模型" },
    load: () => import("./commands/train.ts"),
  },
  {
    name: "plan",
    usage: "[run]",
    summary: {
      en: "Memory, speed and hours of a training run, before it starts",
      zh: "训练开始前预估内存、速度和时长",
    },
    load: () => import("./commands/plan.ts"),
  },
  {
    name: "generate",
    usage: "<model> [prompts..]",
    summary: { en: "Answer prompts with a model", zh: "用模型回答提示" },
    load: () => import("./commands/generate.ts"),
  },
  {
    name: "convert",
    summary: {
      en: "Merge a LoRA adapter into a model, or write its weights in another type",
      zh: "把 LoRA 适配器合并进模型，或转换权重类型",
    },
    load: () => import("./commands/convert.ts"),
  },
  {
    name: "data prepare",
    usage: "[files..]",
    summary: { en: "Tokenise, mask and pack files into token shards", zh: "将文件分词、屏蔽并打包为 token 数据" },
    load: () => import("./commands/data_prepare.ts"),
  },
  {
    name: "data stats",
    usage: "<files..>",
    summary: {
      en: "Count rows, turns, characters and tokens of files or shards",
      zh: "统计文件或 token 数据的行数、轮数、字数和 token 数",
    },
    load: () => import("./commands/data_stats.ts"),
  },
  {
    name: "tokenizer train",
    usage: "[files..]",
    summary: {
      en: "Train a BPE tokenizer, option names as in sentencepiece",
      zh: "训练 BPE 分词器，选项名与 sentencepiece 一致",
    },
    load: () => import("./commands/tokenizer_train.ts"),
  },
  {
    name: "tokenizer merge",
    usage: "<base> <addition>",
    summary: { en: "Append the pieces of one tokenizer to another", zh: "把一个分词器的词元追加到另一个" },
    load: () => import("./commands/tokenizer_merge.ts"),
  },
  {
    name: "tokenizer export",
    usage: "<tokenizer>",
    summary: {
      en: "Write a tokenizer as a Hugging Face folder, and check that it encodes equally",
      zh: "把分词器写成 Hugging Face 文件夹，并检查编码是否相同",
    },
    load: () => import("./commands/tokenizer_export.ts"),
  },
  {
    name: "tokenizer encode",
    usage: "<tokenizer> [texts..]",
    summary: { en: "Encode lines to token ids, or decode ids", zh: "把文本行编码为 token id，或解码" },
    load: () => import("./commands/tokenizer_encode.ts"),
  },
  {
    name: "tokenizer stats",
    usage: "<tokenizer> [files..]",
    summary: { en: "Describe a tokenizer and how well it compresses a text", zh: "描述分词器及其对文本的压缩率" },
    load: () => import("./commands/tokenizer_stats.ts"),
  },
  {
    name: "recipe run",
    usage: "<config>",
    summary: { en: "Run a recipe from its YAML file", zh: "按 YAML 文件运行配方" },
    load: () => import("./commands/recipe_run.ts"),
  },
  {
    name: "recipe list",
    summary: { en: "List the recipes", zh: "列出全部配方" },
    load: () => import("./commands/recipe_list.ts"),
  },
  {
    name: "config schema",
    summary: {
      en: "Print the JSON schema or the reference of the configuration",
      zh: "输出配置的 JSON schema 或参考文档",
    },
    load: () => import("./commands/config_schema.ts"),
  },
  {
    name: "config print",
    usage: "<config>",
    summary: { en: "Validate a configuration and print it with all defaults", zh: "校验配置并输出补全默认值后的结果" },
    load: () => import("./commands/config_print.ts"),
  },
  {
    name: "native build",
    summary: { en: "Build the native addon from source", zh: "从源码构建原生扩展" },
    load: () => import("./commands/native_build.ts"),
  },
  {
    name: "eval judge",
    usage: "<answers>",
    summary: { en: "Score answers with a judge model by BELLE's protocol", zh: "按 BELLE 的方式由评审模型给回答评分" },
    load: () => import("./commands/eval_judge.ts"),
  },
  {
    name: "bench",
    usage: "[claims..]",
    summary: {
      en: "Measure this computer's speed, beside PyTorch where one is given",
      zh: "测量本机速度，可与 PyTorch 对比",
    },
    load: () => import("./commands/bench.ts"),
  },
  {
    name: "report",
    usage: "<summaries..>",
    summary: {
      en: "Render evaluations as HTML, Markdown, CSV or JSON; compare several",
      zh: "将评测结果输出为 HTML、Markdown、CSV 或 JSON，可对比多个",
    },
    load: () => import("./commands/report.ts"),
  },
];
