// A model folder from another: an adapter merged in, the weights in another type.
import type { DType } from "../model/load_options.ts";
import { Model } from "../model/model.ts";
import { modelConfig } from "../model/model_config.ts";
import { tokenizerFiles } from "../tokenizer/tokenizer_files.ts";
import { saveModel } from "./save_model.ts";

export interface ConvertRequest {
  model: string;
  output: string;
  mergeAdapter?: string;
  /** Default: what config.json says; float32 for a type that is not written. */
  dtype?: DType;
  threads?: number;
}

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
    const extraFiles = tokenizerFiles(folder); // the rows stay what they were
    return { path: await saveModel(model, output, extraFiles, dtype), dtype, parameters: model.parameterCount };
  } finally {
    model.dispose();
  }
}
