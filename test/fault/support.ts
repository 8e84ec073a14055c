// What the fault tests share: a small model folder, the command line in this process, and what a folder holds.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { createModelSchema, huggingFaceConfig } from "../../ts/config/model.ts";
import { Model } from "../../ts/model/model.ts";
import { Tokenizer } from "../../ts/tokenizer/tokenizer.ts";
import { root } from "../support/paths.ts";
import { type Outcome, runCommand } from "../support/run_command.ts";

/** The small base model of the quickstart: its tokenizer has 1000 rows. */
export const quickstartBase = join(root, "assets/quickstart/base");

/**
 * A model of one layer with the quickstart's tokenizer: config.json, model.safetensors, tokenizer.model, MANIFEST.json.
 * `rows` of embeddings; default: as many as the tokenizer has.
 */
export async function makeTinyModel(folder: string, rows?: number): Promise<void> {
  const tokenizer = await Tokenizer.load(quickstartBase);
  const fields = createModelSchema.parse({
    hidden_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    max_position_embeddings: 64,
    ...(rows === undefined ? {} : { vocab_size: rows }),
  });
  const model = await Model.create(huggingFaceConfig(fields, tokenizer), { seed: 1 });
  try {
    await model.save(folder, { extraFiles: [join(quickstartBase, "tokenizer.model")] });
  } finally {
    model.dispose();
  }
}

/** Runs a command line in this process and environment, in one of the two languages. */
export const command = (argv: readonly string[], language: "en" | "zh" = "en"): Promise<Outcome> =>
  runCommand(argv, { env: { ...process.env, BELLE_LANG: language } });

/** Path -> sha256 of every file below `folder`, folders as "path/"; empty when it does not exist. */
export function contents(folder: string): Record<string, string> {
  let entries: ReturnType<typeof list>;
  try {
    entries = list(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw error;
  }
  return Object.fromEntries(
    entries.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const name = relative(folder, path);
      if (entry.isDirectory()) return [`${name}/`, ""];
      return [name, createHash("sha256").update(readFileSync(path)).digest("hex")];
    }),
  );
}

function list(folder: string) {
  return readdirSync(folder, { withFileTypes: true, recursive: true });
}

/** Names of working files that only a run under way may have. */
export function leftovers(folder: string): string[] {
  return Object.keys(contents(folder)).filter((name) => /\.(?:tmp|trash|new|old|spill|dropped)-\d|\.lock$/.test(name));
}

export interface SafetensorsEntry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** A safetensors file taken apart; put together again by {@link packSafetensors}. */
export function unpackSafetensors(bytes: Buffer): { header: Record<string, SafetensorsEntry>; data: Buffer } {
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, 8 + length)) as Record<string, SafetensorsEntry>;
  return { header, data: bytes.subarray(8 + length) };
}

/** `length`: what the file claims the header's length to be, when not the truth. */
export function packSafetensors(header: unknown, data: Buffer, length?: bigint): Buffer {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header), "utf8");
  const head = Buffer.alloc(8);
  head.writeBigUInt64LE(length ?? BigInt(text.length));
  return Buffer.concat([head, text, data]);
}

/** Lines of conversations that the template of BELLE can use. */
export function conversations(count: number): string {
  return Array.from({ length: count }, (_, i) =>
    JSON.stringify({ instruction: `问题${i}是什么？`, input: "", output: `这是第${i}个回答，写得长一些。` }),
  ).join("\n");
}

export function writeFiles(folder: string, files: Record<string, string | Buffer>): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
}
