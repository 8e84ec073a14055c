import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { z } from "zod";
import { canonicalJson, fingerprint } from "../../ts/config/fingerprint.ts";
import { detectLanguage, type Language } from "../../ts/config/language.ts";
import { loadConfig, parseConfig } from "../../ts/config/load.ts";
import { huggingFaceConfig, modelSchema } from "../../ts/config/model.ts";
import { configJsonSchema, configMarkdown, documents } from "../../ts/config/reference.ts";
import { runSchema } from "../../ts/config/run.ts";
import { metaOf, objectOf, unwrap } from "../../ts/config/schema_walk.ts";
import { editDistance, suggest } from "../../ts/config/suggest.ts";
import { tokenizerTrainSchema } from "../../ts/config/tokenizer.ts";
import { trainSchema } from "../../ts/config/train.ts";
import { BelleError } from "../../ts/native/errors.ts";
import { withFolder } from "../support/folder.ts";

const test = suite("config");

const whole = "model: { path: m }\ndata: { sources: [a.jsonl] }\n";

function failure(
  yaml: string,
  language: Language = "en",
  set: string[] = [],
  schema: z.ZodType = runSchema,
): BelleError {
  try {
    parseConfig(yaml, "config.yaml", schema, { language, set });
  } catch (error) {
    assert.instance(error, BelleError);
    return error as BelleError;
  }
  throw new Error("expected a refusal");
}

test("defaults are those of Hugging Face TrainingArguments", () => {
  const { train } = parseConfig(whole, "config.yaml", runSchema);
  assert.is(train.learning_rate, 5e-5);
  assert.equal([train.adam_beta1, train.adam_beta2, train.adam_epsilon], [0.9, 0.999, 1e-8]);
  assert.equal([train.max_grad_norm, train.weight_decay, train.num_train_epochs], [1, 0, 3]);
  assert.equal([train.lr_scheduler_type, train.warmup_ratio, train.max_steps], ["linear", 0, 0]);
});

test("a misspelt key is named with line, column and the key that was meant", () => {
  const error = failure(`${whole}train:\n  learnig_rate: 1e-5\n`);
  assert.is(error.message, "config.yaml:4:3 train.learnig_rate: is not a known key; did you mean learning_rate?");
  assert.is(error.code, "ERR_BELLE_CONFIG");
  assert.equal(error.details, { file: "config.yaml", line: 4, column: 3, key: "train.learnig_rate", problems: 1 });
});

test("the same in Chinese", () => {
  const error = failure(`${whole}train:\n  learnig_rate: 1e-5\n  warmup_ratio: abc\n`, "zh");
  assert.is(
    error.message,
    "config.yaml:4:3 train.learnig_rate：没有这个键；是否想写 learning_rate？\n" +
      'config.yaml:5:17 train.warmup_ratio：应为数字，现在是 "abc"（字符串）',
  );
});

test("a key far from any known one lists what is known", () => {
  const error = failure(`${whole}metrics:\n  wandb: true\n`);
  assert.is(error.message, "config.yaml:4:3 metrics.wandb: is not a known key; known here: jsonl, tensorboard, dir");
});

test("a misspelt value is told apart from a wrong one", () => {
  assert.match(
    failure(`${whole}train: { lr_scheduler_type: cosin }\n`).message,
    'found "cosin"; did you mean "cosine"?',
  );
  assert.match(
    failure(`${whole}train: { lr_scheduler_type: 7 }\n`).message,
    "config.yaml:3:29 train.lr_scheduler_type: must be one of",
  );
  assert.match(
    failure(`${whole}train: { warmup_ratio: 2 }\n`).message,
    "config.yaml:3:24 train.warmup_ratio: must be at most 1, found 2",
  );
  assert.match(
    failure(`${whole}train: { max_steps: 1.5 }\n`).message,
    "train.max_steps: expected int, found 1.5 (number)",
  );
});

test("values this version does not do are refused with what to do instead", () => {
  for (const [yaml, said] of [
    ["zero_stage: 3", "must be 0: this version trains in one process"],
    ["recompute: true", "must be none, selective or layer (what earlier versions called false is selective)"],
    ["lora: { r: 4 }", "is only for train.trainable: lora, not all; set that, or leave this out"],
  ] as const) {
    assert.match(failure(`${whole}train: { ${yaml} }\n`).message, said);
  }
  assert.match(
    failure("model: { path: m, dtype: float16 }\ndata: { sources: [a] }").message,
    "must be float32 or bfloat16; weights stored as float16 load into either",
  );
});

