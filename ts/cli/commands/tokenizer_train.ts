// belle-train tokenizer train
import { access, constants, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { loadConfig, parseConfig } from "../../config/load.ts";
import { tokenizerTrainSchema } from "../../config/tokenizer.ts";
import { BelleError } from "../../native/errors.ts";
import { trainBpe } from "../../tokenizer/train_bpe.ts";
import { defineCommand } from "../command.ts";

const phases = {
  // Also of standard input, which is stored as it is.
  unpack: { en: "fetching text", zh: "获取文本" },
  read: { en: "reading", zh: "读取" },
  count: { en: "counting", zh: "统计" },
  merge: { en: "merging", zh: "合并" },
  done: { en: "done", zh: "完成" },
} as const;

export const command = defineCommand({
  positionals: {
    files: {
      type: "strings",
      text: {
        en: "Text files, one sentence a line; .gz and .zst are unpacked; without any, standard input",
        zh: "文本文件，每行一句；.gz 与 .zst 会自动解压；不给出时读取标准输入",
      },
    },
  },
  options: {
    output: {
      type: "string",
      required: true,
      text: {
        en: "A .model file, or a folder for tokenizer.model",
        zh: "输出的 .model 文件，或存放 tokenizer.model 的文件夹",
      },
    },
    config: {
      type: "string",
      text: {
        en: "YAML with the options; see `belle-train config schema --document tokenizer-train`",
        zh: "选项 YAML；参见 `belle-train config schema --document tokenizer-train`",
      },
    },
    "vocab-size": { type: "number", text: { en: "Rows of the vocabulary", zh: "词表大小" } },
    "character-coverage": {
      type: "number",
      text: { en: "Share of characters with a piece of their own", zh: "拥有独立词元的字符比例" },
    },
    "byte-fallback": { type: "boolean", text: { en: "Unknown characters become bytes", zh: "未知字符拆成字节" } },
    "memory-limit-gb": {
      type: "number",
      text: {
        en: "Memory to use, in 10^9 bytes; what outgrows it is kept on disk",
        zh: "可使用的内存（10^9 字节）；超出部分存放在磁盘上",
      },
    },
    "work-folder": {
      type: "string",
      text: {
        en: "Keep unpacked text and counts here; the same command goes on with them after a kill",
        zh: "解压后的文本与计数存放于此；中断后再次运行同一命令即可继续",
      },
    },
    set: {
      type: "strings",
      text: {
        en: "Any sentencepiece option: split_digits=true (repeatable)",
        zh: "任意 sentencepiece 选项：split_digits=true（可重复）",
      },
    },
  },
  examples: [
    [
      "belle-train tokenizer train zh.txt --vocab-size 50000 --byte-fallback --output zh/",
      { en: "a Chinese vocabulary", zh: "训练中文词表" },
    ],
  ],
  async run(args, context) {
    const given = {
      vocab_size: args["vocab-size"],
      character_coverage: args["character-coverage"],
      byte_fallback: args["byte-fallback"],
      memory_limit_gb: args["memory-limit-gb"],
      input: args.files?.length ? args.files : args.config === undefined && !process.stdin.isTTY ? ["-"] : undefined,
    };
    const set = [
      ...Object.entries(given)
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => `${name}=${JSON.stringify(value)}`),
      ...(args.set ?? []),
    ];
    const options = { set, language: context.language };
    const config =
      args.config === undefined
        ? parseConfig("", "tokenizer train", tokenizerTrainSchema, options)
        : await loadConfig(args.config, tokenizerTrainSchema, options);
    if (config.input.includes("-")) {
      context.note({
        en: "Reading the text from standard input, up to its end.",
        zh: "从标准输入读取文本，直到其结束。",
      });
    }
    // Made before the work, so that a place that cannot be written costs nothing.
    const output = args.output.endsWith(".model") ? args.output : join(args.output, "tokenizer.model");
    await makeFolder(dirname(output));
    let phase = "";
    let outcome: Record<string, number> = {};
    let progress = context.progress(phases.read);
    const tokenizer = await trainBpe({
      ...config,
      ...(args["work-folder"] !== undefined && { workFolder: args["work-folder"] }),
      signal: context.signal,
      onProgress(state) {
        if (state.phase !== phase) {
          progress.finish();
          phase = state.phase;
          progress = context.progress(phases[state.phase]);
        }
        // Whatever the shards: ties are also settled by our rule where the counts of a limited run fit in memory.
        if (state.phase === "done" && config.memory_limit_gb !== undefined) {
          const { shards = 0, generations = 0, ties = 0 } = state;
          outcome = { shards, generations, ties };
        }
        progress.update({ done: state.done, total: state.total });
      },
    }).finally(() => progress.finish());
    await tokenizer.save(output);
    context.summary(
      { output, vocabSize: tokenizer.vocabSize, fingerprint: tokenizer.fingerprint, ...outcome },
      { en: `Wrote ${output}: ${tokenizer.vocabSize} rows`, zh: `写出 ${output}：${tokenizer.vocabSize} 行` },
    );
  },
});

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
    await access(path, constants.W_OK);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const message = `--output: ${path} cannot be made or written (${code}); choose another folder, or mend its permissions.`;
    throw new BelleError("ERR_BELLE_IO", message, { cause });
  }
}
