// The YAML of the extend-and-tune recipe: BELLE's vocabulary extension as one job (arXiv 2304.07854, section 5).
import { z } from "zod";
import { dataSchema } from "../../config/data.ts";
import { field, refusal } from "../../config/field.ts";
import { generateSchema } from "../../config/generate.ts";
import { judgeSchema } from "../../config/judge.ts";
import { createModelSchema, dtypeField } from "../../config/model.ts";
import { refuseIdleLora, refuseLongData } from "../../config/run.ts";
import { tokenizerTrainSchema } from "../../config/tokenizer.ts";
import { trainSchema } from "../../config/train.ts";

const phaseTrainSchema = trainSchema.omit({ output_dir: true });

const phaseSchema = z
  .strictObject({
    data: field(dataSchema, "What to train on, and what to hold out.", "训练数据与留出数据。"),
    train: field(phaseTrainSchema.prefault({}), "How to train.", "训练参数。"),
  })
  .superRefine(refuseLongData)
  .superRefine(refuseIdleLora);

const pretrainSchema = phaseSchema.superRefine((value, context) => {
  if (value.train.trainable !== "lora") return;
  const en = "must be all or embeddings here: fine-tuning starts from the pre-trained weights";
  const zh = "此处只能是 all 或 embeddings：微调从预训练后的权重开始";
  context.addIssue(refusal({ en, zh }, ["train", "trainable"]));
});

const evaluationBy = {
  en: "rules: each item's own check, no judge needed; judge: a judging model.",
  zh: "rules：按题目自带的 check，无需评审模型；judge：由评审模型评分。",
};

export const extendAndTuneSchema = z.strictObject({
  recipe: field(z.literal("extend-and-tune"), "Name of the recipe.", "配方名称。"),
  output_dir: field(z.string().min(1), "Folder of everything the run writes.", "全部输出所在的文件夹。"),
  seed: field(z.int().min(0).default(42), "Seed of new weights and new rows.", "新权重与新词嵌入的随机种子。"),
  tokenizer: field(
    z
      .strictObject({
        base: field(
          z.string().min(1),
          "Tokenizer to extend: tokenizer.model or a folder.",
          "要扩充的分词器：tokenizer.model 或文件夹。",
        ),
        train: field(tokenizerTrainSchema, "Training of the BPE to append.", "待追加 BPE 的训练参数。"),
        merge_mode: field(
          z.enum(["safe", "belle", "chinese-llama"]).default("safe"),
          "How the pieces are appended; see `belle-train tokenizer merge`.",
          "追加方式，见 `belle-train tokenizer merge`。",
        ),
        held_out: field(
          z.string().min(1).optional(),
          "Text file whose lines measure tokens per line before and after.",
          "用于统计扩充前后每行 token 数的文本文件。",
        ),
        held_out_head: field(
          z.int().min(0).default(0),
          "Or keep the first lines of the first training file out of training, and measure on them.",
          "或者从第一个训练文件中留出开头若干行，不参与训练，用于统计。",
        ),
      })
      .superRefine((value, context) => {
        // Hashed before, so that the run is known again after a stop, and then read.
        const en = "cannot be standard input (-): a recipe reads its text more than once; name a file";
        const zh = "不能为标准输入（-）：配方需要多次读取文本，请给出文件名";
        if (value.held_out === "-") context.addIssue(refusal({ en, zh }, ["held_out"]));
        for (const [index, path] of value.train.input.entries()) {
          if (path === "-") context.addIssue(refusal({ en, zh }, ["train", "input", index]));
        }
      })
      .superRefine((value, context) => {
        if (value.held_out === undefined || value.held_out_head === 0) return;
        const en = "cannot be used together with held_out; keep one of the two";
        const zh = "不能与 held_out 同时使用，请只保留其一";
        context.addIssue(refusal({ en, zh }, ["held_out_head"]));
      }),
    "Vocabulary extension.",
    "词表扩充。",
  ),
  model: field(
    z
      .strictObject({
        path: field(z.string().min(1).optional(), "Hugging Face folder to start from.", "起始的 Hugging Face 文件夹。"),
        create: field(createModelSchema.optional(), "Or a new model with these fields.", "或按这些字段新建模型。"),
        init: field(
          z.enum(["subtoken-mean", "mean-cov", "mean", "normal"]).default("subtoken-mean"),
          "How the new rows start.",
          "新增词嵌入的初始化方式。",
        ),
        dtype: dtypeField,
        threads: field(z.int().min(0).max(4096).default(0), "CPU threads; 0: all cores.", "CPU 线程数；0 为全部核心。"),
      })
      .superRefine((value, context) => {
        if ((value.path === undefined) !== (value.create === undefined)) return;
        context.addIssue(
          refusal({ en: "needs exactly one of path and create", zh: "必须且只能给出 path 与 create 之一" }, []),
        );
      }),
    "The model to extend.",
    "要扩充的模型。",
  ),
  pretrain: field(
    pretrainSchema,
    "Continued pre-training, as a rule of the embeddings only.",
    "继续预训练，通常只训练词嵌入。",
  ),
  finetune: field(phaseSchema, "Supervised fine-tuning.", "有监督微调。"),
  answers: field(
    z.strictObject({
      questions: field(
        z.string().min(1),
        "Evaluation items, JSON Lines: question, class, std_answer, and check for scoring by rule.",
        "评测题，JSON Lines：question、class、std_answer，规则评分另需 check。",
      ),
      limit: field(
        z.int().min(1).optional(),
        "Take this many, in proportion to the categories.",
        "按类别比例抽取的题数。",
      ),
      before: field(
        z.boolean().default(true),
        "Also let the model answer before fine-tuning.",
        "微调前也生成一次回答。",
      ),
      generate: field(generateSchema.prefault({ max_new_tokens: 128 }), "Sampling.", "采样参数。"),
    }),
    "Questions to answer.",
    "待回答的问题。",
  ),
  evaluation: field(
    z.discriminatedUnion("by", [
      z.strictObject({ by: field(z.literal("rules"), evaluationBy.en, evaluationBy.zh) }),
      z.strictObject({
        by: field(z.literal("judge"), evaluationBy.en, evaluationBy.zh),
        judge: field(judgeSchema, "The judge; only with by: judge.", "评审模型；仅用于 by: judge。"),
      }),
    ]),
    "Scores by each item's own rule, or by a judge.",
    "按题目自带的规则评分，或由评审模型评分。",
  ),
});

export type ExtendAndTuneConfig = z.output<typeof extendAndTuneSchema>;
export type PhaseConfig = ExtendAndTuneConfig["pretrain"];
