// Counts over data files, without writing anything.
import { checkValue } from "../config/check.ts";
import { type DataSource, sourceSchema } from "../config/data.ts";
import { throwIfAborted } from "../native/abort.ts";
import { BelleError } from "../native/errors.ts";
import { type DataTokenizer, encodeSegments, supervisedTokens } from "./encode.ts";
import { readRows } from "./rows.ts";
import { convertRow, detectFormat, type Sample } from "./sample.ts";
import { templates, toSegments } from "./template.ts";

export interface DataStats {
  path: string;
  format: string;
  rows: number;
  samples: number;
  dropped: Record<string, number>;
  turns: number;
  characters: number;
  /** Han characters among them. */
  hanCharacters: number;
  /** Only with a tokenizer. */
  tokens?: number;
  supervisedTokens?: number;
  /** Token counts of samples at these shares of the sorted list; only with a tokenizer. */
  lengths?: { p50: number; p90: number; p99: number; max: number };
}

const han = /\p{Script=Han}/gu;

function textsOf(sample: Sample): string[] {
  return sample.kind === "text" ? [sample.text] : sample.turns.map((turn) => turn.text);
}

/** Counts rows, turns, characters and, with a tokenizer, tokens. Bad rows are counted, not thrown. */
export async function dataStats(
  from: DataSource,
  options: { tokenizer?: DataTokenizer; signal?: AbortSignal; onBytes?: (position: number) => void } = {},
): Promise<DataStats> {
  const { tokenizer, signal } = options;
  const source = checkValue(sourceSchema, typeof from === "string" ? { path: from } : from, "source");
  const stats: DataStats = {
    path: source.path,
    format: source.format,
    rows: 0,
    samples: 0,
    dropped: {},
    turns: 0,
    characters: 0,
    hanCharacters: 0,
  };
  const lengths: number[] = [];
  let supervised = 0;
  const count = (reason: string) => {
    stats.dropped[reason] = (stats.dropped[reason] ?? 0) + 1;
  };
  const reader = await readRows(source.path, { text: source.format === "text", sampleBy: source.sample_by });
  if (reader.kind === "empty") {
    throw new BelleError("ERR_BELLE_INVALID_DATA", `${source.path}: is empty; there is nothing to count.`);
  }
  let format = source.format === "auto" ? undefined : source.format;
  for await (const row of reader.rows) {
    if (stats.rows % 256 === 0) {
      throwIfAborted(signal, "Counting");
      options.onBytes?.(reader.position());
    }
    if (source.limit !== undefined && stats.rows >= source.limit) break;
    stats.rows++;
    if (row.kind === "bad") {
      count(row.reason);
      continue;
    }
    format ??= detectFormat(row.value);
    const converted =
      format === undefined
        ? undefined
        : convertRow(row.value, format, { join: source.join, anyOtherIsAssistant: false });
    if (converted === undefined || "dropped" in converted) {
      count(converted?.dropped ?? "unknown_shape");
      continue;
    }
    const { sample } = converted;
    stats.samples++;
    for (const text of textsOf(sample)) {
      stats.turns++;
      stats.characters += [...text].length;
      stats.hanCharacters += text.match(han)?.length ?? 0;
    }
    if (tokenizer !== undefined) {
      const segments =
        sample.kind === "text" ? [{ text: sample.text, supervised: true }] : toSegments(sample.turns, templates.belle);
      const encoded = encodeSegments([segments], tokenizer)[0]!;
      lengths.push(encoded.ids.length);
      supervised += supervisedTokens(encoded.labels);
    }
  }
  stats.format = format ?? "unknown";
  if (tokenizer !== undefined && lengths.length > 0) {
    lengths.sort((a, b) => a - b);
    const at = (share: number) => lengths[Math.min(lengths.length - 1, Math.floor(share * lengths.length))]!;
    stats.tokens = lengths.reduce((sum, length) => sum + length, 0);
    stats.supervisedTokens = supervised;
    stats.lengths = { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: lengths.at(-1)! };
  }
  return stats;
}
