// Templates: how a conversation becomes text, as data. Each turn is one segment and is tokenised on its own.
import type { Turn } from "./sample.ts";

export interface Template {
  name: string;
  human: { before: string; after: string };
  assistant: { before: string; after: string };
  /** Put between a system text and the human turn it is prepended to. */
  systemJoin: string;
}

/** LianjiaTech/BELLE train/src/sample_generator.py. BELLE has no system turn; one is read as part of the question. */
const belle: Template = {
  name: "belle",
  human: { before: "Human: \n", after: "\n\nAssistant: \n" },
  assistant: { before: "", after: "" },
  systemJoin: "\n",
};

export const templates = { belle } as const satisfies Record<string, Template>;
export type TemplateName = keyof typeof templates;

export interface Segment {
  text: string;
  /** Tokens are targets of the loss, and the end-of-sequence token follows. */
  supervised: boolean;
}

/** The segments of a conversation. A system text goes in front of the next human turn; without one it is left out. */
export function toSegments(turns: readonly Turn[], template: Template): Segment[] {
  const segments: Segment[] = [];
  let system = "";
  for (const turn of turns) {
    if (turn.role === "system") system += turn.text + template.systemJoin;
    else if (turn.role === "human") {
      const { before, after } = template.human;
      segments.push({ text: before + system + turn.text + after, supervised: false });
      system = "";
    } else {
      const { before, after } = template.assistant;
      segments.push({ text: before + turn.text + after, supervised: true });
    }
  }
  return segments;
}
