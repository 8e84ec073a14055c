// Text that cannot be read twice or from the middle (compressed files, stdin, iterators) is written to a plain file
// first: training reads it in parallel, samples it and goes on after a kill as with any file.
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex, Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { abortError } from "../native/abort.ts";
import { BelleError } from "../native/errors.ts";
import { unpackZstd } from "./zstd_chunks.ts";

/** Where text comes from: a path (.gz and .zst are unpacked, "-" is stdin), or the lines themselves. */
export type CorpusInput = string | AsyncIterable<string>;

export interface SpoolProgress {
  /** Bytes read of the packed file, or characters taken from an iterator. */
  done: number;
  /** 0 where nobody knows. */
  total: number;
}

export interface SpoolOptions {
  /** Kept, and used again by the next call for the same inputs; left out: a temporary folder. */
  folder: string | undefined;
  signal: AbortSignal | undefined;
  onProgress: ((progress: SpoolProgress) => void) | undefined;
}

export interface SpooledCorpus {
  /** Paths of plain text, in the order of the inputs. */
  files: string[];
  /** Removes what was temporary. */
  dispose(): Promise<void>;
}

const packed = /\.(gz|zst)$/;

/** Whether a path is read through the spool. */
export function needsSpool(input: CorpusInput): boolean {
  return typeof input !== "string" || input === "-" || packed.test(input);
}

/** Throws ERR_BELLE_NOT_FOUND, ERR_BELLE_INVALID_DATA for a damaged file, ERR_BELLE_DISK_FULL, ERR_BELLE_ABORTED. */
export async function spoolCorpus(inputs: readonly CorpusInput[], options: SpoolOptions): Promise<SpooledCorpus> {
  if (!inputs.some(needsSpool)) return { files: inputs as string[], dispose: async () => {} };
  if (options.folder !== undefined) await mkdir(options.folder, { recursive: true });
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), "belle-corpus-")));
  const dispose = async () => {
    if (options.folder === undefined) await rm(folder, { recursive: true, force: true });
  };
  try {
    const files: string[] = [];
    for (const [index, input] of inputs.entries()) {
      files.push(needsSpool(input) ? await spool(input, join(folder, `corpus-${index}`), options) : (input as string));
    }
    return { files, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function spool(input: CorpusInput, base: string, options: SpoolOptions): Promise<string> {
  const name = typeof input === "string" ? input : "the iterator of lines";
  // A frequency column stays one.
  const target = `${base}${/\.tsv\.(gz|zst)$/.test(name) ? ".tsv" : ".txt"}`;
  const from = typeof input === "string" && input !== "-" ? await identity(input) : undefined;
  if (from !== undefined && (await written(target, from))) return target;
  const source = open(input, from?.size ?? 0, options);
  const half = `${target}.part`;
  try {
    await pipeline([...source, createWriteStream(half)], { signal: options.signal });
    if (from !== undefined) await writeFile(`${target}.source`, from.text);
    await rename(half, target);
  } catch (error) {
    await rm(half, { force: true });
    throw explained(error, name, half, options.signal);
  }
  return target;
}

/** What tells one version of a file from another. */
async function identity(path: string): Promise<{ text: string; size: number }> {
  try {
    const { size, mtimeMs } = await stat(path);
    return {
      text: createHash("sha256")
        .update(JSON.stringify([path, size, mtimeMs]))
        .digest("hex"),
      size,
    };
  } catch (cause) {
    throw new BelleError("ERR_BELLE_NOT_FOUND", `${path} cannot be read; give the path of a text file.`, { cause });
  }
}

async function written(target: string, from: { text: string }): Promise<boolean> {
  try {
    await stat(target);
    return (await readFile(`${target}.source`, "utf8")) === from.text;
  } catch {
    return false;
  }
}

type Stages = [NodeJS.ReadableStream, ...NodeJS.ReadWriteStream[]];

function open(input: CorpusInput, total: number, { onProgress }: SpoolOptions): Stages {
  if (typeof input !== "string") return [Readable.from(lines(input, onProgress))];
  if (input === "-") return [process.stdin];
  let done = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      done += chunk.length;
      onProgress?.({ done, total });
      next(null, chunk);
    },
  });
  return [createReadStream(input), count, input.endsWith(".gz") ? createGunzip() : unzstd(input)];
}

async function* lines(source: AsyncIterable<string>, onProgress: SpoolOptions["onProgress"]): AsyncGenerator<string> {
  let done = 0;
  for await (const line of source) {
    if (typeof line !== "string") {
      throw new BelleError(
        "ERR_BELLE_INVALID_ARGUMENT",
        `sentences gave a ${typeof line}; every item must be a string.`,
      );
    }
    done += line.length;
    onProgress?.({ done, total: 0 });
    yield `${line}\n`;
  }
}

function unzstd(name: string): Duplex {
  return Duplex.from((packed: AsyncIterable<Uint8Array>) => unpackZstd(packed, name));
}

function explained(error: unknown, name: string, target: string, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return abortError(signal, "Unpacking the corpus");
  if (error instanceof BelleError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOSPC") {
    return new BelleError(
      "ERR_BELLE_DISK_FULL",
      `The disk was full while ${name} was unpacked to ${target}; free space, or name a folder on a larger disk with workFolder (--work-folder).`,
      { cause: error },
    );
  }
  if (code === "ENOENT" || code === "EACCES" || code === "EISDIR") {
    return new BelleError("ERR_BELLE_NOT_FOUND", `${name} cannot be read; give the path of a text file.`, {
      cause: error,
    });
  }
  return new BelleError(
    "ERR_BELLE_INVALID_DATA",
    `${name} could not be unpacked (${message}); it is damaged, cut off or no such file. Make it again.`,
    { cause: error },
  );
}
