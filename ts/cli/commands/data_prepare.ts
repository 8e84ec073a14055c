// belle-train data prepare
import { formats, joins, type SourceSection } from "../../config/data.ts";
import { loadConfig } from "../../config/load.ts";
import { runSchema } from "../../config/run.ts";
import { type PrepareResult, prepareData } from "../../data/prepare.ts";
import { BelleError } from "../../native/errors.ts";
import { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { prepareRunData } from "../../train/run.ts";
import { type Context, defineCommand } from "../command.ts";

const joinNames = ["none", "newline", "input"] as const;
const phases = {
  read: { en: "tokenising", zh: "分词" },
  write: { en: "packing", zh: "打包" },
} as const;

function tell(context: Context, result: PrepareResult): void {
  const { manifest, folder, reused, droppedFile } = result;
  const dropped = Object.entries(manifest.dropped)
    .map(([reason, count]) => `${reason} ${count}`)
    .join(", ");
  const fill = ((100 * manifest.tokens) / (manifest.packs * manifest.max_length)).toFixed(1);
  const tail = droppedFile === undefined ? "" : `\n${dropped}: ${droppedFile}`;
  context.summary(
    { folder, reused, droppedFile: droppedFile ?? null, manifest },
    {
      en: `${reused ? "Kept" : "Wrote"} ${folder}: ${manifest.samples} samples in ${manifest.packs} packs (${fill}% full), ${manifest.tokens} tokens, ${manifest.supervised_tokens} supervised, ${manifest.truncated_samples} cut${tail}`,
      zh: `${reused ? "沿用" : "写出"} ${folder}：${manifest.samples} 个样本，${manifest.packs} 个 pack（装满 ${fill}%），${manifest.tokens} 个 token，其中 ${manifest.supervised_tokens} 个计入损失，截断 ${manifest.truncated_samples} 个样本${tail}`,
    },
  );
}

export const command = defineCommand({
  positionals: {
    files: { type: "strings", text: { en: "Data files; or use --config", zh: "数据文件；或使用 --config" } },
  },
  options: {
    config: {
      type: "string",
      text: { en: "Run configuration: prepares what `train` would", zh: "运行配置：处理 `train` 会用到的数据" },
    },
    set: {
      type: "strings",
      text: { en: "Override a value of the configuration (repeatable)", zh: "覆盖配置中的某个值（可重复）" },
    },
    tokenizer: {
      type: "string",
      text: {
        en: "tokenizer.model or tokenizer.json, or a folder that holds one",
        zh: "tokenizer.model 或 tokenizer.json，或包含它们的文件夹",
      },
    },
    output: { type: "string", text: { en: "Folder of the token shards", zh: "token 数据的输出文件夹" } },
    "max-length": {
      type: "number",
      default: 2048,
      text: { en: "Longest sample and size of a pack, in tokens", zh: "样本最大长度与 pack 大小（token 数）" },
    },
    format: { type: "string", choices: formats, default: "auto", text: { en: "Shape of a row", zh: "每行数据的形状" } },
    join: {
      type: "string",
      choices: joinNames,
      default: "none",
      text: {
        en: "What joins instruction and input of alpaca rows: nothing (BELLE), a newline (LLaMA-Factory), \\nInput:\\n (FastChat)",
        zh: "alpaca 行中 instruction 与 input 的连接：none（BELLE）、newline（LLaMA-Factory）、input 即 \\nInput:\\n（FastChat）",
      },
    },
    "sample-by": {
      type: "string",
      choices: ["line", "paragraph", "document"],
      default: "line",
      text: { en: "What a sample of plain text is", zh: "纯文本以什么为一个样本" },
    },
    limit: { type: "number", text: { en: "Read only the first rows of each file", zh: "每个文件只读取前若干行" } },
    mode: {
      type: "string",
      choices: ["belle", "belle-compat"],
      default: "belle",
      text: {
        en: "belle drops samples without an answer; belle-compat does as BELLE's script",
        zh: "belle 丢弃没有回答的样本；belle-compat 与 BELLE 脚本一致",
      },
    },
    "on-bad-line": {
      type: "string",
      choices: ["error", "skip"],
      default: "error",
      text: { en: "A row that cannot be read: stop, or skip and list it", zh: "无法读取的行：停止，或跳过并列出" },
    },
    seed: { type: "number", default: 42, text: { en: "Seed of the order of packs", zh: "pack 顺序的种子" } },
    cache: {
      type: "boolean",
      default: true,
      text: { en: "Keep shards made from the same inputs", zh: "沿用由相同输入生成的数据" },
    },
  },
  examples: [
    [
      "belle-train data prepare sft.jsonl --tokenizer tokenizer.model --output data/train",
      { en: "shards for training", zh: "生成训练数据" },
    ],
  ],
  async run(args, context) {
    const files = args.files ?? [];
    if (args.config !== undefined) {
      if (files.length > 0)
        throw new BelleError(
          "ERR_BELLE_USAGE",
          context.text({ en: "Give files or --config, not both.", zh: "文件与 --config 只能给出一种。" }),
        );
      const config = await loadConfig(args.config, runSchema, { set: args.set, language: context.language });
      const tokenizer = await Tokenizer.load(config.tokenizer?.path ?? config.model.path!);
      const { train, evaluation } = await prepareRunData(config, tokenizer, context.signal, () => {});
      for (const result of evaluation === undefined ? [train] : [train, evaluation]) tell(context, result);
      return;
    }
    if (files.length === 0 || args.tokenizer === undefined || args.output === undefined) {
      throw new BelleError(
        "ERR_BELLE_USAGE",
        context.text({
          en: "Give files, --tokenizer and --output; or --config.",
          zh: "请给出文件、--tokenizer 和 --output；或给出 --config。",
        }),
      );
    }
    for (const name of ["max-length", "limit", "seed"] as const) {
      const value = args[name];
      const least = name === "seed" ? 0 : name === "limit" ? 1 : 2;
      if (value !== undefined && (!Number.isInteger(value) || value < least)) {
        throw new BelleError(
          "ERR_BELLE_USAGE",
          context.text({
            en: `--${name} must be a whole number of at least ${least}.`,
            zh: `--${name} 必须是不小于 ${least} 的整数。`,
          }),
        );
      }
    }
    const sources = files.map(
      (path): SourceSection => ({
        path,
        format: args.format,
        join: joins[joinNames.indexOf(args.join)]!,
        sample_by: args["sample-by"],
        ...(args.limit === undefined ? {} : { limit: args.limit }),
      }),
    );
    const tokenizer = await Tokenizer.load(args.tokenizer);
    let phase = "";
    let progress = context.progress(phases.read);
    const result = await prepareData(
      {
        sources,
        tokenizer,
        output: args.output,
        maxLength: args["max-length"],
        mode: args.mode,
        seed: args.seed,
        onBadLine: args["on-bad-line"],
        cache: args.cache,
      },
      {
        signal: context.signal,
        onProgress(state) {
          if (state.phase === "hash") return;
          if (state.phase !== phase) {
            progress.finish();
            phase = state.phase;
            progress = context.progress(phases[state.phase]);
          }
          progress.update({
            done: state.done,
            total: state.total,
            unit: state.phase === "write" ? "packs" : "B",
          });
        },
      },
    ).finally(() => progress.finish());
    tell(context, result);
  },
});
