// Whether a model fits the tokenizer and the samples: the same sentences before a run and in its plan.
import { BelleError } from "../native/errors.js";
/** For a configuration without model.resize. */
export function refuseMissingRows(tokenizerRows, modelRows) {
    if (tokenizerRows <= modelRows)
        return;
    throw new BelleError("ERR_BELLE_CONFIG", `The tokenizer has ${tokenizerRows} rows, the model ${modelRows}: add model.resize to the configuration to extend the embeddings.`);
}
/** `positions`: max_position_embeddings, 0 = unlimited. */
export function refuseLongSamples(maxLength, positions) {
    if (positions === 0 || maxLength <= positions)
        return;
    throw new BelleError("ERR_BELLE_CONFIG", `train.max_length is ${maxLength}, but the model ends at ${positions} positions; set train.max_length: ${positions} or less.`);
}
