// Rows of a data file: JSON array, JSON Lines or plain text, with the line each begins at.
import { type ByteStream, openBytes } from "./byte_stream.ts";
import { maxDepth, maxRowBytes, nesting, type Piece, splitArray, splitLines } from "./split.ts";

export type BadRowReason = "too_long" | "broken_array" | "not_utf8" | "not_json" | "too_deep" | "not_a_row";

export type Row =
  | { kind: "row"; line: number; value: unknown }
  | { kind: "bad"; line: number; reason: BadRowReason; message: string; fatal: boolean };

export interface RowReader {
  kind: ByteStream["kind"];
  rows: AsyncIterable<Row>;
  position(): number;
  sha256(): string;
}

export interface ReadRowsOptions {
  /** Read as plain text even when the first bytes look like JSON. */
  text?: boolean;
  sampleBy?: "line" | "paragraph" | "document";
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A bad row after which reading goes on. */
function bad(line: number, reason: BadRowReason, message: string): Row {
  return { kind: "bad", line, reason, message, fatal: false };
}

function decode(line: number, bytes: Buffer): string | Row {
  try {
    return decoder.decode(bytes);
  } catch {
    return bad(line, "not_utf8", "is not valid UTF-8; convert the file first, for example: iconv -f gb18030 -t utf-8");
  }
}

function parse(piece: Piece & { kind: "piece" }): Row {
  const { line, bytes } = piece;
  const text = decode(line, bytes);
  if (typeof text !== "string") return text;
  if (nesting(bytes) > maxDepth) {
    return bad(line, "too_deep", `is nested deeper than ${maxDepth} levels; flatten the row`);
  }
  try {
    // JSON.parse makes "__proto__" an own property like any other; fields are read with Object.hasOwn.
    return { kind: "row", line, value: JSON.parse(text) as unknown };
  } catch (error) {
    const why = (error as Error).message.slice(0, 160);
    const start = text.trimEnd();
    const pretty = start === "{" || start === "[" ? " (one row a line; a row spread over lines is not JSON Lines)" : "";
    return bad(line, "not_json", `is not valid JSON: ${why}${pretty}`);
  }
}

async function* jsonRows(pieces: AsyncIterable<Piece>): AsyncGenerator<Row> {
  for await (const piece of pieces) {
    if (piece.kind === "bad") {
      yield piece;
      continue;
    }
    if (isBlank(piece.bytes)) continue;
    const row = parse(piece);
    const value = row.kind === "row" ? row.value : undefined;
    const fits = typeof value === "string" || (typeof value === "object" && value !== null && !Array.isArray(value));
    if (row.kind === "bad" || fits) yield row;
    else yield bad(row.line, "not_a_row", "is JSON, but neither an object nor a text");
  }
}

function isBlank(bytes: Buffer): boolean {
  for (const byte of bytes) if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d && byte !== 0x0a) return false;
  return true;
}

async function* textRows(chunks: AsyncIterable<Buffer>, by: "line" | "paragraph" | "document"): AsyncGenerator<Row> {
  let lines: string[] = [];
  let first = 1;
  let size = 0;
  let overflowed = false;
  const flush = (): Row | undefined => {
    while (lines.length > 0 && lines.at(-1)!.trim() === "") lines.pop();
    if (lines.length === 0) return undefined;
    const value = lines.join("\n");
    lines = [];
    size = 0;
    return { kind: "row", line: first, value };
  };
  for await (const piece of splitLines(chunks)) {
    if (piece.kind === "bad") {
      yield piece;
      continue;
    }
    const text = decode(piece.line, piece.bytes);
    if (typeof text !== "string") {
      yield text;
      continue;
    }
    if (by === "line") {
      if (text.trim() !== "") yield { kind: "row", line: piece.line, value: text };
      continue;
    }
    const blank = text.trim() === "";
    if (blank && (lines.length === 0 || by === "paragraph")) {
      const row = flush();
      if (row !== undefined) yield row;
      overflowed = false;
      continue;
    }
    if (overflowed) continue;
    if (lines.length === 0) first = piece.line;
    lines.push(text);
    size += piece.bytes.length + 1;
    if (size > maxRowBytes) {
      yield bad(first, "too_long", `is a ${by} longer than ${maxRowBytes >> 20} MiB; use sample_by: line`);
      lines = [];
      size = 0;
      overflowed = true;
    }
  }
  const row = flush();
  if (row !== undefined) yield row;
}

/** Opens a file and reads its rows one after the other; never holds more than one row and one chunk. */
export async function readRows(path: string, options: ReadRowsOptions = {}): Promise<RowReader> {
  const stream = await openBytes(path);
  const kind = options.text && stream.kind !== "empty" ? "text" : stream.kind;
  const rows =
    kind === "array"
      ? jsonRows(splitArray(stream.chunks))
      : kind === "lines"
        ? jsonRows(splitLines(stream.chunks))
        : textRows(stream.chunks, options.sampleBy ?? "line");
  return { kind, rows, position: stream.position, sha256: stream.sha256 };
}
