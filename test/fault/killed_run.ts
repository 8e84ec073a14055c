// A recipe run that is killed again and again, beside one that never is. Used by kill.test.ts and scripts/soak-kill.mjs.
import type { ChildProcess } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import * as assert from "uvu/assert";
import { type ChatCall, startChatServer } from "../support/chat_server.ts";
import { type Finished, start } from "../support/command_line.ts";
import { root } from "../support/paths.ts";
import { readEventFiles, type ScalarRow } from "./event_files.ts";
import { contents, conversations, leftovers, quickstartBase, writeFiles } from "./support.ts";

/** Where a run is stopped: at an event of --json, at the judge's n-th call of the run, or after some milliseconds. */
export interface Mark {
  name: string;
  signal: "SIGKILL" | "SIGINT" | "SIGTERM";
  event?: (event: RecipeLine) => boolean;
  call?: number;
  after?: number;
  /** Milliseconds between the mark and the signal. */
  delay?: number;
}

export interface RecipeLine {
  type: string;
  stage?: string;
  progress?: { kind: string; phase?: string; event?: { type: string; step?: number } };
}

export const stageStarts = (stage: string) => (line: RecipeLine) => line.type === "stage-start" && line.stage === stage;
export const stageEnds = (stage: string) => (line: RecipeLine) => line.type === "stage-done" && line.stage === stage;
export const trains = (phase: string, type: string, step: number) => (line: RecipeLine) =>
  line.progress?.phase === phase && line.progress.event?.type === type && line.progress.event.step === step;

const questions = ["苹果", "香蕉", "葡萄", "西瓜"].map((fruit) =>
  JSON.stringify({ question: `${fruit}是什么颜色？`, class: "open qa", std_answer: "红色" }),
);

/** Writes a small recipe and its data; returns the path of its YAML. Give output_dir with --set. */
export function writeInputs(dir: string, baseUrl: string): string {
  const train = (trainable: string) =>
    `{ trainable: ${trainable}, learning_rate: 0.003, max_steps: 24, save_steps: 4, eval_steps: 4, per_device_train_batch_size: 2 }`;
  const corpus = readFileSync(join(root, "assets/quickstart/corpus.txt"), "utf8").split("\n").slice(0, 300);
  writeFiles(dir, {
    "corpus.txt": corpus.join("\n"),
    "sft.jsonl": conversations(40),
    "questions.jsonl": questions.join("\n"),
    "run.yaml": `recipe: extend-and-tune
output_dir: ${join(dir, "unset")}
seed: 7
tokenizer:
  base: ${quickstartBase}
  train: { input: [${join(dir, "corpus.txt")}], vocab_size: 400 }
model: { create: { hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4, max_position_embeddings: 128 } }
pretrain:
  data: { sources: [{ path: ${join(dir, "corpus.txt")}, format: text }], eval_head: 20, max_length: 128 }
  train: ${train("embeddings")}
finetune:
  data: { sources: [${join(dir, "sft.jsonl")}], eval_head: 4, max_length: 128 }
  train: ${train("all")}
answers: { questions: ${join(dir, "questions.jsonl")}, before: true, generate: { max_new_tokens: 8 } }
evaluation: { by: judge, judge: { base_url: "${baseUrl}", model: judge-1, concurrency: 1 } }
`,
  });
  return join(dir, "run.yaml");
}

/** Everything that must not depend on how often the run was stopped. */
export interface Outcome {
  /** Path -> sha256 of the models, tokenizers, shards and scores. */
  files: Record<string, string>;
  /** The averages of each evaluation; its count of calls says what this one run paid for. */
  averages: unknown[];
  /** The step and eval rows of each metrics.jsonl, without times. */
  metrics: Record<string, string[]>;
  /** What TensorBoard shows of each phase. */
  board: Record<string, string[]>;
  leftovers: string[];
}

const compared = /(?:\/final\/.*\.safetensors|tokenizer\.model|merge-report\.json|\.bin|\.mask|scores\.jsonl)$/;

export function outcomeOf(output: string): Outcome {
  const all = contents(output);
  const files = Object.fromEntries(Object.entries(all).filter(([name]) => compared.test(name)));
  const averages = ["before", "after"].map((name) => {
    const text = readFileSync(join(output, "evaluation", name, "summary.json"), "utf8");
    return (JSON.parse(text) as { averages: unknown }).averages;
  });
  const metrics: Outcome["metrics"] = {};
  const board: Outcome["board"] = {};
  for (const phase of ["pretrain", "finetune"]) {
    const rows = readFileSync(join(output, phase, "metrics.jsonl"), "utf8")
      .trimEnd()
      .split("\n");
    metrics[phase] = rows
      .map((row) => JSON.parse(row) as Record<string, unknown>)
      .filter(({ type }) => type !== "checkpoint")
      .map(({ tokens_per_second: _, seconds: __, mfu: ___, memory: ____, ...row }) => JSON.stringify(row));
    board[phase] = readEventFiles(join(output, phase))
      .filter(({ tag }) => !/tokens_per_second|mfu|memory/.test(tag))
      .map((row: ScalarRow) => `${row.step} ${row.tag} ${row.value}`);
  }
  return { files, averages, metrics, board, leftovers: leftovers(output) };
}

