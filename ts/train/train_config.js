import { checkValue } from "../config/check.js";
import { fingerprint } from "../config/fingerprint.js";
import { trainSchema } from "../config/train.js";
// Keys that may differ between a run and its resumption without changing a step.
const free = new Set([
    "output_dir",
    "eval_steps",
    "eval_on_start",
    "save_steps",
    "save_total_limit",
    "peak_flops",
    "recompute",
]);
export function trainConfig(config, extraFiles, dtype, startsFrom) {
    const { output_dir = "", ...rest } = config;
    const given = output_dir === "" ? rest : config;
    const parsed = checkValue(trainSchema, given, "config");
    const { zero_stage: _, max_length: __, ...native } = parsed;
    const deciding = Object.fromEntries(Object.entries(native).filter(([key]) => !free.has(key)));
    return {
        ...native,
        output_dir,
        extra_files: [...extraFiles],
        // Named only where it is not what every run had before there was a choice: their checkpoints stay resumable.
        config_fingerprint: fingerprint({ ...deciding, ...(dtype === "float32" ? {} : { dtype }), startsFrom }),
    };
}
