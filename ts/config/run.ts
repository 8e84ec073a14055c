// The root schema of `belle-train train config.yaml`.
import { z } from "zod";
import { dataSchema } from "./data.ts";
import { field, refusal } from "./field.ts";
import { metricsSchema } from "./metrics.ts";
import { modelSchema } from "./model.ts";
import { tokenizerSchema } from "./tokenizer.ts";
import { trainSchema } from "./train.ts";

/** data.max_length must not be above train.max_length: a refinement of every section that holds both. */
export function refuseLongData(
  value: { data: { max_length?: number | undefined }; train: { max_length: number } },
  context: z.RefinementCtx,
): void {
  const length = value.data.max_length;
  if (length === undefined || length <= value.train.max_length) return;
  context.addIssue(
    refusal(
      {
        en: `is ${length}, above train.max_length (${value.train.max_length}); leave it out to use that`,
        zh: `为 ${length}，大于 train.max_length（${value.train.max_length}）；省略即可使用后者`,
      },
      ["data", "max_length"],
    ),
  );
}

type LoraKeys = { model?: { adapter?: string | undefined }; train: { trainable: string; lora?: object | undefined } };

/** train.lora and model.adapter say what only trainable: lora uses: a refinement of every section that holds them. */
export function refuseIdleLora(value: LoraKeys, context: z.RefinementCtx): void {
  const { trainable, lora } = value.train;
  const adapter = value.model?.adapter;
  if (lora !== undefined && trainable !== "lora") {
    const en = `is only for train.trainable: lora, not ${trainable}; set that, or leave this out`;
    const zh = `仅用于 train.trainable: lora，而不是 ${trainable}；请改为 lora 或删去此项`;
    context.addIssue(refusal({ en, zh }, ["train", "lora"]));
  }
  if (adapter !== undefined && trainable !== "lora") {
    const en = `is trained further with train.trainable: lora, not ${trainable}; or merge it first: belle-train convert`;
    const zh = `只能以 train.trainable: lora 继续训练，而不是 ${trainable}；或先用 belle-train convert 合并`;
    context.addIssue(refusal({ en, zh }, ["model", "adapter"]));
  }
  if (adapter !== undefined && lora !== undefined) {
    const en = "cannot be used together with model.adapter, whose own settings hold; leave this out";
    const zh = "不能与 model.adapter 同时使用（以该适配器自身的设置为准），请删去此项";
    context.addIssue(refusal({ en, zh }, ["train", "lora"]));
  }
}

export const runSchema = z
  .strictObject({
    model: field(modelSchema, "The model to train.", "要训练的模型。"),
    tokenizer: field(
      tokenizerSchema.optional(),
      "The tokenizer; default: the one in model.path.",
      "分词器；默认使用 model.path 中的分词器。",
    ),
    data: field(dataSchema, "What to train and evaluate on.", "训练与评估数据。"),
    train: field(trainSchema.prefault({}), "How to train.", "训练参数。"),
    metrics: field(metricsSchema.prefault({}), "Where metrics go.", "指标的写出。"),
  })
  .superRefine((value, context) => {
    if (value.tokenizer === undefined && value.model.path === undefined) {
      context.addIssue(
        refusal(
          {
            en: "is needed when model.create makes a new model; add tokenizer: { path: ... }",
            zh: "使用 model.create 新建模型时必填；请加上 tokenizer: { path: ... }",
          },
          ["tokenizer"],
        ),
      );
    }
    refuseLongData(value, context);
    refuseIdleLora(value, context);
  });

export type RunConfig = z.output<typeof runSchema>;
