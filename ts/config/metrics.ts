// The `metrics` section: where the numbers of a run are written.
import { z } from "zod";
import { field } from "./field.ts";

export const metricsSchema = z.strictObject({
  jsonl: field(
    z.boolean().default(true),
    "Write metrics.jsonl: one flat object per step.",
    "写出 metrics.jsonl：每步一个扁平对象。",
  ),
  tensorboard: field(z.boolean().default(true), "Write TensorBoard event files.", "写出 TensorBoard 事件文件。"),
  dir: field(
    z.string().min(1).optional(),
    "Folder of both; default: train.output_dir.",
    "两者所在的文件夹；默认取 train.output_dir。",
  ),
});
