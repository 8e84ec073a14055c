// One native job, run in a process or worker of its own by teardown.test.ts; plain JavaScript on the bare addon, so that
// nothing but the addon is alive. Says "started" at its first event and then does as it is told:
//   wait | exit (process.exit in the event callback) | exit-later | throw (in a timer) | throw-callback
import { createRequire } from "node:module";
import { isMainThread, parentPort, workerData } from "node:worker_threads";

const { addon, kind, then } = isMainThread ? JSON.parse(process.argv[2]) : workerData;
const binding = createRequire(import.meta.url)(addon);
const say = (text) => (isMainThread ? process.send?.(text) : parentPort.postMessage(text));

let started = false;
function event() {
  if (then === "throw-callback") throw new Error("thrown by the callback");
  if (started) return;
  started = true;
  say("started");
  if (then === "exit") process.exit(0);
  if (then === "exit-later") setTimeout(() => process.exit(0), 20);
  if (then === "throw") setTimeout(() => Promise.reject(new Error("thrown by a timer")), 20);
}

const config = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  vocab_size: 64,
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 2,
  max_position_embeddings: 200_000,
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  hidden_act: "silu",
};

const trainConfig = {
  learning_rate: 1e-3,
  weight_decay: 0,
  adam_beta1: 0.9,
  adam_beta2: 0.999,
  adam_epsilon: 1e-8,
  max_grad_norm: 1,
  lr_scheduler_type: "constant",
  warmup_ratio: 0,
  warmup_steps: 0,
  decay_ratio: 0.1,
  gradient_accumulation_steps: 1,
  per_device_train_batch_size: 1,
  num_train_epochs: 1,
  max_steps: 10_000_000,
  trainable: "all",
  packing: true,
  shuffle: true,
  seed: 1,
  eval_steps: 0,
  eval_on_start: false,
  save_steps: 0,
  save_total_limit: 1,
  output_dir: "",
  extra_files: [],
  config_fingerprint: "",
  recompute: "selective",
  peak_flops: 0,
};

const jobs = {
  async generate() {
    const model = await binding.createModel(JSON.stringify(config), 1, {
      backend: "cpu",
      threads: 2,
      dtype: "float32",
    });
    const options = {
      maxNewTokens: 190_000,
      temperature: 0,
      topK: 0,
      topP: 1,
      repetitionPenalty: 1,
      seed: 0,
      vocabulary: 0,
    };
    await model.generate(
      [Uint32Array.of(1), Uint32Array.of(2)],
      { ...options, stop: new Int32Array(0) },
      binding.createStop(),
      event,
    );
  },
  async train() {
    const model = await binding.createModel(JSON.stringify(config), 1, {
      backend: "cpu",
      threads: 2,
      dtype: "float32",
    });
    const inputIds = Int32Array.from({ length: 512 }, (_, i) => (i * 7) % 64);
    const data = { kind: "memory", batches: [{ inputIds, cuSeqlens: Int32Array.of(0, 512), labels: inputIds }] };
    const trainer = await binding.createTrainer(model, data, undefined, trainConfig);
    await trainer.run(false, binding.createStop(), event);
  },
  async bpe() {
    const sentences = Array.from({ length: 60_000 }, (_, i) =>
      Array.from({ length: 12 }, (_, j) =>
        String.fromCodePoint(0x4e00 + ((i * 7919 + j * j * 104729 + i * j) % 3000)),
      ).join(""),
    );
    const options = { vocab_size: 200_000, hard_vocab_limit: false, normalization_rule_name: "identity" };
    await binding.trainBpe({ files: [], sentences, threads: 2, options }, binding.createStop(), event);
  },
};

try {
  await jobs[kind]();
  say("ended");
} catch (error) {
  say(`failed: ${error.message}`);
}
