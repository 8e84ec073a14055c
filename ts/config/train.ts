// The `train` section. Names and defaults follow Hugging Face TrainingArguments where one exists; the two defaults that
// differ say so. Passed as it is to Trainer.create.
import { z } from "zod";
import { field } from "./field.ts";

export const loraSchema = z.strictObject({
  r: field(z.int().min(1).max(65_536).default(8), "Rank of the adapters.", "适配器的秩。"),
  lora_alpha: field(
    z.number().positive().default(16),
    "The adapters' output is scaled by lora_alpha / r.",
    "适配器输出的缩放系数为 lora_alpha / r。",
  ),
  target_modules: field(
    z.union([z.literal("all-linear"), z.array(z.string().min(1)).min(1)]).default("all-linear"),
    "Linear layers that get an adapter, by the end of their names: q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj (LLaMA), query_key_value, dense, dense_h_to_4h, dense_4h_to_h (BLOOM); all-linear: every one.",
    "带适配器的线性层，按名称结尾匹配：q_proj、k_proj、v_proj、o_proj、gate_proj、up_proj、down_proj（LLaMA），query_key_value、dense、dense_h_to_4h、dense_4h_to_h（BLOOM）；all-linear 为全部。",
  ),
  modules_to_save: field(
    z.array(z.string().min(1)).default([]),
    "Embeddings trained whole beside the adapters and saved with them: [embed_tokens, lm_head] (BLOOM: [word_embeddings]), or none.",
    "与适配器一起完整训练并保存的词嵌入：[embed_tokens, lm_head]（BLOOM 为 [word_embeddings]），默认没有。",
  ),
});

