// What a run of the recipe tells while it works.
import type { NativeTrainEvent } from "../../native/binding.ts";
import type { TrainBpeProgress } from "../../tokenizer/train_bpe.ts";
import type { StageEvent } from "../stage.ts";

export type RecipeProgress =
  | { kind: "bpe"; progress: TrainBpeProgress }
  | { kind: "prepare"; done: number; total: number }
  | { kind: "train"; phase: "pretrain" | "finetune"; event: NativeTrainEvent; totalSteps: number }
  | { kind: "answer"; done: number; total: number }
  | { kind: "judge"; done: number; total: number };

export type RecipeEvent = StageEvent<RecipeProgress> | { type: "report"; path: string };
