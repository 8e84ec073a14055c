// The recipe of the small base model in assets/quickstart/base: a LLaMA trained from scratch on English with a little
// Chinese, like its big sister, and its tokenizer. Deterministic on one instruction set.
//   node --import tsx scripts/quickstart/train_base.ts WORK_FOLDER
import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { runSchema } from "../../ts/config/run.ts";
import { Model } from "../../ts/model/model.ts";
import { trainBpe } from "../../ts/tokenizer/train_bpe.ts";
import { trainingRun } from "../../ts/train/run.ts";

const work = resolve(process.argv[2] ?? "build/quickstart-base");
const assets = resolve(import.meta.dirname, "../../assets/quickstart/base");

// The corpus is written by: node scripts/quickstart/generate.mjs --base WORK_FOLDER
const tokenizer = await trainBpe({
  files: [join(work, "base_tokenizer.txt")],
  vocab_size: 1000,
  normalization_rule_name: "identity",
  remove_extra_whitespaces: false,
  byte_fallback: true,
  split_digits: true,
  allow_whitespace_only_pieces: true,
  character_coverage: 1,
});
const tokenizerPath = join(work, "tokenizer.model");
await tokenizer.save(tokenizerPath);

const run = runSchema.parse({
  model: {
    create: {
      hidden_size: 128,
      intermediate_size: 344,
      num_hidden_layers: 4,
      num_attention_heads: 4,
      max_position_embeddings: 512,
    },
  },
  tokenizer: { path: tokenizerPath },
  data: { sources: [{ path: join(work, "base_corpus.txt"), format: "text" }], eval_head: 200, max_length: 256 },
  train: {
    learning_rate: 2e-3,
    lr_scheduler_type: "cosine",
    warmup_ratio: 0.05,
    weight_decay: 0.01,
    num_train_epochs: Number(process.env.EPOCHS ?? 6),
    per_device_train_batch_size: 8,
    eval_on_start: true,
    eval_steps: 100,
    save_steps: 0,
    max_length: 256,
    output_dir: join(work, "run"),
  },
});
const done = await trainingRun(run, undefined, (event) => {
  if (event.type === "eval") console.log(`step ${event.step}: held-out loss ${event.loss.toFixed(4)}`);
  if (event.type === "step" && event.step % 50 === 0) {
    console.log(
      `step ${event.step}/${event.totalSteps} loss ${event.loss.toFixed(4)} ${event.tokensPerSecond.toFixed(0)} tokens/s`,
    );
  }
});
const model = await Model.load(done.model);
await rm(assets, { recursive: true, force: true });
await model.save(assets, { dtype: "bfloat16", extraFiles: [tokenizerPath] });
console.log(`${assets}: ${model.parameterCount} parameters`);