test("problems of several keys come in the order of the file", () => {
  const error = failure(
    "metrcs: 1\nmodel: { path: m }\ndata: { sources: [a, 3, { path: b, fromat: x }] }\ntrain: { seed: -1 }\n",
  );
  assert.equal(
    error.message.split("\n").map((line) => line.split(":").slice(1, 3).join(":")),
    ["1:1 metrcs", "3:22 data.sources.1", "3:36 data.sources.2.fromat", "4:16 train.seed"],
  );
});

test("missing parts are named", () => {
  assert.is(failure("").message, "config.yaml:1:1 model: is missing\nconfig.yaml:1:1 data: is missing");
  assert.match(failure("model: {}\ndata: { sources: [] }").message, "data.sources: must list at least one item");
  assert.match(
    failure("model: {}\ndata: { sources: [a] }").message,
    "config.yaml:1:8 model: needs exactly one of path",
  );
  assert.match(
    failure(
      "model: { create: { hidden_size: 64, num_hidden_layers: 1, num_attention_heads: 4 } }\ndata: { sources: [a] }",
    ).message,
    "tokenizer: is needed when model.create makes a new model",
  );
});

test("keys that contradict each other", () => {
  assert.match(
    failure("model: { path: m }\ndata: { sources: [a], eval_sources: [b], eval_head: 5 }").message,
    "cannot be used together with eval_sources",
  );
  assert.match(
    failure("model: { path: m }\ndata: { sources: [a], max_length: 4096 }").message,
    "is 4096, above train.max_length (2048)",
  );
  assert.match(
    failure("model: { path: m, resize: { init: subtoken-mean } }\ndata: { sources: [a] }").message,
    "model.resize.sub_tokens: is needed by init: subtoken-mean",
  );
  const heads = failure(
    "create: { hidden_size: 64, num_hidden_layers: 1, num_attention_heads: 5 }",
    "en",
    [],
    modelSchema,
  );
  assert.match(heads.message, "must divide hidden_size (64); 5 does not");
  assert.match(failure("input: [a]\nbos_id: 0", "en", [], tokenizerTrainSchema).message, "bos_id: is 0, as unk_id is");
});

test("broken YAML is located", () => {
  assert.match(failure("a: [1,\nb: 2").message, /^config\.yaml:2:1 not valid YAML: /);
  assert.match(failure("train: 1\ntrain: 2").message, /^config\.yaml:2:1 not valid YAML: Map keys must be unique/);
  assert.match(failure("\tmodel: 1").message, /^config\.yaml:1:\d+ not valid YAML/);
});

