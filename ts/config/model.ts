// The `model` section: an existing Hugging Face folder, or a new model from config.json fields.
import { z } from "zod";
import { dtypes } from "../native/dtype.ts";
import { field, refusal } from "./field.ts";

const size = () => z.int().min(1).max(16_777_216);

export const createModelSchema = z
  .strictObject({
    model_type: field(
      z.enum(["llama", "bloom"]).default("llama"),
      "Architecture: llama (LLaMA, LLaMA-2, Yi) or bloom.",
      "模型结构：llama（LLaMA、LLaMA-2、Yi）或 bloom。",
    ),
    vocab_size: field(
      size().optional(),
      "Rows of the embeddings; default: the tokenizer's.",
      "词嵌入的行数；默认与分词器一致。",
    ),
    hidden_size: field(size(), "Width of the model.", "隐藏层维度。"),
    intermediate_size: field(
      size().optional(),
      "Width of the MLP; llama only (bloom uses 4 × hidden_size). Default: 8/3 of hidden_size rounded up to 64.",
      "MLP 维度，仅 llama（bloom 固定为 4 × hidden_size）。默认为 hidden_size 的 8/3 并向上取整到 64 的倍数。",
    ),
    num_hidden_layers: field(z.int().min(1).max(1024), "Decoder layers.", "解码层数。"),
    num_attention_heads: field(z.int().min(1).max(4096), "Attention heads.", "注意力头数。"),
    num_key_value_heads: field(
      z.int().min(1).max(4096).optional(),
      "Key/value heads (grouped-query attention); default: num_attention_heads.",
      "键值头数（GQA）；默认等于 num_attention_heads。",
    ),
    max_position_embeddings: field(
      size().default(2048),
      "Longest sequence; unused by bloom, whose ALiBi has no limit.",
      "最大序列长度；bloom 使用 ALiBi，无此限制。",
    ),
    rms_norm_eps: field(
      z.number().positive().default(1e-6),
      "Epsilon of the norms (written as layer_norm_epsilon for bloom).",
      "归一化层的 epsilon（bloom 写作 layer_norm_epsilon）。",
    ),
    rope_theta: field(
      z.number().positive().default(10000),
      "Base of the rotary embedding; llama only.",
      "旋转位置编码的底数，仅 llama。",
    ),
    initializer_range: field(
      z.number().positive().default(0.02),
      "Standard deviation of the initial weights.",
      "初始权重的标准差。",
    ),
    tie_word_embeddings: field(
      z.boolean().optional(),
      "Share input and output embeddings; default: false for llama, true for bloom.",
      "是否共享输入输出词嵌入；llama 默认 false，bloom 默认 true。",
    ),
  })
  .superRefine((value, context) => {
    if (value.hidden_size % value.num_attention_heads !== 0) {
      context.addIssue(
        refusal(
          {
            en: `must divide hidden_size (${value.hidden_size}); ${value.num_attention_heads} does not`,
            zh: `必须整除 hidden_size（${value.hidden_size}），${value.num_attention_heads} 不能整除`,
          },
          ["num_attention_heads"],
        ),
      );
    }
    const keyValueHeads = value.num_key_value_heads ?? value.num_attention_heads;
    if (value.num_attention_heads % keyValueHeads !== 0) {
      context.addIssue(
        refusal(
          {
            en: `must divide num_attention_heads (${value.num_attention_heads}); ${keyValueHeads} does not`,
            zh: `必须整除 num_attention_heads（${value.num_attention_heads}），${keyValueHeads} 不能整除`,
          },
          ["num_key_value_heads"],
        ),
      );
    }
  });

export const resizeSchema = z
  .strictObject({
    init: field(
      z.enum(["subtoken-mean", "mean-cov", "mean", "normal"]).default("mean-cov"),
      "How rows for new tokens start: mean of the rows of the old tokens they replace, a draw with the old rows' mean and covariance, their plain mean, or N(0, initializer_range).",
      "新词嵌入的初始化：subtoken-mean 为其原子词向量均值，mean-cov 按旧向量的均值和协方差采样，mean 为旧向量均值，normal 为 N(0, initializer_range)。",
    ),
    sub_tokens: field(
      z.string().min(1).optional(),
      "merge-report.json written by `belle-train tokenizer merge`; needed by subtoken-mean.",
      "`belle-train tokenizer merge` 写出的 merge-report.json；subtoken-mean 需要它。",
    ),
    pad_to_multiple_of: field(
      z.int().min(1).max(4096).default(1),
      "Round the number of rows up to a multiple of this.",
      "把行数向上取整到该数的倍数。",
    ),
  })
  .superRefine((value, context) => {
    if (value.init === "subtoken-mean" && value.sub_tokens === undefined) {
      context.addIssue(
        refusal(
          {
            en: "is needed by init: subtoken-mean; give the merge-report.json of `belle-train tokenizer merge`",
            zh: "使用 init: subtoken-mean 时必填；请给出 `belle-train tokenizer merge` 的 merge-report.json",
          },
          ["sub_tokens"],
        ),
      );
    }
  });

