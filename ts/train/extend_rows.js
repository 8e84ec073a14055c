import { BelleError } from "../native/errors.js";
import { readMergeReport } from "../tokenizer/merge_report.js";
/**
 * Adds the rows the tokenizer has and the model has not; a model that has them all is left as it is. Rows the model
 * already has beyond the base tokenizer (padding) keep their values; new padding rows get the plain mean.
 */
export async function extendRows(model, options) {
    const { pieces, multiple, init, seed, mergeReport } = options;
    if (pieces <= model.vocabSize)
        return;
    const rows = Math.ceil(pieces / multiple) * multiple;
    if (init !== "subtoken-mean") {
        await model.resizeVocabulary({ rows, init, seed });
        return;
    }
    if (mergeReport === undefined) {
        throw new BelleError("ERR_BELLE_INVALID_ARGUMENT", "init: subtoken-mean needs the report of the vocabulary merge.");
    }
    const { baseRows, subTokens } = readMergeReport(mergeReport);
    const first = model.vocabSize;
    const lists = Array.from({ length: rows - first }, (_, i) => subTokens[first - baseRows + i] ?? []);
    await model.resizeVocabulary({ rows, subTokens: lists, init, seed });
}
