// belle-train plan
import { readFile } from "node:fs/promises";
import { loadConfig } from "../../config/load.ts";
import { runSchema } from "../../config/run.ts";
import { trainSchema } from "../../config/train.ts";
import { modelConfig } from "../../model/model_config.ts";
import { type DType, dtypes } from "../../native/dtype.ts";
import { BelleError } from "../../native/errors.ts";
import { measureSeconds, type PlanOptions, planTraining, type TrainingPlan } from "../../train/plan.ts";
import { runPlanOptions } from "../../train/plan_run.ts";
import { type Context, defineCommand } from "../command.ts";
import { exitCodes } from "../failure.ts";
import { isRecipe, recipeOf } from "../recipe_file.ts";
import { planText } from "../views/plan_view.ts";

const defaults = trainSchema.parse({});
const recompute = trainSchema.shape.recompute.unwrap().options;
const trainable = trainSchema.shape.trainable.unwrap().options;

interface Given {
  run: string | undefined;
  config: string | undefined;
  set: string[] | undefined;
  model: string | undefined;
  tokens: number;
  "batch-size": number;
  accumulation: number;
  steps: number | undefined;
  dtype: DType;
  recompute: (typeof recompute)[number];
  trainable: (typeof trainable)[number];
  threads: number;
}

async function configFile(file: string, context: Context): Promise<string> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
    const en = `${file}: cannot be read (${reason}); give --config the config.json of a model.`;
    const zh = `${file}：无法读取（${reason}）；请用 --config 给出模型的 config.json。`;
    throw new BelleError("ERR_BELLE_NOT_FOUND", context.text({ en, zh }), { cause });
  });
  try {
    JSON.parse(text);
  } catch (cause) {
    const en = `${file}: is not JSON; --config takes the config.json of a model, a YAML of a run stands without it: belle-train plan ${file}`;
    const zh = `${file}：不是 JSON；--config 用于模型的 config.json，训练的 YAML 请直接给出：belle-train plan ${file}`;
    throw new BelleError("ERR_BELLE_INVALID_DATA", context.text({ en, zh }), { cause });
  }
  return text;
}

/** One of a run, one for each phase of a recipe. */
type Plans = Array<{ phase?: string; options: PlanOptions }>;

async function plansOf(args: Given, context: Context): Promise<Plans> {
  const sources = [args.run, args.model, args.config].filter((source) => source !== undefined);
  if (sources.length !== 1) {
    throw new BelleError(
      "ERR_BELLE_USAGE",
      context.text({
        en: "Give exactly one of a YAML file, --model and --config.",
        zh: "YAML 文件、--model 与 --config 必须且只能给出一个。",
      }),
    );
  }
  if (args.run !== undefined) {
    const options = { set: args.set, language: context.language };
    if (!(await isRecipe(args.run))) {
      return [{ options: await runPlanOptions(await loadConfig(args.run, runSchema, options)) }];
    }
    const recipe = await recipeOf(args.run, context);
    return recipe.plan(await loadConfig(args.run, recipe.schema, options));
  }
  if (args.set !== undefined) {
    throw new BelleError(
      "ERR_BELLE_USAGE",
      context.text({
        en: "--set overrides values of a YAML file; give one.",
        zh: "--set 用于覆盖 YAML 文件中的值，请给出该文件。",
      }),
    );
  }
  const config = args.model === undefined ? await configFile(args.config!, context) : await modelConfig(args.model);
  const train = {
    max_length: args.tokens,
    per_device_train_batch_size: args["batch-size"],
    gradient_accumulation_steps: args.accumulation,
    recompute: args.recompute,
    trainable: args.trainable,
    ...(args.steps === undefined ? {} : { max_steps: args.steps }),
  };
  return [{ options: { config, dtype: args.dtype, threads: args.threads, train } }];
}

