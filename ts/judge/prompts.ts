// Builds the judge's messages as BELLE's published page does (eval/template_html/ChatGPT_Score.html.temp).

import { createHash } from "node:crypto";
import { BelleError } from "../native/errors.ts";
import type { ChatMessage } from "./chat_client.ts";
import { type UseCase, useCaseOf } from "./classes.ts";
import { prompts2303, prompts2304 } from "./prompt_texts.ts";

/** By paper: the prompts of the 1,000-item set (arXiv 2304.07854), or table 3 of arXiv 2303.14742. */
export type PromptGeneration = "2304.07854" | "2303.14742";

/**
 * paper: generation, brainstorming and rewrite are judged without a gold answer, even for the 39 rewrite items that
 * have one. when_available: every item with a gold answer shows it to the judge.
 */
export type GoldPolicy = "paper" | "when_available";

/**
 * published: byte for byte the page's message. delimited: the answer stands between two lines that carry a digest of the
 * answer itself, and control tokens in it are broken up, so that an answer cannot end its own quotation. Scores of the
 * two are not comparable; the choice is part of every report.
 */
export type Assembly = "published" | "delimited";

export interface PromptInput {
  class: string;
  question: string;
  /** "" when there is none. */
  gold: string;
  answer: string;
}

export interface PromptOptions {
  prompts: PromptGeneration;
  gold: GoldPolicy;
  assembly: Assembly;
}

const withoutGold: ReadonlySet<UseCase> = new Set(["generation", "brainstorming", "rewrite"]);

/** The instruction a class is judged by. Throws ERR_BELLE_CONFIG where the generation has none. */
export function promptFor(useCase: UseCase, generation: PromptGeneration): string {
  const text = (generation === "2304.07854" ? prompts2304 : prompts2303)[useCase];
  if (text !== undefined) return text;
  throw new BelleError(
    "ERR_BELLE_CONFIG",
    `The prompts of ${generation} have none for class "${useCase}"; set prompts: "${generation === "2304.07854" ? "2303.14742" : "2304.07854"}", or leave these items out.`,
    { details: { class: useCase, prompts: generation } },
  );
}

/** Whether the judge is shown the gold answer. */
export function usesGold(useCase: UseCase, gold: string, policy: GoldPolicy): boolean {
  if (policy === "when_available") return gold !== "";
  return !withoutGold.has(useCase);
}

/** Marks of chat templates that could end the candidate's turn when the judge is served without escaping. */
const controlTokens = /<\|[^|<>]{1,40}\|>|<\/?s>|\[\/?INST\]|<<\/?SYS>>/giu;

function delimit(answer: string): string {
  // No answer can contain a digest of itself, so the marks are unforgeable and still the same at every run.
  const mark = createHash("sha256").update(answer, "utf8").digest("hex").slice(0, 16);
  const clean = answer.replace(controlTokens, (token) => `${token[0]} ${token.slice(1)}`);
  return `\n<<<${mark}\n${clean}\n${mark}>>>\n`;
}

/** The one user message of a judgment; there is no system message. */
export function judgeMessages(input: PromptInput, options: PromptOptions): ChatMessage[] {
  const useCase = useCaseOf(input.class);
  const prompt = promptFor(useCase, options.prompts);
  const gold = usesGold(useCase, input.gold, options.gold);
  if (gold && input.gold === "") {
    throw new BelleError(
      "ERR_BELLE_INVALID_DATA",
      `Class "${useCase}" is judged against a gold answer, but the item "${input.question.slice(0, 40)}" has none; fill in std_answer or use gold: when_available.`,
    );
  }
  const answer = options.assembly === "delimited" ? delimit(input.answer) : input.answer;
  // The quotes, colons and spaces differ between the two forms on the published page; both are kept as they are.
  const content = gold
    ? `${prompt} ${input.question} 标准回答:${input.gold}  模型回答：' ${answer}'。请针对模型回答给出得分，顺便给出理由：`
    : `${prompt} ${input.question}  模型回答： '${answer}'。请针对模型回答给出得分，顺便给出理由：`;
  return [{ role: "user", content }];
}

/** Asks once more after a reply that held no usable score. */
export function reaskMessages(messages: ChatMessage[], reply: string): ChatMessage[] {
  const reminder =
    "你的上一次回复中没有可用的分数。请只回复一行，格式为“得分: X”，其中X是0到1之间的数字（满分为1分，最低分为0分），不要输出其他内容。";
  const said: ChatMessage[] = reply.trim() === "" ? [] : [{ role: "assistant", content: reply }];
  return [...messages, ...said, { role: "user", content: reminder }];
}

/** SHA-256 of every text that shapes a judgment, so that a report can name the exact wording it used. */
export function promptFingerprint(generation: PromptGeneration): string {
  const texts = generation === "2304.07854" ? prompts2304 : prompts2303;
  return createHash("sha256").update(JSON.stringify(texts), "utf8").digest("hex");
}
