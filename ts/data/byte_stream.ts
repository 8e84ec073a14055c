// A data file as a stream of bytes: hashed on the way, gunzipped when it is gzip, its first bytes looked at.
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createGunzip } from "node:zlib";
import { BelleError } from "../native/errors.ts";

export const chunkBytes = 1 << 20;

/** What a file holds, by its first bytes. */
export type FileKind = "array" | "lines" | "text" | "empty";

export interface ByteStream {
  kind: FileKind;
  /** Without a UTF-8 byte order mark. */
  chunks: AsyncIterable<Buffer>;
  /** Bytes read from the disk so far. */
  position(): number;
  /** sha256 of the bytes on disk; call when `chunks` has ended. */
  sha256(): string;
}

function ioError(path: string, cause: unknown): BelleError {
  if (cause instanceof BelleError) return cause;
  const code = (cause as NodeJS.ErrnoException).code ?? "";
  if (code === "ENOENT") {
    return new BelleError("ERR_BELLE_NOT_FOUND", `${path}: no such data file; check the path.`, { cause });
  }
  if (code.startsWith("Z_")) {
    return new BelleError(
      "ERR_BELLE_INVALID_DATA",
      `${path}: the gzip stream is damaged or cut short (${code}); fetch the file again.`,
      { cause },
    );
  }
  return new BelleError("ERR_BELLE_IO", `${path}: cannot be read (${code || String(cause)}).`, { cause });
}

/** Size in bytes of a data file; refuses folders and missing files in a sentence. */
export async function fileSize(path: string): Promise<number> {
  try {
    const info = await stat(path);
    if (info.isDirectory()) {
      throw new BelleError("ERR_BELLE_INVALID_ARGUMENT", `${path}: is a folder; name the data files in it one by one.`);
    }
    return info.size;
  } catch (cause) {
    throw ioError(path, cause);
  }
}

/** sha256 and size of a file as it lies on the disk. */
export async function hashFile(path: string, signal?: AbortSignal): Promise<{ sha256: string; bytes: number }> {
  await fileSize(path);
  const hash = createHash("sha256");
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes }) as AsyncIterable<Buffer>) {
      if (signal?.aborted) break;
      hash.update(chunk);
      bytes += chunk.length;
    }
  } catch (cause) {
    throw ioError(path, cause);
  }
  return { sha256: hash.digest("hex"), bytes };
}

async function* diskChunks(path: string, hash: Hash, counter: { bytes: number }): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes }) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      counter.bytes += chunk.length;
      yield chunk;
    }
  } catch (cause) {
    throw ioError(path, cause);
  }
}

async function* gunzipped(path: string, source: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: chunkBytes });
  const pump = async () => {
    for (let step = await source.next(); !step.done; step = await source.next()) {
      if (!gunzip.write(step.value)) {
        await new Promise<void>((resolve) => {
          gunzip.once("drain", resolve);
          gunzip.once("close", resolve);
        });
      }
      if (gunzip.destroyed) return;
    }
    gunzip.end();
  };
  const pumped = pump().catch((error: unknown) => gunzip.destroy(error as Error));
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer>) yield chunk;
  } catch (cause) {
    throw ioError(path, cause);
  } finally {
    gunzip.destroy();
    await pumped;
    await source.return(undefined);
  }
}

async function* withHead(head: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  try {
    if (head.length > 0) yield head;
    yield* rest;
  } finally {
    // A reader that stops early closes the file.
    await rest.return(undefined);
  }
}

const space = new Set([0x20, 0x09, 0x0a, 0x0d]);

/** `[` then an object or string: a JSON array. `{` then a key: JSON Lines. Anything else is plain text. */
function kindOf(head: Buffer): FileKind {
  let at = 0;
  const skip = () => {
    while (at < head.length && space.has(head[at]!)) at++;
  };
  skip();
  if (at === head.length) return "empty";
  const first = String.fromCharCode(head[at]!);
  at++;
  skip();
  const second = at < head.length ? String.fromCharCode(head[at]!) : "";
  if (first === "[" && ["{", '"', "]", ""].includes(second)) return "array";
  if (first === "{" && ['"', "}", ""].includes(second)) return "lines";
  return "text";
}

/** Opens a data file. The kind comes from the content, never from the name. */
export async function openBytes(path: string): Promise<ByteStream> {
  await fileSize(path);
  const hash = createHash("sha256");
  const counter = { bytes: 0 };
  const disk = diskChunks(path, hash, counter);
  let source: AsyncGenerator<Buffer> = disk;
  const first = await source.next();
  let head: Buffer = first.done ? Buffer.alloc(0) : first.value;
  if (head[0] === 0x1f && head[1] === 0x8b) {
    source = gunzipped(path, withHead(head, source));
    const step = await source.next();
    head = step.done ? Buffer.alloc(0) : step.value;
  }
  if ((head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff)) {
    await source.return(undefined);
    throw new BelleError("ERR_BELLE_INVALID_DATA", `${path}: is UTF-16; convert it: iconv -f utf-16 -t utf-8 ${path}`);
  }
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) head = head.subarray(3);
  // White space may fill the first chunk: look further before deciding.
  let kind = kindOf(head);
  while (kind === "empty") {
    const step = await source.next();
    if (step.done) break;
    head = Buffer.concat([head, step.value]);
    kind = kindOf(head);
    if (kind === "empty" && head.length > 16 * chunkBytes) kind = "text";
  }
  return { kind, chunks: withHead(head, source), position: () => counter.bytes, sha256: () => hash.digest("hex") };
}