export const trainSchema = z.strictObject({
  learning_rate: field(z.number().min(0).default(5e-5), "Peak learning rate of AdamW.", "AdamW 的最大学习率。"),
  weight_decay: field(
    z.number().min(0).default(0),
    "Decoupled weight decay; one-dimensional parameters (norms, biases) are left out.",
    "解耦的权重衰减；一维参数（norm、bias）不参与。",
  ),
  adam_beta1: field(z.number().min(0).lt(1).default(0.9), "AdamW beta1.", "AdamW 的 beta1。"),
  adam_beta2: field(z.number().min(0).lt(1).default(0.999), "AdamW beta2.", "AdamW 的 beta2。"),
  adam_epsilon: field(z.number().positive().default(1e-8), "AdamW epsilon.", "AdamW 的 epsilon。"),
  max_grad_norm: field(
    z.number().min(0).default(1),
    "Global gradient norm is clipped to this; 0 switches clipping off.",
    "全局梯度范数的裁剪上限；0 表示不裁剪。",
  ),
  lr_scheduler_type: field(
    z.enum(["linear", "cosine", "constant", "constant_with_warmup", "warmup_stable_decay"]).default("linear"),
    "Learning rate schedule, as transformers computes it.",
    "学习率调度方式，与 transformers 的计算一致。",
  ),
  warmup_ratio: field(
    z.number().min(0).max(1).default(0),
    "Share of all steps spent warming up: ceil(ratio × steps).",
    "预热步数占总步数的比例：ceil(ratio × steps)。",
  ),
  warmup_steps: field(
    z.int().min(0).default(0),
    "Warm-up steps; wins over warmup_ratio when above 0.",
    "预热步数；大于 0 时优先于 warmup_ratio。",
  ),
  decay_ratio: field(
    z.number().min(0).max(1).default(0.1),
    "warmup_stable_decay only: the last share of steps that decays, by 1 − sqrt(progress).",
    "仅用于 warmup_stable_decay：末尾按 1 − sqrt(progress) 衰减的步数比例。",
  ),
  gradient_accumulation_steps: field(
    z.int().min(1).default(1),
    "Micro-batches per optimizer step.",
    "每个优化步累积的微批次数。",
  ),
  per_device_train_batch_size: field(
    z.int().min(1).default(1),
    "Packs (samples when packing is off) per micro-batch. transformers' default is 8 padded rows; a pack is already a full row of max_length tokens, so the default here is 1.",
    "每个微批次的 pack 数（关闭 packing 时为样本数）。transformers 默认 8 条补齐的样本；一个 pack 已装满 max_length 个 token，故此处默认 1。",
  ),
  num_train_epochs: field(
    z.number().positive().default(3),
    "Passes over the data; may be a fraction.",
    "训练轮数，可为小数。",
  ),
  max_steps: field(
    z
      .int()
      .min(-1)
      .default(-1)
      .overwrite((steps) => Math.max(0, steps)),
    "Optimizer steps; wins over num_train_epochs when above 0. −1 and 0 mean: by epochs.",
    "优化步数；大于 0 时优先于 num_train_epochs。−1 和 0 表示按轮数训练。",
  ),
  trainable: field(
    z.enum(["all", "embeddings", "lora"]).default("all"),
    "Which parameters learn: all; only the input and output embeddings (vocabulary extension); or lora: low-rank adapters beside the frozen weights.",
    "训练哪些参数：all 为全部，embeddings 为仅训练输入输出词嵌入（扩充词表），lora 为仅训练低秩适配器（原权重冻结）。",
  ),
  lora: field(
    loraSchema.optional(),
    "The adapters of trainable: lora; without it, the defaults below.",
    "trainable: lora 的适配器；省略则取以下默认值。",
  ),
  packing: field(
    z.boolean().default(true),
    "Train on packs of several samples, each attending only to itself; the loss is that of the unpacked samples.",
    "把多个样本装入一个 pack 训练，样本之间互不可见；损失与不打包时相同。",
  ),
  max_length: field(
    z.int().min(2).max(1_048_576).default(2048),
    "Longest sample and size of a pack, in tokens; longer samples are cut on the right.",
    "样本的最大长度，也是 pack 的大小（token 数）；超长样本从右侧截断。",
  ),
  shuffle: field(
    z.boolean().default(true),
    "Visit packs in an order drawn from seed and epoch; false keeps the order of the shards.",
    "按 seed 和轮次打乱 pack 的顺序；false 保持数据文件中的顺序。",
  ),
  seed: field(
    z.int().min(0).default(42),
    "Seed of every random choice: order of the data, new weights.",
    "所有随机选择的种子：数据顺序、新权重。",
  ),
  eval_steps: field(
    z.int().min(0).default(0),
    "Evaluate every so many steps; 0: only at the end, when there is evaluation data.",
    "每隔多少步评估一次；0 表示有评估数据时仅在结束时评估。",
  ),
  eval_on_start: field(
    z.boolean().default(false),
    "Evaluate once before the first step, to see where training starts from.",
    "第一步之前先评估一次，以便对比。",
  ),
  save_steps: field(
    z.int().min(0).default(500),
    "Write a checkpoint every so many steps; 0: only at the end.",
    "每隔多少步保存检查点；0 表示仅在结束时保存。",
  ),
  save_total_limit: field(
    z.int().min(1).default(2),
    "Keep this many newest checkpoints. (transformers keeps all by default.)",
    "保留最新检查点的个数。（transformers 默认全部保留。）",
  ),
  output_dir: field(
    z.string().min(1).default("output"),
    "Folder of the checkpoints, the final model, the prepared data and the metrics.",
    "存放检查点、最终模型、处理后的数据和指标的文件夹。",
  ),
  peak_flops: field(
    z.number().min(0).default(0),
    "Floating-point operations per second that count as 100 % model FLOPs utilisation (MFU); 0: what the device reaches on its registers, measured at the start.",
    "MFU 的 100% 所对应的每秒浮点运算数；0 表示取启动时实测的设备寄存器峰值。",
  ),
  recompute: field(
    z.enum(["none", "selective", "layer"]).default("selective"),
    "What the backward pass computes again instead of keeping it: nothing; selective: what costs next to no time (norms, activation products); layer: everything but each layer's input, for the least memory and about a third more time. Results have the same bits.",
    "反向传播时重新计算而不保留的激活：none 不重算；selective 只重算几乎不耗时的部分（归一化、激活乘积）；layer 每层只保留输入，内存最省，耗时约增加三分之一。三者结果逐位相同。",
    {
      en: "must be none, selective or layer (what earlier versions called false is selective)",
      zh: "只能是 none、selective 或 layer（早期版本的 false 即 selective）",
    },
  ),
  zero_stage: field(
    z.literal(0).default(0),
    "ZeRO partitioning stage. This version trains in one process, so only 0 is accepted.",
    "ZeRO 切分阶段。本版本单进程训练，因此只接受 0。",
    {
      en: "must be 0: this version trains in one process and has nothing to partition",
      zh: "只能是 0：本版本单进程训练，没有可切分的状态",
    },
  ),
});
