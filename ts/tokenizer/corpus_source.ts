// Text that is read once, from its beginning to its end, as chunks of bytes: a packed file, standard input, lines of a
// program.
import { createReadStream } from "node:fs";
import { addAbortSignal, pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { BelleError } from "../native/errors.ts";
import { unpackZstd } from "./zstd_chunks.ts";

/** Where text comes from: a path (.gz and .zst are unpacked, "-" is standard input), or the lines themselves. */
export type CorpusInput = string | AsyncIterable<string> | Iterable<string>;

export interface CorpusSource {
  chunks: AsyncGenerator<Uint8Array>;
  /** Bytes read of a packed file or of standard input, characters taken from lines. */
  position(): number;
}

const chunkBytes = 1 << 18;

/** What `chunks` throws: inputError() of a file or of standard input; of lines what their iterator throws, as it is. */
export function openSource(input: CorpusInput, signal: AbortSignal | undefined): CorpusSource {
  const counter = { done: 0 };
  const position = () => counter.done;
  if (typeof input !== "string") return { chunks: joinedLines(input, counter), position };
  if (input === "-") return { chunks: standardInput(signal, counter), position };
  return { chunks: unpackedFile(input, counter), position };
}

type Counter = { done: number };

async function* unpackedFile(path: string, counter: Counter): AsyncGenerator<Uint8Array> {
  const file = createReadStream(path);
  const unpacked: AsyncIterable<Uint8Array> = path.endsWith(".gz")
    ? pipeline(file, createGunzip({ chunkSize: chunkBytes }), () => {})
    : unpackZstd(file, path);
  try {
    for await (const chunk of unpacked) {
      counter.done = file.bytesRead;
      yield chunk;
    }
  } catch (error) {
    throw inputError(error, path);
  } finally {
    file.destroy();
  }
}

async function* standardInput(signal: AbortSignal | undefined, counter: Counter): AsyncGenerator<Uint8Array> {
  if (process.stdin.readableEnded || process.stdin.destroyed) {
    throw new BelleError(
      "ERR_BELLE_INVALID_ARGUMENT",
      "Standard input was already read to its end; it can be read only once.",
    );
  }
  // Else a stop would leave the process waiting for the other end of the pipe.
  if (signal !== undefined) addAbortSignal(signal, process.stdin);
  try {
    for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
      counter.done += chunk.length;
      yield chunk;
    }
  } catch (error) {
    throw inputError(error, "standard input");
  }
}

async function* joinedLines(
  lines: AsyncIterable<string> | Iterable<string>,
  counter: Counter,
): AsyncGenerator<Uint8Array> {
  let text = "";
  for await (const line of lines) {
    if (typeof line !== "string") {
      throw new BelleError(
        "ERR_BELLE_INVALID_ARGUMENT",
        `sentences gave a ${typeof line}; every item must be a string.`,
      );
    }
    counter.done += line.length;
    text += `${line}\n`;
    if (text.length < chunkBytes) continue;
    yield Buffer.from(text);
    text = "";
  }
  if (text !== "") yield Buffer.from(text);
}

/** A sentence for what reading `name` threw. */
export function inputError(cause: unknown, name: string): BelleError {
  if (cause instanceof BelleError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "EISDIR" || code === "ENOTDIR") {
    return new BelleError("ERR_BELLE_NOT_FOUND", `${name} cannot be read; give the path of a text file.`, { cause });
  }
  if (typeof code === "string" && /^E[A-Z0-9]+$/.test(code)) {
    return new BelleError("ERR_BELLE_IO", `${name} cannot be read (${code}); check its permissions and its disk.`, {
      cause,
    });
  }
  return new BelleError(
    "ERR_BELLE_INVALID_DATA",
    `${name} could not be unpacked (${message}); it is damaged, cut off or no such file. Make it again.`,
    { cause },
  );
}
