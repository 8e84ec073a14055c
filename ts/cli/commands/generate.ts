// belle-train generate

import { generateSchema } from "../../config/generate.ts";
import { parseConfig } from "../../config/load.ts";
import { templates, toSegments } from "../../data/template.ts";
import { samplingOptions } from "../../eval/local_generator.ts";
import { Model } from "../../model/model.ts";
import { BelleError } from "../../native/errors.ts";
import { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { defineCommand } from "../command.ts";
import { readInputLines } from "../stdin.ts";

export const command = defineCommand({
  positionals: {
    model: { type: "string", required: true, text: { en: "Hugging Face model folder", zh: "Hugging Face 模型文件夹" } },
    prompts: {
      type: "strings",
      text: { en: "Prompts; without any, each line of stdin is one", zh: "提示；不给出时，标准输入的每一行为一个提示" },
    },
  },
  options: {
    tokenizer: {
      type: "string",
      text: {
        en: "tokenizer.model or tokenizer.json; default: the model folder's",
        zh: "tokenizer.model 或 tokenizer.json；默认使用模型文件夹中的",
      },
    },
    adapter: {
      type: "string",
      text: { en: "PEFT LoRA adapter folder to apply", zh: "要应用的 PEFT LoRA 适配器文件夹" },
    },
    template: {
      type: "string",
      choices: ["belle", "none"],
      default: "belle",
      text: {
        en: "belle: as a question to answer; none: text to continue",
        zh: "belle：作为要回答的问题；none：作为要续写的文本",
      },
    },
    set: {
      type: "strings",
      text: {
        en: "Sampling option: temperature=0.7, top_p=0.9, max_new_tokens=200 (repeatable; see `belle-train config schema --document generate`)",
        zh: "采样选项：temperature=0.7、top_p=0.9、max_new_tokens=200（可重复；参见 `belle-train config schema --document generate`）",
      },
    },
    backend: { type: "string", choices: ["auto", "cpu", "cuda"], text: { en: "Where to compute", zh: "计算后端" } },
    threads: {
      type: "number",
      default: 0,
      text: { en: "CPU threads; 0: all cores", zh: "CPU 线程数；0 表示全部核心" },
    },
  },
  examples: [["belle-train generate output/final 你好", { en: "one answer", zh: "回答一个提示" }]],
  async run(args, context) {
    const options = parseConfig("", "--set", generateSchema, { set: args.set, language: context.language });
    const prompts = args.prompts?.length ? args.prompts : await readInputLines(context.signal);
    if (prompts.length === 0)
      throw new BelleError(
        "ERR_BELLE_USAGE",
        context.text({
          en: "There is no prompt: give one, or lines on stdin.",
          zh: "没有提示：请给出提示，或从标准输入逐行给出。",
        }),
      );
    const tokenizer = await Tokenizer.load(args.tokenizer ?? args.model);
    const model = await Model.load(args.model, {
      threads: args.threads,
      ...(args.backend ? { backend: args.backend } : {}),
      ...(args.adapter === undefined ? {} : { adapter: args.adapter }),
    });
    try {
      const ids = prompts.map((prompt) => {
        if (args.template === "none") return tokenizer.encode(prompt, { bos: tokenizer.bosId >= 0 });
        return tokenizer.encode(toSegments([{ role: "human", text: prompt }], templates.belle)[0]!.text);
      });
      const progress = context.progress({ en: "generating", zh: "生成" });
      let tokens = 0;
      const answers = await model
        .generate(ids, {
          ...samplingOptions(model, tokenizer, options),
          signal: context.signal,
          onToken: () =>
            progress.update({ done: ++tokens, total: 0, unit: context.text({ en: "tokens", zh: "个 token" }) }),
        })
        .finally(() => progress.finish());
      for (const [i, answer] of answers.entries()) {
        const text = tokenizer.decode(answer);
        context.result({ prompt: prompts[i]!, answer: text, tokens: answer.length }, () => text);
      }
    } finally {
      model.dispose();
    }
  },
});
