// A model folder from another: an adapter merged in, the weights in another type.
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { DType } from "../model/load_options.ts";
import { Model } from "../model/model.ts";
import { modelConfig } from "./plan_run.ts";
import { saveModel } from "./save_model.ts";

export interface ConvertRequest {
  model: string;
  output: string;
  mergeAdapter?: string;
  /** Default: what config.json says; float32 for a type that is not written. */
  dtype?: DType;
  threads?: number;
}

// What belongs to the tokenizer, and is copied as it is.
const tokenizerNames = ["tokenizer.model", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"];

/** Computes in float32, which holds every weight exactly, and rounds once where it writes. */
export async function convertModel(
  request: ConvertRequest,
): Promise<{ path: string; dtype: DType; parameters: number }> {
  const { model: folder, output, mergeAdapter, threads = 0 } = request;
  const config = JSON.parse(await modelConfig(folder)) as { torch_dtype?: unknown; dtype?: unknown };
  const dtype = request.dtype ?? ((config.torch_dtype ?? config.dtype) === "bfloat16" ? "bfloat16" : "float32");
  const adapter = mergeAdapter === undefined ? {} : { adapter: mergeAdapter };
  const model = await Model.load(folder, { dtype: "float32", threads, ...adapter });
  try {
    if (mergeAdapter !== undefined) await model.mergeAdapter();
    const extraFiles = tokenizerNames.map((name) => join(folder, name)).filter((file) => existsSync(file));
    return { path: await saveModel(model, output, extraFiles, dtype), dtype, parameters: model.parameterCount };
  } finally {
    model.dispose();
  }
}
