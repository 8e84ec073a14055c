// The plan of a run configuration: its model's config.json with the rows it will have, and its data where it is
// prepared already.
import { join } from "node:path";
import { huggingFaceConfig } from "../config/model.ts";
import type { RunConfig } from "../config/run.ts";
import { inspectFolder } from "../data/manifest.ts";
import { adapterLora } from "../model/adapter_config.ts";
import { modelConfig } from "../model/model_config.ts";
import { Tokenizer } from "../tokenizer/tokenizer.ts";
import { refuseMissingRows } from "./check_fit.ts";
import type { PlanOptions } from "./plan.ts";

/** What planTraining takes for a run of this configuration. Reads the tokenizer and the JSON beside weights, writes nothing. */
export async function runPlanOptions(config: RunConfig): Promise<PlanOptions> {
  const { path, create, resize, adapter, backend, dtype, threads } = config.model;
  const tokenizer = await Tokenizer.load(config.tokenizer?.path ?? path!);
  const text = create === undefined ? await modelConfig(path!) : huggingFaceConfig(create, tokenizer);
  const rows = Number((JSON.parse(text) as { vocab_size?: unknown }).vocab_size);
  if (resize === undefined) refuseMissingRows(tokenizer.vocabSize, rows);
  const multiple = resize?.pad_to_multiple_of ?? 1;
  const extended = Math.ceil(tokenizer.vocabSize / multiple) * multiple;
  const plan = await dataPlanOptions(config, tokenizer);
  // An adapter is trained further as it is: its own settings stand where train.lora would.
  const train = adapter === undefined ? plan.train : { ...plan.train, lora: await adapterLora(adapter) };
  return {
    ...plan,
    train,
    config: tokenizer.vocabSize > rows ? { ...JSON.parse(text), vocab_size: extended } : text,
    dtype,
    threads,
    ...(backend ? { backend } : {}),
  };
}

/** What its `data` and `train` sections say. `tokenizer`: of prepared data, where there is one already. */
export async function dataPlanOptions(
  { data, train }: Pick<RunConfig, "data" | "train">,
  tokenizer: Tokenizer | undefined,
): Promise<Pick<PlanOptions, "train" | "evaluation" | "data">> {
  const max_length = data.max_length ?? train.max_length;
  const folder = tokenizer && (await preparedData(join(train.output_dir, "data", "train"), tokenizer, max_length));
  return {
    train: { ...train, max_length },
    evaluation: data.eval_head > 0 || data.eval_sources.length > 0,
    ...(folder === undefined ? {} : { data: folder }),
  };
}

/** Shards that an earlier start of this run, or `data prepare`, left. */
async function preparedData(folder: string, tokenizer: Tokenizer, maxLength: number): Promise<string | undefined> {
  const state = await inspectFolder(folder);
  if (state.kind !== "shards") return undefined;
  const { max_length, tokenizer_fingerprint } = state.manifest;
  return max_length === maxLength && tokenizer_fingerprint === tokenizer.fingerprint ? folder : undefined;
}
