// Shows a recipe's events: a line a stage, one progress line at a time, losses as they come.
import type { Text } from "../../config/language.ts";
import type { RecipeEvent } from "../../recipes/registry.ts";
import type { Context } from "../command.ts";
import type { Progress } from "../ui/progress.ts";
import { stepState } from "./step_view.ts";

const stageNames: Record<string, Text> = {
  tokenizer: { en: "vocabulary: train a BPE and merge it into the base", zh: "词表：训练 BPE 并合并到基础词表" },
  extend: { en: "model: add the new rows", zh: "模型：新增词嵌入" },
  pretrain: { en: "pre-training", zh: "预训练" },
  before: { en: "answers and scores before fine-tuning", zh: "微调前的回答与评分" },
  finetune: { en: "fine-tuning", zh: "微调" },
  after: { en: "answers and scores after fine-tuning", zh: "微调后的回答与评分" },
};

const workNames = {
  bpe: { en: "BPE", zh: "BPE" },
  prepare: { en: "data", zh: "数据" },
  train: { en: "training", zh: "训练" },
  answer: { en: "answers", zh: "回答" },
  judge: { en: "judging", zh: "评审" },
} as const satisfies Record<string, Text>;

/** A listener for a recipe's events; `finish` clears the progress line. */
export function recipeView(context: Context): { onEvent(event: RecipeEvent): void; finish(): void } {
  let bar: { key: string; progress: Progress } | undefined;
  const pause = () => {
    bar?.progress.finish();
    bar = undefined;
  };
  const show = (key: keyof typeof workNames): Progress => {
    if (bar?.key !== key) {
      pause();
      bar = { key, progress: context.progress(workNames[key]) };
    }
    return bar.progress;
  };
  const stage = (name: string): Text => stageNames[name] ?? { en: name, zh: name };
  const onEvent = (event: RecipeEvent): void => {
    if (event.type !== "stage-progress" || event.progress.kind === "train") context.event(event);
    switch (event.type) {
      case "stage-start":
      case "stage-kept": {
        pause();
        const { en, zh } = stage(event.stage);
        const place = `[${event.index}/${event.stages}]`;
        const kept = event.type === "stage-kept";
        context.note({ en: `${place} ${en}${kept ? " (kept)" : ""}`, zh: `${place} ${zh}${kept ? "（沿用）" : ""}` });
        break;
      }
      case "stage-aside":
        pause();
        context.note({
          en: `      what was begun from other inputs was set aside: ${event.to}`,
          zh: `      由其他输入开始的内容已移至：${event.to}`,
        });
        break;
      case "stage-done":
        pause();
        context.note({ en: `      ${event.seconds.toFixed(1)} s`, zh: `      ${event.seconds.toFixed(1)} 秒` });
        break;
      case "stage-progress":
        onProgress(event.progress);
        break;
      case "report":
        pause();
        break;
    }
  };
  const onProgress = (progress: Extract<RecipeEvent, { type: "stage-progress" }>["progress"]): void => {
    switch (progress.kind) {
      case "bpe":
        show("bpe").update({ done: progress.progress.done, total: progress.progress.total });
        break;
      case "prepare":
      case "answer":
      case "judge":
        show(progress.kind).update({ done: progress.done, total: progress.total });
        break;
      case "train":
        onTraining(progress.event);
        break;
    }
  };
  const onTraining = (
    event: Extract<Extract<RecipeEvent, { type: "stage-progress" }>["progress"], { kind: "train" }>["event"],
  ): void => {
    switch (event.type) {
      case "step":
        show("train").update(stepState(event, context));
        break;
      case "eval":
        pause();
        context.note({
          en: `      step ${event.step}: held-out loss ${event.loss.toFixed(4)}`,
          zh: `      第 ${event.step} 步：留出损失 ${event.loss.toFixed(4)}`,
        });
        break;
      case "warning":
        pause();
        context.warn({ en: event.message, zh: event.message });
        break;
      case "checkpoint":
      case "done":
        break;
    }
  };
  return { onEvent, finish: pause };
}