export const dtypeField = field(
  z.enum(dtypes).default("float32"),
  "Type of weights and activations in memory, whatever the files hold. bfloat16 takes half the memory and is faster where the CPU has AVX512-BF16; sums, statistics, gradients and AdamW's own copy of the weights stay float32.",
  "权重和激活在内存中的类型，与文件中的类型无关。bfloat16 内存减半，在支持 AVX512-BF16 的 CPU 上更快；累加、统计量、梯度以及 AdamW 的权重副本仍为 float32。",
  {
    en: "must be float32 or bfloat16; weights stored as float16 load into either",
    zh: "只能是 float32 或 bfloat16；以 float16 存储的权重可加载为其中任一种",
  },
);

export const modelSchema = z
  .strictObject({
    path: field(
      z.string().min(1).optional(),
      "Hugging Face model folder to start from.",
      "作为起点的 Hugging Face 模型文件夹。",
    ),
    create: field(
      createModelSchema.optional(),
      "Fields of config.json for a new model with random weights.",
      "用于新建随机权重模型的 config.json 字段。",
    ),
    resize: field(
      resizeSchema.optional(),
      "Extend the embeddings when the tokenizer has more rows than the model.",
      "分词器行数多于模型时扩充词嵌入。",
    ),
    adapter: field(
      z.string().min(1).optional(),
      "PEFT LoRA adapter folder to load onto the model and train further; needs train.trainable: lora.",
      "加载到模型上并继续训练的 PEFT LoRA 适配器文件夹；需要 train.trainable: lora。",
    ),
    backend: field(
      z.enum(["auto", "cpu", "cuda"]).optional(),
      "Where to compute; default: BELLE_BACKEND, else auto.",
      "计算后端；默认取 BELLE_BACKEND，否则为 auto。",
    ),
    dtype: dtypeField,
    threads: field(
      z.int().min(0).max(4096).default(0),
      "CPU threads; 0: all cores.",
      "CPU 线程数；0 表示使用全部核心。",
    ),
  })
  .superRefine((value, context) => {
    if ((value.path === undefined) === (value.create === undefined)) {
      context.addIssue(
        refusal(
          {
            en: "needs exactly one of path (a Hugging Face folder) and create (a new model)",
            zh: "path（Hugging Face 文件夹）与 create（新建模型）必须且只能给出一个",
          },
          [],
        ),
      );
    }
  });

export type CreateModelSection = z.output<typeof createModelSchema>;

/** Text of a Hugging Face config.json for a new model; special token ids below 0 are left out. */
export function huggingFaceConfig(
  create: CreateModelSection,
  tokenizer: { vocabSize: number; bosId: number; eosId: number; padId: number },
): string {
  const ids = Object.fromEntries(
    [
      ["bos_token_id", tokenizer.bosId],
      ["eos_token_id", tokenizer.eosId],
      ["pad_token_id", tokenizer.padId],
    ].filter(([, id]) => Number(id) >= 0),
  );
  const common = {
    vocab_size: create.vocab_size ?? tokenizer.vocabSize,
    hidden_size: create.hidden_size,
    initializer_range: create.initializer_range,
    ...ids,
    torch_dtype: "float32",
  };
  if (create.model_type === "bloom") {
    return JSON.stringify({
      architectures: ["BloomForCausalLM"],
      model_type: "bloom",
      ...common,
      n_layer: create.num_hidden_layers,
      n_head: create.num_attention_heads,
      layer_norm_epsilon: create.rms_norm_eps,
      tie_word_embeddings: create.tie_word_embeddings ?? true,
      apply_residual_connection_post_layernorm: false,
    });
  }
  return JSON.stringify({
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    ...common,
    intermediate_size: create.intermediate_size ?? Math.ceil((create.hidden_size * 8) / 3 / 64) * 64,
    num_hidden_layers: create.num_hidden_layers,
    num_attention_heads: create.num_attention_heads,
    num_key_value_heads: create.num_key_value_heads ?? create.num_attention_heads,
    max_position_embeddings: create.max_position_embeddings,
    rms_norm_eps: create.rms_norm_eps,
    rope_theta: create.rope_theta,
    hidden_act: "silu",
    tie_word_embeddings: create.tie_word_embeddings ?? false,
  });
}
