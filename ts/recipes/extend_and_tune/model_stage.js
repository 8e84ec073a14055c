// Row extension: the base model with one more embedding row for each new piece, saved as a Hugging Face folder.
import { join } from "node:path";
import { huggingFaceConfig } from "../../config/model.js";
import { Model } from "../../model/model.js";
import { mergeReportName } from "../../tokenizer/merge_report.js";
import { Tokenizer } from "../../tokenizer/tokenizer.js";
import { extendRows } from "../../train/extend_rows.js";
import { saveModel } from "../../train/save_model.js";
export function extendedFolder(config) {
    return join(config.output_dir, "model-extended");
}
export async function extendModel(config, tokenizer) {
    const { path, create, init, dtype, threads } = config.model;
    const folder = extendedFolder(config);
    const model = create === undefined
        ? await Model.load(path, { dtype, threads })
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
    }
    finally {
        model.dispose();
    }
}
