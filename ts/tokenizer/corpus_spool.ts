// Text that cannot be read twice or from the middle (compressed files, stdin, iterators) is written to a plain file
// first: training reads it in parallel, samples it and goes on after a kill as with any file.
import { createHash } from "node:crypto";
import { type FileHandle, mkdir, mkdtemp, open, readFile, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { abortError } from "../native/abort.ts";
import { commitText } from "../native/commit_text.ts";
import { BelleError } from "../native/errors.ts";
import { type CorpusInput, type CorpusSource, inputError, openSource } from "./corpus_source.ts";

export interface SpoolProgress {
  /** Bytes read of the packed file or of standard input, or characters taken from an iterator. */
  done: number;
  /** 0 where nobody knows. */
  total: number;
}

export interface SpoolOptions {
  /** Kept, and used again by the next call for the same inputs; left out: a temporary folder. */
  folder: string | undefined;
  /** How the user names the folder, for messages. */
  folderSetting?: string;
  signal: AbortSignal | undefined;
  onProgress: ((progress: SpoolProgress) => void) | undefined;
}

export interface SpooledCorpus {
  /** Paths of plain text, in the order of the inputs. */
  files: string[];
  /** Removes what was temporary, as far as that can be; never throws. */
  dispose(): Promise<void>;
}

const packed = /\.(gz|zst)$/;

/** Whether a path is read through the spool. */
export function needsSpool(input: CorpusInput): boolean {
  return typeof input !== "string" || input === "-" || packed.test(input);
}

/**
 * Throws ERR_BELLE_NOT_FOUND, ERR_BELLE_INVALID_DATA for a damaged file, ERR_BELLE_UNSUPPORTED for a .zst that cannot be
 * read, ERR_BELLE_IO, ERR_BELLE_DISK_FULL, ERR_BELLE_BUSY (another process writes in the folder), ERR_BELLE_ABORTED, and
 * what an iterator or onProgress throws as it is.
 */
export async function spoolCorpus(inputs: readonly CorpusInput[], options: SpoolOptions): Promise<SpooledCorpus> {
  if (!inputs.some(needsSpool)) return { files: inputs as string[], dispose: async () => {} };
  if (inputs.filter((input) => input === "-").length > 1) {
    throw new BelleError("ERR_BELLE_INVALID_ARGUMENT", "Standard input (-) is named twice; it can be read only once.");
  }
  const folder = await makeFolder(options);
  const dispose = async () => {
    // Whatever stands in its way: what was made of the text, or the failure on the way, is what the caller is told.
    if (options.folder === undefined) await rm(folder, { recursive: true, force: true }).catch(() => {});
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

async function makeFolder(options: SpoolOptions): Promise<string> {
  const { folder } = options;
  if (folder === undefined) {
    const path = join(tmpdir(), "belle-corpus-");
    return writing(path, options, () => mkdtemp(path));
  }
  await writing(folder, options, () => mkdir(folder, { recursive: true }));
  return folder;
}

/** What `<target>.source` tells of `<target>`; there only while it is true. */
interface SpoolRecord {
  /** The packed file it was made from, in the version it had; null: standard input or an iterator. */
  from: string | null;
  bytes: number;
  changed: number;
  sha256: string;
}

async function spool(input: CorpusInput, base: string, options: SpoolOptions): Promise<string> {
  // A frequency column stays one.
  const target = `${base}${typeof input === "string" && /\.tsv\.(gz|zst)$/.test(input) ? ".tsv" : ".txt"}`;
  const file = typeof input === "string" && input !== "-" ? await identity(input) : undefined;
  const from = file?.id ?? null;
  const old = await recordOf(target);
  if (from !== null && old?.from === from) return target;
  const half = `${target}.part`;
  // Open to the end: until then no other file can have its inode.
  const own = await create(half, options);
  try {
    const made = await write(openSource(input, options.signal), file?.size ?? 0, own, half, options);
    if (old !== undefined && old.sha256 === made.sha256 && old.bytes === made.bytes) {
      // The old file stays: its time of change is part of the name of the job whose counts lie beside it.
      await removeOwn(own, half);
      if (old.from !== from) await commitText(`${target}.source`, JSON.stringify({ ...old, from }));
    } else {
      await replace(target, own, half, options);
      const { mtimeMs } = await writing(target, options, () => own.stat());
      await commitText(`${target}.source`, JSON.stringify({ from, changed: mtimeMs, ...made } satisfies SpoolRecord));
    }
  } catch (error) {
    await removeOwn(own, half).catch(() => {});
    throw options.signal?.aborted ? abortError(options.signal, "Unpacking the corpus") : error;
  } finally {
    await own.close().catch(() => {});
  }
  return target;
}

/** A file of our own: another process, at work in the same folder, would write into the middle of ours. */
function create(half: string, options: SpoolOptions): Promise<FileHandle> {
  return writing(half, options, async () => {
    await rm(half, { force: true });
    return open(half, "wx").catch((cause: NodeJS.ErrnoException) => {
      throw cause.code === "EEXIST" ? busy(half) : cause;
    });
  });
}

/** The record goes before the text it tells of, and comes after the next: a kill leaves text without one, at worst. */
async function replace(target: string, own: FileHandle, half: string, options: SpoolOptions): Promise<void> {
  await writing(target, options, async () => {
    await rm(`${target}.source`, { force: true });
    await syncFolder(dirname(target));
    await rename(half, target).catch(async (cause) => {
      await checkOwn(own, half);
      throw cause;
    });
    await checkOwn(own, target);
  });
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Whether the path still is that of the open file, and not of one that another process put in its place. */
async function isOwn(own: FileHandle, path: string): Promise<boolean> {
  const [{ ino }, there] = [await own.stat(), await stat(path).catch(() => undefined)];
  return there?.ino === ino;
}

async function checkOwn(own: FileHandle, path: string): Promise<void> {
  if (!(await isOwn(own, path))) throw busy(path);
}

async function removeOwn(own: FileHandle, path: string): Promise<void> {
  if (await isOwn(own, path)) await rm(path, { force: true });
}

function busy(path: string): BelleError {
  return new BelleError(
    "ERR_BELLE_BUSY",
    `Another process writes text in the folder ${dirname(path)}: wait for it, or give another folder.`,
  );
}

/** Writes all of the source to the file, which is `half`, and onto the disk. */
async function write(
  source: CorpusSource,
  total: number,
  file: FileHandle,
  half: string,
  options: SpoolOptions,
): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash("sha256");
  let bytes = 0;
  let told = 0;
  try {
    for (;;) {
      const step = await nextOf(source.chunks, options.signal);
      if (step.done) break;
      hash.update(step.value);
      bytes += step.value.length;
      await writing(half, options, () => file.writeFile(step.value));
      const done = source.position();
      if (done !== told) options.onProgress?.({ done, total });
      told = done;
    }
    const sha256 = hash.digest("hex");
    await writing(half, options, async () => {
      await file.utimes(timeOf(sha256), timeOf(sha256));
      await file.sync();
    });
    await checkOwn(file, half);
    return { bytes, sha256 };
  } finally {
    // Not awaited: an iterator that hangs would hold up a stop.
    source.chunks.return(undefined).catch(() => {});
  }
}

/**
 * The time of change of a text, in seconds, some time from 2001 to 2035. Counts belong to the path, length and time of
 * change of their text, so that the same text, written once more after another was in its place, finds them again.
 */
function timeOf(sha256: string): number {
  return 1e9 + (Number.parseInt(sha256.slice(0, 8), 16) % 2 ** 30);
}

/** The next chunk, or ERR_BELLE_ABORTED as soon as the signal is raised, whatever the source waits for. */
function nextOf<T>(chunks: AsyncGenerator<T>, signal: AbortSignal | undefined): Promise<IteratorResult<T>> {
  if (signal === undefined) return chunks.next();
  return new Promise((done, fail) => {
    const stop = () => fail(abortError(signal, "Unpacking the corpus"));
    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop, { once: true });
    chunks
      .next()
      .then(done, fail)
      .finally(() => signal.removeEventListener("abort", stop));
  });
}

/** What tells one version of a file from another. */
async function identity(path: string): Promise<{ id: string; size: number }> {
  try {
    const { size, mtimeMs } = await stat(path);
    const version = JSON.stringify([resolve(path), size, mtimeMs]);
    return { id: createHash("sha256").update(version).digest("hex"), size };
  } catch (cause) {
    throw inputError(cause, path);
  }
}

/** Undefined where there is none, or it is of another text. */
async function recordOf(target: string): Promise<SpoolRecord | undefined> {
  try {
    const record = JSON.parse(await readFile(`${target}.source`, "utf8")) as SpoolRecord;
    const { size, mtimeMs } = await stat(target);
    return record.bytes === size && record.changed === mtimeMs ? record : undefined;
  } catch {
    return undefined;
  }
}

/** Runs a file operation in the spool's folder; what it throws becomes a sentence that says which folder to name. */
async function writing<T>(path: string, options: SpoolOptions, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    if (cause instanceof BelleError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    const setting = options.folderSetting ?? "workFolder (--work-folder)";
    const another = (what: string) =>
      options.folder === undefined
        ? `set TMPDIR to a folder ${what}, or name one with ${setting}`
        : `name a folder ${what} with ${setting}`;
    if (code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG") {
      const mend = `free space, or ${another("on a larger disk")}`;
      throw new BelleError("ERR_BELLE_DISK_FULL", `The disk was full while text was written to ${path}; ${mend}.`, {
        cause,
      });
    }
    throw new BelleError("ERR_BELLE_IO", `${path} cannot be written (${code}); ${another("that can be written")}.`, {
      cause,
    });
  }
}