export interface Stopped extends Finished {
  mark: Mark;
  /** The mark was met before the run ended. */
  met: boolean;
  /** From the signal to the end. */
  milliseconds: number;
}

export interface KilledRun {
  whole: Outcome;
  parts: Outcome;
  stops: Stopped[];
  /** Milliseconds of the run that was never stopped. */
  wholeMilliseconds: number;
  /** Judge calls that were answered: of the whole run, and of the one in parts. */
  paid: { whole: string[]; parts: string[] };
  /** Answered calls of the run in parts that a kill -9 took before they reached the journal: these are asked again. */
  lost: number;
}

/** Runs the recipe in `dir` once undisturbed, then once with every mark of `marks`. */
export async function killedRun(dir: string, marks: (wholeMilliseconds: number) => Mark[]): Promise<KilledRun> {
  let answered: string[] = [];
  let onCall: (call: number) => boolean = () => false;
  let calls = 0;
  const server = await startChatServer((call: ChatCall) => {
    if (onCall(++calls)) return { kind: "hang" };
    const text = call.body.messages.map(({ content }) => content).join("\n");
    answered.push(text);
    return { kind: "answer", text: `得分: 0.${text.length % 10}` };
  });
  try {
    const config = writeInputs(dir, server.baseUrl);
    const argv = (name: string) => ["recipe", "run", config, "--json", "--set", `output_dir=${join(dir, name)}`];
    const env = { OPENAI_API_KEY: "" };
    const began = performance.now();
    succeeded(await start(argv("whole"), { env }).finished);
    const wholeMilliseconds = performance.now() - began;
    const paidWhole = answered;
    answered = [];
    const stops: Stopped[] = [];
    let lost = 0;
    for (const mark of marks(wholeMilliseconds)) {
      calls = 0;
      const { child, finished } = start(argv("parts"), { env });
      let sent = Number.NaN;
      const stop = once(async () => {
        if (mark.delay !== undefined) await setTimeout(mark.delay);
        sent = performance.now();
        child.kill(mark.signal);
      });
      onCall = (call) => {
        if (call === mark.call) stop();
        return call === mark.call;
      };
      if (mark.after !== undefined) setTimeout(mark.after).then(stop);
      if (mark.event !== undefined) watch(child, mark.event, stop);
      const ended = await finished;
      onCall = () => false;
      const taken = answered.length - lost - journaled(join(dir, "parts"));
      assert.ok(taken >= 0 && (taken === 0 || mark.signal === "SIGKILL"), `${mark.name}: ${taken} replies lost`);
      lost += taken;
      stops.push({ ...ended, mark, met: ended.code !== 0, milliseconds: performance.now() - sent });
    }
    succeeded(await start(argv("parts"), { env }).finished);
    // As if every stage had been killed between its outputs and its record.
    const stages = join(dir, "parts", "stages");
    for (const name of readdirSync(stages).filter((file) => !file.includes(".begun."))) rmSync(join(stages, name));
    succeeded(await start(argv("parts"), { env }).finished);
    const [whole, parts] = [outcomeOf(join(dir, "whole")), outcomeOf(join(dir, "parts"))];
    return { whole, parts, stops, wholeMilliseconds, paid: { whole: paidWhole, parts: answered }, lost };
  } finally {
    await server.close();
  }
}

/** Replies in the journals of a run. */
function journaled(folder: string): number {
  const journals = ["before", "after"].map((name) => join(folder, "evaluation", name, "journal.jsonl"));
  const lines = journals.filter((path) => existsSync(path)).flatMap((path) => readFileSync(path, "utf8").split("\n"));
  return lines.filter((line) => line.endsWith("}") && "text" in (JSON.parse(line) as object)).length;
}

function once(call: () => void): () => void {
  let done = false;
  return () => {
    if (!done) call();
    done = true;
  };
}

export function succeeded({ code, signal, err }: Finished): void {
  assert.equal([code, signal], [0, null], err);
}

function watch(child: ChildProcess, wanted: (line: RecipeLine) => boolean, found: () => void): void {
  let rest = "";
  child.stdout!.on("data", (chunk: Buffer) => {
    const lines = (rest + chunk.toString("utf8")).split("\n");
    rest = lines.pop()!;
    if (lines.some((line) => wanted(JSON.parse(line) as RecipeLine))) found();
  });
}

/** Fails unless the run in parts ended as the whole one did. */
export function compare({ whole, parts, paid, lost }: KilledRun): void {
  assert.ok(Object.keys(whole.files).some((name) => name.startsWith("finetune/final/")));
  assert.equal(parts.files, whole.files);
  assert.equal(parts.averages, whole.averages);
  assert.equal(parts.metrics, whole.metrics);
  assert.equal(parts.board, whole.board);
  assert.equal([parts.leftovers, whole.leftovers], [[], []]);
  assert.is(paid.whole.length, 2 * questions.length);
  assert.is(paid.parts.length, paid.whole.length + lost);
  assert.equal(new Set(paid.parts), new Set(paid.whole));
}
