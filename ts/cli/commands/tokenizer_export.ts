// belle-train tokenizer export
import { exportTokenizer } from "../../tokenizer/export_tokenizer.ts";
import { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { defineCommand } from "../command.ts";
import { exportView } from "../views/export_view.ts";

export const command = defineCommand({
  positionals: {
    tokenizer: {
      type: "string",
      required: true,
      text: {
        en: "tokenizer.model, a tokenizer.json made from one, or a folder",
        zh: "tokenizer.model、由它生成的 tokenizer.json，或其文件夹",
      },
    },
  },
  options: {
    output: {
      type: "string",
      required: true,
      text: { en: "Folder to write the four files into", zh: "写入四个文件的文件夹" },
    },
    legacy: {
      type: "boolean",
      default: true,
      text: {
        en: "A dummy prefix for every stretch of text, as sentencepiece; --no-legacy: for a text's first only",
        zh: "每段文本都加前缀空格，与 sentencepiece 一致；--no-legacy：只加在文本开头",
      },
    },
    "add-bos": {
      type: "boolean",
      text: {
        en: "transformers begins with the begin-of-sequence token (default: if there is one)",
        zh: "transformers 在开头加序列开始 token（默认：词表有则加）",
      },
    },
    "add-eos": {
      type: "boolean",
      default: false,
      text: { en: "transformers ends with the end-of-sequence token", zh: "transformers 在结尾加序列结束 token" },
    },
    "model-max-length": {
      type: "number",
      default: 2048,
      text: { en: "Tokens the model was made for", zh: "模型的最大 token 数" },
    },
    "llama-class": {
      type: "boolean",
      default: true,
      text: {
        en: "Name LlamaTokenizer as the class where it fits; --no-llama-class: one that takes tokenizer.json as it is",
        zh: "适用时以 LlamaTokenizer 为类名；--no-llama-class：用原样读取 tokenizer.json 的类",
      },
    },
    "inexact-charsmap": {
      type: "boolean",
      default: false,
      text: {
        en: "Write a model with a normaliser that Hugging Face applies differently",
        zh: "即使 Hugging Face 对其规范化的处理有差异也写出",
      },
    },
    check: {
      type: "strings",
      text: {
        en: "Text, one a line: count the lines that Hugging Face's rules encode differently (repeatable)",
        zh: "每行一条文本：统计按 Hugging Face 规则编码不同的行（可重复）",
      },
    },
    "max-lines": { type: "number", text: { en: "Check the first lines only", zh: "只检查前若干行" } },
  },
  examples: [
    [
      "belle-train tokenizer export merged/ --output hf/ --check zh.txt",
      { en: "write the folder and see whether it encodes equally", zh: "写出文件夹，并检查编码是否相同" },
    ],
  ],
  async run(args, context) {
    const tokenizer = await Tokenizer.load(args.tokenizer);
    const progress = context.progress({ en: "checking", zh: "检查" });
    const { files, check } = await exportTokenizer(tokenizer, args.output, {
      legacy: args.legacy,
      ...(args["add-bos"] === undefined ? {} : { addBos: args["add-bos"] }),
      addEos: args["add-eos"],
      modelMaxLength: args["model-max-length"],
      llamaClass: args["llama-class"],
      inexactCharsmap: args["inexact-charsmap"],
      ...(args.check === undefined ? {} : { checkText: args.check }),
      ...(args["max-lines"] === undefined ? {} : { maxLines: args["max-lines"] }),
      signal: context.signal,
      onProgress: ({ done, total }) => progress.update({ done, total }),
    }).finally(() => progress.finish());
    const details = check === undefined ? "" : `\n${exportView(check, context.text).join("\n")}`;
    context.summary(
      { output: args.output, files, fingerprint: tokenizer.fingerprint, ...(check === undefined ? {} : { check }) },
      {
        en: `Wrote ${files.join(", ")}${details}`,
        zh: `写出 ${files.join("、")}${details}`,
      },
    );
  },
});
