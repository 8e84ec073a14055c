// One source: rows -> samples -> ids and masks, in small batches so that the JS thread stays free between them.
import { setImmediate } from "node:timers/promises";
import type { DataFormat, SourceSection } from "../config/data.ts";
import { throwIfAborted } from "../native/abort.ts";
import { BelleError } from "../native/errors.ts";
import type { DroppedRow } from "./drop_log.ts";
import {
  type DataTokenizer,
  type Encoded,
  encodeSegments,
  ignoreIndex,
  supervisedTokens,
  truncate,
  unmaskAsBelle,
} from "./encode.ts";
import { readRows } from "./rows.ts";
import { convertRow, detectFormat, type Sample } from "./sample.ts";
import { type Segment, type Template, toSegments } from "./template.ts";

export interface SourceOptions {
  tokenizer: DataTokenizer;
  maxLength: number;
  template: Template;
  mode: "belle" | "belle-compat";
  onBadLine: "error" | "skip";
}

export interface SourceResult {
  path: string;
  format: Exclude<DataFormat, "auto"> | "none";
  rows: number;
  samples: number;
  tokens: number;
  truncatedSamples: number;
  truncatedTokens: number;
  dropped: Record<string, number>;
  /** Of the bytes read; undefined when reading stopped before the end of the file. */
  sha256: string | undefined;
}

export interface SourceSink {
  onSample(ids: Int32Array, mask: Uint8Array): void;
  onDrop(row: DroppedRow): void;
  onBytes(position: number): void;
  signal: AbortSignal | undefined;
}

/** Rows still to skip and to take, over all sources; counted down in place. */
export interface RowWindow {
  skip: number;
  take: number;
}

// About 20 ms of encoding.
const batchCharacters = 1 << 16;

interface Pending {
  line: number;
  sample: Sample;
}

/** Reads one source to its end, or until the window is used up. */
export async function readSource(
  source: SourceSection,
  options: SourceOptions,
  window: RowWindow,
  sink: SourceSink,
): Promise<SourceResult> {
  const result: SourceResult = {
    path: source.path,
    format: source.format === "auto" ? "none" : source.format,
    rows: 0,
    samples: 0,
    tokens: 0,
    truncatedSamples: 0,
    truncatedTokens: 0,
    dropped: {},
    sha256: undefined,
  };
  const drop = (line: number, reason: string, detail: string) => {
    result.dropped[reason] = (result.dropped[reason] ?? 0) + 1;
    sink.onDrop({ source: source.path, line, reason, detail });
  };
  let pending: Pending[] = [];
  let characters = 0;
  const flush = () => {
    encodePending(pending, options, result, sink, drop);
    pending = [];
    characters = 0;
  };
  const limit = source.limit ?? Number.POSITIVE_INFINITY;
  const reader = await readRows(source.path, { text: source.format === "text", sampleBy: source.sample_by });
  if (reader.kind === "empty") {
    throw new BelleError("ERR_BELLE_INVALID_DATA", `${source.path}: is empty; leave it out or fill it.`);
  }
  let good = 0;
  let ended = true;
  for await (const row of reader.rows) {
    if (good >= limit || window.take <= 0) {
      ended = false;
      break;
    }
    result.rows++;
    if (row.kind === "bad") {
      if (options.onBadLine === "error" || row.fatal) {
        const mend = row.fatal ? "mend the file" : "mend it, or set on_bad_line: skip";
        throw new BelleError("ERR_BELLE_INVALID_DATA", `${source.path}:${row.line}: ${row.message}; ${mend}.`, {
          details: { file: source.path, line: row.line, reason: row.reason },
        });
      }
      drop(row.line, row.reason, row.message);
      continue;
    }
    good++;
    if (result.format === "none") result.format = formatOf(row.value, source.path, row.line);
    if (window.skip > 0) {
      window.skip--;
      continue;
    }
    window.take--;
    const converted = convertRow(row.value, result.format, {
      join: source.join,
      anyOtherIsAssistant: options.mode === "belle-compat" && result.format === "belle",
    });
    if ("dropped" in converted) {
      drop(row.line, converted.dropped, converted.detail);
      continue;
    }
    pending.push({ line: row.line, sample: converted.sample });
    characters += lengthOf(converted.sample);
    if (characters >= batchCharacters || pending.length >= 1024) {
      flush();
      sink.onBytes(reader.position());
      await setImmediate();
      throwIfAborted(sink.signal, "Data preparation");
    }
  }
  flush();
  sink.onBytes(reader.position());
  if (ended) result.sha256 = reader.sha256();
  return result;
}

function formatOf(value: unknown, path: string, line: number): Exclude<DataFormat, "auto"> {
  const format = detectFormat(value);
  if (format !== undefined) return format;
  const keys = typeof value === "object" && value !== null ? Object.keys(value).slice(0, 8).join(", ") : typeof value;
  throw new BelleError(
    "ERR_BELLE_INVALID_DATA",
    `${path}:${line}: no known format has the keys ${keys || "(none)"}; known: conversations or messages, ` +
      "instruction + output, input + target, text. Name one with format, or rename the keys.",
    { details: { file: path, line } },
  );
}

function lengthOf(sample: Sample): number {
  if (sample.kind === "text") return sample.text.length;
  return sample.turns.reduce((sum, turn) => sum + turn.text.length, 0);
}

function encodePending(
  pending: readonly Pending[],
  options: SourceOptions,
  result: SourceResult,
  sink: SourceSink,
  drop: (line: number, reason: string, detail: string) => void,
): void {
  if (pending.length === 0) return;
  const { tokenizer, template, maxLength, mode } = options;
  // A text is one supervised segment: every token and the eos behind it are targets.
  const segments = pending.map(({ sample }): Segment[] =>
    sample.kind === "text" ? [{ text: sample.text, supervised: true }] : toSegments(sample.turns, template),
  );
  const encoded = encodeSegments(segments, tokenizer);
  for (const [i, { line, sample }] of pending.entries()) {
    const full = encoded[i]!;
    if (sample.kind === "text") {
      emitText(full, maxLength, result, sink);
      continue;
    }
    const cut = truncate(full, maxLength);
    if (mode === "belle-compat") unmaskAsBelle(cut);
    if (supervisedTokens(cut.labels) === 0) {
      const why = cut === full ? "no turn of the assistant" : `the first ${maxLength} tokens hold no answer`;
      drop(line, "no_supervised_token", why);
      continue;
    }
    if (cut !== full) {
      result.truncatedSamples++;
      result.truncatedTokens += full.ids.length - cut.ids.length;
    }
    emit(cut, result, sink);
  }
}

/** A text longer than maxLength becomes several samples; a last piece of one token has no target and is left out. */
function emitText(text: Encoded, maxLength: number, result: SourceResult, sink: SourceSink): void {
  for (let at = 0; at < text.ids.length; at += maxLength) {
    const piece = { ids: text.ids.slice(at, at + maxLength), labels: text.labels.slice(at, at + maxLength) };
    if (piece.ids.length > 1) emit(piece, result, sink);
    else result.truncatedTokens++;
  }
}

function emit(sample: Encoded, result: SourceResult, sink: SourceSink): void {
  const mask = new Uint8Array(sample.labels.length);
  // Nothing precedes the first token, so it is no target; the mask says so.
  for (let i = 1; i < mask.length; i++) mask[i] = sample.labels[i] === ignoreIndex ? 0 : 1;
  result.samples++;
  result.tokens += sample.ids.length;
  sink.onSample(sample.ids, mask);
}
