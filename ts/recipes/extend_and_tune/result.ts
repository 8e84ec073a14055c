// What a finished run of the recipe found: one field a stage, plain JSON.
import type { Evaluation } from "../../eval/summary.ts";
import type { ModelResult } from "./model_stage.ts";
import type { PhaseResult } from "./phase_stage.ts";
import type { TokenizerResult } from "./tokenizer_stage.ts";

export interface ExtendAndTuneResult {
  tokenizer: TokenizerResult;
  model: ModelResult;
  pretrain: PhaseResult;
  finetune: PhaseResult;
  before: Evaluation | undefined;
  after: Evaluation;
  report: string;
}
