// Row extension: the base model with one more embedding row for each new piece, saved as a Hugging Face folder.
import { join } from "node:path";
import { huggingFaceConfig } from "../../config/model.ts";
import { Model } from "../../model/model.ts";
import { mergeReportName } from "../../tokenizer/merge_report.ts";
import { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { extendRows } from "../../train/extend_rows.ts";
import { saveModel } from "../../train/save_model.ts";
import type { ExtendAndTuneConfig } from "./schema.ts";
import type { TokenizerResult } from "./tokenizer_stage.ts";

export interface ModelResult {
  folder: string;
  parameters: number;
  oldRows: number;
  rows: number;
}

export function extendedFolder(config: ExtendAndTuneConfig): string {
  return join(config.output_dir, "model-extended");
}

export async function extendModel(config: ExtendAndTuneConfig, tokenizer: TokenizerResult): Promise<ModelResult> {
  const { path, create, init, dtype, threads } = config.model;
  const folder = extendedFolder(config);
  const model =
    create === undefined
      ? await Model.load(path!, { dtype, threads })
      : await Model.create(huggingFaceConfig(create, await Tokenizer.load(config.tokenizer.base)), {
          seed: config.seed,
          dtype,
          threads,
        });
  try {
    const oldRows = model.vocabSize;
    await extendRows(model, {
      pieces: tokenizer.rows,
      multiple: 1,
      init,
      seed: config.seed,
      mergeReport: join(tokenizer.folder, mergeReportName),
    });
    await saveModel(model, folder, [join(tokenizer.folder, "tokenizer.model")]);
    return { folder, parameters: model.parameterCount, oldRows, rows: model.vocabSize };
  } finally {
    model.dispose();
  }
}
