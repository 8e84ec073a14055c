// belle-train convert
import { dtypes } from "../../native/dtype.ts";
import { convertModel } from "../../train/convert.ts";
import { defineCommand } from "../command.ts";

export const command = defineCommand({
  options: {
    model: {
      type: "string",
      required: true,
      text: { en: "Hugging Face model folder", zh: "Hugging Face 模型文件夹" },
    },
    "merge-adapter": {
      type: "string",
      text: {
        en: "PEFT LoRA adapter folder to add to the weights",
        zh: "要合并进权重的 PEFT LoRA 适配器文件夹",
      },
    },
    dtype: {
      type: "string",
      choices: dtypes,
      text: {
        en: "Type of the weights written; default: what config.json says, float32 for float16",
        zh: "写出权重的类型；默认与 config.json 一致，float16 则为 float32",
      },
    },
    output: { type: "string", required: true, text: { en: "Folder of the new model", zh: "新模型的输出文件夹" } },
    threads: {
      type: "number",
      default: 0,
      text: { en: "CPU threads; 0: all cores", zh: "CPU 线程数；0 表示全部核心" },
    },
  },
  examples: [
    [
      "belle-train convert --model llama-7b --merge-adapter output/final --output merged",
      {
        en: "a model without an adapter, from a base and its LoRA adapter",
        zh: "把基础模型与 LoRA 适配器合并为一个模型",
      },
    ],
  ],
  async run(args, context) {
    const { path, dtype, parameters } = await convertModel({
      model: args.model,
      output: args.output,
      threads: args.threads,
      ...(args.dtype === undefined ? {} : { dtype: args.dtype }),
      ...(args["merge-adapter"] === undefined ? {} : { mergeAdapter: args["merge-adapter"] }),
    });
    context.summary(
      { output: path, dtype, parameters },
      {
        en: `Wrote ${path}: ${parameters} parameters in ${dtype}`,
        zh: `写出 ${path}：${parameters} 个参数，${dtype}`,
      },
    );
  },
});
