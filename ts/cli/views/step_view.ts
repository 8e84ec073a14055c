// One optimizer step as the state of a progress line.
import type { NativeTrainEvent } from "../../native/binding.ts";
import type { Context } from "../command.ts";
import { formatCount, type ProgressState } from "../ui/progress.ts";

export function stepState(event: Extract<NativeTrainEvent, { type: "step" }>, context: Context): ProgressState {
  return {
    done: event.step,
    total: event.totalSteps,
    unit: context.text({ en: "steps", zh: "步" }),
    fields: {
      loss: event.loss.toFixed(4),
      lr: event.lr.toExponential(2),
      "tok/s": formatCount(Math.round(event.tokensPerSecond)),
      MFU: `${(100 * event.mfu).toFixed(0)}%`,
      [context.text({ en: "mem", zh: "内存" })]: `${formatCount(event.memory)}B`,
    },
  };
}
