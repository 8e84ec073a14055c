// Bytes -> pieces that hold one row each: lines, or the elements of a top-level JSON array. Bounded in size and depth.

export const maxRowBytes = 16 << 20;
export const maxDepth = 64;

export type Piece =
  | { kind: "piece"; line: number; bytes: Buffer }
  | { kind: "bad"; line: number; reason: "too_long" | "broken_array"; message: string; fatal: boolean };

const newline = 0x0a;

function tooLong(line: number): Piece & { kind: "bad" } {
  return {
    kind: "bad",
    line,
    reason: "too_long",
    message: `is longer than ${maxRowBytes >> 20} MiB; split it`,
    fatal: false,
  };
}

/** Lines without their end (LF or CRLF). A line past the limit becomes one bad piece and is skipped. */
export async function* splitLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Piece> {
  let parts: Buffer[] = [];
  let size = 0;
  let line = 1;
  let skipping = false;
  const take = (last: Buffer): Buffer => {
    const bytes = parts.length === 0 ? last : Buffer.concat([...parts, last]);
    parts = [];
    size = 0;
    return bytes.at(-1) === 0x0d ? bytes.subarray(0, -1) : bytes;
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      const last = chunk.subarray(start, end);
      if (skipping || size + last.length > maxRowBytes) {
        if (!skipping) yield tooLong(line);
        skipping = false;
        parts = [];
        size = 0;
      } else yield { kind: "piece", line, bytes: take(last) };
      line++;
      start = end + 1;
    }
    if (start < chunk.length && !skipping) {
      parts.push(chunk.subarray(start));
      size += chunk.length - start;
      if (size > maxRowBytes) {
        yield tooLong(line);
        skipping = true;
        parts = [];
        size = 0;
      }
    }
  }
  if (size > 0 && !skipping) yield { kind: "piece", line, bytes: take(Buffer.alloc(0)) };
}

/** Deepest nesting of brackets outside strings: bounds what JSON.parse is asked to build. */
export function nesting(bytes: Uint8Array): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (inString) {
      if (byte === 0x5c) i++;
      else if (byte === 0x22) inString = false;
    } else if (byte === 0x22) inString = true;
    else if (byte === 0x7b || byte === 0x5b) {
      depth++;
      if (depth > deepest) deepest = depth;
    } else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return deepest;
}

/**
 * Elements of the top-level JSON array; their bytes are not yet parsed. Where the structure breaks, the rows behind it
 * cannot be told apart: the bad piece is `fatal` and the last one.
 */
export async function* splitArray(chunks: AsyncIterable<Buffer>): AsyncGenerator<Piece> {
  let state = "before" as "before" | "value" | "after";
  let parts: Buffer[] = [];
  let size = 0;
  let line = 1;
  let valueLine = 1;
  let depth = 0;
  let inString = false;
  let escaped = false;
  let started = false;
  let elements = 0;
  const broken = (message: string): Piece => ({
    kind: "bad",
    line,
    reason: "broken_array",
    message,
    fatal: true,
  });
  for await (const chunk of chunks) {
    let from = 0;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i]!;
      if (byte === newline) line++;
      if (state === "value") {
        if (inString) {
          if (escaped) escaped = false;
          else if (byte === 0x5c) escaped = true;
          else if (byte === 0x22) inString = false;
          continue;
        }
        const blank = byte === 0x20 || byte === newline || byte === 0x0d || byte === 0x09;
        if (!started && !blank) {
          started = true;
          valueLine = line;
        }
        if (byte === 0x22) inString = true;
        else if (byte === 0x7b || byte === 0x5b) depth++;
        else if ((byte === 0x7d || byte === 0x5d) && depth > 0) depth--;
        else if (depth === 0 && (byte === 0x2c || byte === 0x5d)) {
          parts.push(chunk.subarray(from, i));
          const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
          const empty = bytes.toString("latin1").trim() === "";
          parts = [];
          size = 0;
          from = i + 1;
          const end = byte === 0x5d;
          if (!empty) {
            elements++;
            yield { kind: "piece", line: valueLine, bytes };
          } else if (!end || elements > 0) {
            yield broken(end ? "has a comma before the closing ]; remove it" : "has a comma without a value before it");
            return;
          }
          started = false;
          if (end) state = "after";
        }
      } else if (byte === 0x5b && state === "before") {
        state = "value";
        from = i + 1;
      } else if (state === "after" && !(byte === 0x20 || byte === newline || byte === 0x0d || byte === 0x09)) {
        yield broken("goes on after the closing ] of the array; keep one array in the file");
        return;
      }
    }
    if (state === "value") {
      parts.push(chunk.subarray(from));
      size += chunk.length - from;
      if (size > maxRowBytes) {
        yield { ...tooLong(valueLine), fatal: true };
        return;
      }
    }
  }
  if (state !== "after") {
    yield broken("ends inside the array: the closing ] is missing, or the file was cut short");
  }
}
