// belle-train train
import { loadConfig } from "../../config/load.ts";
import { runSchema } from "../../config/run.ts";
import { trainingRun } from "../../train/run.ts";
import { defineCommand } from "../command.ts";
import { formatCount, type Progress } from "../ui/progress.ts";
import { stepState } from "../views/step_view.ts";

export const command = defineCommand({
  positionals: {
    config: {
      type: "string",
      required: true,
      text: { en: "YAML file; see `belle-train config schema`", zh: "YAML 文件；参见 `belle-train config schema`" },
    },
  },
  options: {
    set: {
      type: "strings",
      text: {
        en: "Override a value: train.learning_rate=1e-5 (repeatable)",
        zh: "覆盖某个值：train.learning_rate=1e-5（可重复）",
      },
    },
  },
  resumable: true,
  examples: [
    [
      "belle-train train config.yaml",
      {
        en: "train, or continue from the newest checkpoint of train.output_dir",
        zh: "开始训练，或从 train.output_dir 最新的检查点继续",
      },
    ],
  ],
  async run(args, context) {
    const config = await loadConfig(args.config, runSchema, { set: args.set, language: context.language });
    let bar: { stage: string; progress: Progress } | undefined;
    // One line at a time: a new stage clears the one before.
    const show = (stage: string, label: { en: string; zh: string }): Progress => {
      if (bar?.stage !== stage) {
        bar?.progress.finish();
        bar = { stage, progress: context.progress(label) };
      }
      return bar.progress;
    };
    const pause = () => {
      bar?.progress.finish();
      bar = undefined;
    };
    let done: Awaited<ReturnType<typeof trainingRun>>;
    try {
      done = await trainingRun(config, context.signal, (event) => {
        if (event.type !== "prepare") context.event(event);
        switch (event.type) {
          case "prepare":
            if (event.progress.phase === "hash") break;
            show(`${event.data} ${event.progress.phase}`, {
              en: `${event.data} data: ${event.progress.phase}`,
              zh: `${event.data} 数据：${event.progress.phase}`,
            }).update(event.progress);
            break;
          case "data": {
            pause();
            const { manifest, reused, droppedFile } = event.result;
            const dropped = Object.values(manifest.dropped).reduce((sum, count) => sum + count, 0);
            const counts = `${manifest.samples} / ${manifest.packs} / ${formatCount(manifest.tokens)}`;
            context.note({
              en: `${event.data} data: samples / packs / tokens ${counts}${reused ? " (kept)" : ""}`,
              zh: `${event.data} 数据：样本 / pack / token ${counts}${reused ? "（沿用）" : ""}`,
            });
            if (dropped > 0)
              context.note({ en: `${dropped} rows dropped: ${droppedFile}`, zh: `丢弃 ${dropped} 行：${droppedFile}` });
            break;
          }
          case "model":
            context.note({
              en: `model: ${formatCount(event.parameters)} parameters in ${event.dtype}, ${event.rows} rows, on ${event.backend}; ${formatCount(event.plannedBytes)}B planned; ${event.totalSteps} steps`,
              zh: `模型：${formatCount(event.parameters)} 参数（${event.dtype}），${event.rows} 行词表，后端 ${event.backend}；计划内存 ${formatCount(event.plannedBytes)}B；共 ${event.totalSteps} 步`,
            });
            break;
          case "step":
            show("train", { en: "training", zh: "训练" }).update(stepState(event, context));
            break;
          case "eval":
            pause();
            context.note({
              en: `step ${event.step}: evaluation loss ${event.loss.toFixed(4)}`,
              zh: `第 ${event.step} 步：评估损失 ${event.loss.toFixed(4)}`,
            });
            break;
          case "checkpoint":
            pause();
            context.note({
              en: `step ${event.step}: saved ${event.path}`,
              zh: `第 ${event.step} 步：已保存 ${event.path}`,
            });
            break;
          case "warning":
            pause();
            context.warn({ en: event.message, zh: event.message });
            break;
          case "done":
          case "saved":
            break;
        }
      });
    } finally {
      pause();
    }
    context.summary(
      { type: "summary", ...done },
      { en: `Done after ${done.step} steps: ${done.model}`, zh: `训练完成，共 ${done.step} 步：${done.model}` },
    );
  },
});
