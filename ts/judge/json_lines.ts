// Reads JSON Lines files of unknown origin in bounded pieces.

import { open } from "node:fs/promises";
import { TextDecoder } from "node:util";
import { BelleError } from "../native/errors.ts";

export interface TextLine {
  /** Counted from 1. */
  number: number;
  /** Byte offset of the line's first byte. */
  offset: number;
  /** Byte offset behind the line and its newline. */
  end: number;
  text: string;
  /** The line ended with a newline; false only for the last one. */
  terminated: boolean;
}

export interface LineOptions {
  /** Longest line in bytes. Default 8 MiB. */
  maxLineBytes?: number;
  /** A last line without a newline may be torn anywhere, also inside a character: it is then not refused. */
  tornTail?: boolean;
}

function missing(path: string, error: unknown): BelleError {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  if (code === "ENOENT") return new BelleError("ERR_BELLE_NOT_FOUND", `${path} does not exist; check the path.`);
  return new BelleError("ERR_BELLE_IO", `${path} could not be read (${code}); check that it is a file you may read.`);
}

/** Yields the lines of a UTF-8 file, without line ends. Throws on a line that is too long or not UTF-8. */
export async function* readLines(path: string, options: LineOptions = {}): AsyncGenerator<TextLine> {
  const longest = options.maxLineBytes ?? 8 << 20;
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const file = await open(path, "r").catch((error: unknown) => {
    throw missing(path, error);
  });
  try {
    const buffer = Buffer.allocUnsafe(1 << 18);
    let rest: Buffer[] = [];
    let restBytes = 0;
    let offset = 0;
    let line = 0;
    const finish = (end: Buffer, terminated: boolean): TextLine => {
      const bytes = restBytes === 0 ? end : Buffer.concat([...rest, end]);
      const start = offset;
      offset += bytes.byteLength + (terminated ? 1 : 0);
      rest = [];
      restBytes = 0;
      line++;
      const torn = !terminated && options.tornTail === true;
      const text = torn ? bytes.toString("utf8") : decode(decoder, bytes, path, line);
      return { number: line, offset: start, end: offset, text, terminated };
    };
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, null).catch((error: unknown) => {
        throw missing(path, error);
      });
      if (bytesRead === 0) break;
      let from = 0;
      for (let at = buffer.indexOf(10, from); at !== -1 && at < bytesRead; at = buffer.indexOf(10, from)) {
        if (restBytes + at - from > longest) throw tooLong(path, line + 1, longest);
        yield finish(buffer.subarray(from, at), true);
        from = at + 1;
      }
      if (from === bytesRead) continue;
      rest.push(Buffer.from(buffer.subarray(from, bytesRead)));
      restBytes += bytesRead - from;
      if (restBytes > longest) throw tooLong(path, line + 1, longest);
    }
    if (restBytes > 0) yield finish(Buffer.alloc(0), false);
  } finally {
    await file.close();
  }
}

function decode(decoder: TextDecoder, bytes: Buffer, path: string, line: number): string {
  try {
    const text = decoder.decode(bytes);
    return text.endsWith("\r") ? text.slice(0, -1) : text;
  } catch {
    throw new BelleError("ERR_BELLE_INVALID_DATA", `${path}, line ${line}: not UTF-8; convert the file to UTF-8.`, {
      details: { path, line },
    });
  }
}

function tooLong(path: string, line: number, longest: number): BelleError {
  return new BelleError(
    "ERR_BELLE_INVALID_DATA",
    `${path}, line ${line}: longer than ${longest} bytes; is this a JSON Lines file (one object a line)?`,
    { details: { path, line } },
  );
}

export type ParsedLine = { ok: true; value: Record<string, unknown> } | { ok: false; problem: string };

/** One line as a JSON object. */
export function parseObject(text: string): ParsedLine {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, problem: "not valid JSON" };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { ok: false, problem: "not a JSON object" };
  }
  return { ok: true, value: value as Record<string, unknown> };
}