test("hostile YAML is refused without harm", () => {
  assert.match(failure("[".repeat(200_000)).message, "nested too deeply");
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${"bcdefghij"
    .split("")
    .map((name, i) => `${name}: &${name} [${`*${"abcdefghij"[i]},`.repeat(9).slice(0, -1)}]`)
    .join("\n")}`;
  assert.match(failure(bomb).message, /alias/i);
  assert.match(failure(`${whole}__proto__: { polluted: true }`).message, "__proto__: is not a known key");
  assert.is(({} as { polluted?: boolean }).polluted, undefined);
});

test("--set overrides are typed, made on the way, and blamed for what they break", () => {
  const value = parseConfig(whole, "config.yaml", runSchema, {
    set: ["train.learning_rate=1e-5", "train.packing=false", "tokenizer.path=t.model"],
  });
  assert.equal([value.train.learning_rate, value.train.packing, value.tokenizer], [1e-5, false, { path: "t.model" }]);
  assert.is(
    failure(whole, "en", ["train.max_length=x"]).message,
    '--set train.max_length=x train.max_length: expected number, found "x" (string)',
  );
  assert.match(
    failure(whole, "en", ["train.lerning_rate=1"]).message,
    "--set train.lerning_rate=1 train.lerning_rate: is not a known key; did you mean learning_rate?",
  );
  assert.match(failure(whole, "en", ["oops"]).message, "--set oops: expected key.subkey=value");
  assert.match(failure(whole, "en", ["__proto__.x=1"]).message, "expected key.subkey=value");
  assert.match(failure(whole, "en", ["train.seed=[1"]).message, "the value is not valid YAML");
});

test("files: missing, a folder, too large", () =>
  withFolder(async (dir) => {
    const refuse = async (path: string) => {
      try {
        await loadConfig(path, runSchema, { language: "en" });
      } catch (error) {
        return (error as BelleError).message;
      }
      return "";
    };
    assert.match(await refuse(join(dir, "none.yaml")), "none.yaml: no such configuration file");
    assert.match(await refuse(dir), "is a folder; give a YAML file");
    writeFileSync(join(dir, "big.yaml"), "#".repeat((1 << 20) + 1));
    assert.match(await refuse(join(dir, "big.yaml")), "at most 1 MiB");
    writeFileSync(join(dir, "config.json"), '{ "model": { "path": "m" }, "data": { "sources": ["a"] } }');
    assert.is((await loadConfig(join(dir, "config.json"), runSchema)).model.path, "m");
  }));

test("the language comes from BELLE_LANG, LC_ALL, LC_MESSAGES, LANG in that order", () => {
  assert.is(detectLanguage({ BELLE_LANG: "en", LC_ALL: "zh_CN.UTF-8" }), "en");
  assert.is(detectLanguage({ LC_ALL: "zh_CN.UTF-8", LANG: "C" }), "zh");
  assert.is(detectLanguage({ LC_ALL: "", LANG: "zh_TW" }), "zh");
  assert.is(detectLanguage({}), "en");
});

test("did you mean", () => {
  assert.is(editDistance("learnig", "learning"), 1);
  assert.is(editDistance("fromat", "format"), 1);
  assert.is(suggest("batch_size", ["per_device_train_batch_size"]), undefined);
  assert.is(suggest("learning-rate", ["learning_rate", "seed"]), "learning_rate");
  assert.is(suggest("x", ["", "\n"]), undefined);
});

test("the fingerprint does not depend on the order of keys, and does on values", () => {
  assert.is(canonicalJson({ b: 1, a: { d: undefined, c: [2, 1] } }), '{"a":{"c":[2,1]},"b":1}');
  assert.is(fingerprint({ a: 1, b: 2 }), fingerprint({ b: 2, a: 1 }));
  assert.is.not(fingerprint({ a: 1 }), fingerprint({ a: 2 }));
  assert.is(fingerprint({}), "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
});

test("every key of every document is described in both languages", () => {
  const check = (schema: z.core.$ZodType, path: string) => {
    const inner = unwrap(schema);
    const object = objectOf(inner instanceof z.ZodArray ? inner.element : inner);
    for (const [name, child] of Object.entries(object?.shape ?? {}) as Array<[string, z.ZodType]>) {
      const { description, description_zh } = metaOf(child);
      assert.ok(description, `${path}${name} has no description`);
      assert.match(description_zh ?? "", /\p{Script=Han}/u, `${path}${name} has no Chinese description`);
      check(child, `${path}${name}.`);
    }
  };
  for (const [name, schema] of Object.entries(documents)) check(schema, `${name}: `);
});

test("the JSON schema accepts what the file may hold, described in the language asked for", () => {
  const schema = configJsonSchema(runSchema, "zh") as {
    properties: Record<string, { properties: Record<string, { description: string }> }>;
    required: string[];
  };
  assert.equal(schema.required, ["model", "data"]);
  assert.match(schema.properties.train!.properties.learning_rate!.description, "最大学习率");
  assert.not.match(JSON.stringify(schema), "description_zh");
});

test("the reference page has a row for every training key", () => {
  for (const language of ["en", "zh"] as const) {
    const page = configMarkdown(documents, language);
    for (const key of Object.keys(trainSchema.shape)) assert.match(page, `| \`train.${key}\` |`);
    assert.match(page, "| `data.sources[].join` |");
    assert.match(page, language === "en" ? "| `model.create.hidden_size` | integer | required |" : "必填");
  }
});

test("a new model's config.json", () => {
  const tokenizer = { vocabSize: 1000, bosId: 1, eosId: 2, padId: -1 };
  const create = (text: string) =>
    modelSchema.parse({
      create: { hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4, ...JSON.parse(text) },
    }).create!;
  const llama = JSON.parse(huggingFaceConfig(create("{}"), tokenizer)) as Record<string, unknown>;
  assert.equal([llama.vocab_size, llama.intermediate_size, llama.num_key_value_heads], [1000, 192, 4]);
  assert.equal([llama.bos_token_id, llama.eos_token_id, "pad_token_id" in llama], [1, 2, false]);
  const bloom = JSON.parse(huggingFaceConfig(create('{"model_type":"bloom"}'), tokenizer)) as Record<string, unknown>;
  assert.equal(
    [bloom.architectures, bloom.n_layer, bloom.n_head, bloom.tie_word_embeddings],
    [["BloomForCausalLM"], 2, 4, true],
  );
});

test.run();