export const command = defineCommand({
  positionals: {
    run: { type: "string", text: { en: "YAML file of the run, or of a recipe", zh: "训练或配方的 YAML 文件" } },
  },
  options: {
    set: {
      type: "strings",
      text: { en: "Override a value of the YAML file (repeatable)", zh: "覆盖 YAML 文件中的某个值（可重复）" },
    },
    model: {
      type: "string",
      text: { en: "Instead: a Hugging Face model folder", zh: "或者：Hugging Face 模型文件夹" },
    },
    config: { type: "string", text: { en: "Instead: a config.json", zh: "或者：config.json 文件" } },
    tokens: {
      type: "number",
      default: defaults.max_length,
      text: { en: "Without YAML: train.max_length", zh: "不用 YAML 时：train.max_length" },
    },
    "batch-size": {
      type: "number",
      default: defaults.per_device_train_batch_size,
      text: {
        en: "Without YAML: train.per_device_train_batch_size",
        zh: "不用 YAML 时：train.per_device_train_batch_size",
      },
    },
    accumulation: {
      type: "number",
      default: defaults.gradient_accumulation_steps,
      text: {
        en: "Without YAML: train.gradient_accumulation_steps",
        zh: "不用 YAML 时：train.gradient_accumulation_steps",
      },
    },
    steps: { type: "number", text: { en: "Without YAML: train.max_steps", zh: "不用 YAML 时：train.max_steps" } },
    dtype: {
      type: "string",
      choices: dtypes,
      default: dtypes[0],
      text: { en: "Without YAML: model.dtype", zh: "不用 YAML 时：model.dtype" },
    },
    recompute: {
      type: "string",
      choices: recompute,
      default: defaults.recompute,
      text: { en: "Without YAML: train.recompute", zh: "不用 YAML 时：train.recompute" },
    },
    trainable: {
      type: "string",
      choices: trainable,
      default: defaults.trainable,
      text: { en: "Without YAML: train.trainable", zh: "不用 YAML 时：train.trainable" },
    },
    threads: {
      type: "number",
      default: 0,
      text: { en: "Without YAML: model.threads", zh: "不用 YAML 时：model.threads" },
    },
    measure: {
      type: "boolean",
      default: true,
      text: {
        en: "Train slices of the model to predict the speed; --no-measure for the memory only",
        zh: "训练模型的薄片以预测速度；--no-measure 只计算内存",
      },
    },
    "measure-seconds": {
      type: "number",
      default: measureSeconds,
      text: {
        en: "About how long that may take; at least one step of one layer is trained",
        zh: "测速的大致时限（秒）；至少训练一层模型的一步",
      },
    },
  },
  examples: [
    [
      "belle-train plan run.yaml",
      {
        en: "what `train run.yaml` will need, or each phase of a recipe",
        zh: "`train run.yaml` 或配方各阶段需要的资源",
      },
    ],
    [
      "belle-train plan --model llama-7b --tokens 2048 --dtype bfloat16 --no-measure",
      { en: "the memory alone, without YAML", zh: "不用 YAML，只看内存" },
    ],
  ],
  async run(args, context) {
    const plans: Array<{ phase?: string; plan: TrainingPlan }> = [];
    for (const { options, ...named } of await plansOf(args, context)) {
      const progress = context.progress({ en: "measuring (--no-measure skips it)", zh: "测速（--no-measure 可跳过）" });
      const plan = await planTraining({
        ...options,
        measure: args.measure,
        measureSeconds: args["measure-seconds"],
        signal: context.signal,
        onProgress: (done, total) => progress.update({ done, total }),
      }).finally(() => progress.finish());
      plans.push({ ...named, plan });
    }
    const phases = plans.map(({ phase, plan }) => ({ phase, ...plan }));
    context.result(phases[0]?.phase === undefined ? plans[0]!.plan : { phases }, () =>
      plans
        .map(({ phase, plan }) => `${phase === undefined ? "" : `${phase}\n\n`}${planText(plan, context.text)}`)
        .join("\n"),
    );
    const exceeds = plans.some(({ plan }) => plan.memory.verdict === "exceeds");
    return exceeds ? exitCodes.environment : exitCodes.done;
  },
});
