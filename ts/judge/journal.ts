// An append-only JSON Lines file of everything an endpoint was paid for. A line is on disk before its answer is used, so
// that a run that was killed goes on without asking for anything twice. Scores are not stored: they are read from the
// replies again, and a better parser needs no new calls.

import { constants } from "node:fs";
import { type FileHandle, open, readFile, rm, truncate } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { fingerprint } from "../config/fingerprint.ts";
import { BelleError } from "../native/errors.ts";
import { parseObject, readLines } from "./json_lines.ts";

export interface JournalReply {
  /** Request id, see {@link requestId}. */
  id: string;
  /** What the request was for, for people who read the file. */
  item: string;
  repeat: number;
  /** 0 the first question, 1 the re-ask. */
  ask: number;
  text: string;
  finishReason: string;
  promptTokens: number;
  completionTokens: number;
  model: string;
  milliseconds: number;
}

export interface JournalFailure {
  id: string;
  item: string;
  repeat: number;
  ask: number;
  error: { code: string; message: string };
}

export type JournalEntry = JournalReply | JournalFailure;

/** SHA-256 of a request's canonical JSON. The request must hold everything that shapes the reply, and never the key. */
export function requestId(request: Record<string, unknown>): string {
  return fingerprint(request);
}

const version = 1;

/** Makes the file's name itself durable. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function readEntry(value: Record<string, unknown>): JournalEntry | undefined {
  const { v, id, item, repeat, ask, text, error } = value;
  if (v !== version || typeof id !== "string" || typeof item !== "string") return undefined;
  if (typeof repeat !== "number" || typeof ask !== "number") return undefined;
  if (typeof error === "object" && error !== null) {
    const { code, message } = error as Record<string, unknown>;
    return { id, item, repeat, ask, error: { code: String(code), message: String(message) } };
  }
  const { finishReason, promptTokens, completionTokens, model, milliseconds } = value;
  if (typeof text !== "string" || typeof finishReason !== "string" || typeof model !== "string") return undefined;
  if (typeof promptTokens !== "number" || typeof completionTokens !== "number") return undefined;
  if (typeof milliseconds !== "number") return undefined;
  return { id, item, repeat, ask, text, finishReason, promptTokens, completionTokens, model, milliseconds };
}

/** One writer at a time: two would pay for every answer twice. */
class Lock {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  static async take(journal: string): Promise<Lock> {
    const path = `${journal}.lock`;
    for (let tries = 0; tries < 2; tries++) {
      const file = await open(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o644).catch(
        (error: NodeJS.ErrnoException) => {
          if (error.code === "EEXIST") return undefined;
          throw new BelleError(
            "ERR_BELLE_IO",
            `${path} could not be created (${error.code}); check that its folder exists and may be written to.`,
          );
        },
      );
      if (file !== undefined) {
        await file.writeFile(`${process.pid} ${hostname()}\n`);
        await file.close();
        return new Lock(path);
      }
      const owner = await readFile(path, "utf8").catch(() => "");
      if (Lock.#alive(owner)) {
        throw new BelleError(
          "ERR_BELLE_BUSY",
          `${journal} is in use by another run (process ${owner.trim()}); wait for it, or delete ${path} if it is gone.`,
          { details: { path } },
        );
      }
      await rm(path, { force: true });
    }
    throw new BelleError("ERR_BELLE_BUSY", `${journal} is being opened by another run; try again.`, {
      details: { path },
    });
  }

  /** A lock of another machine is always taken for alive: its processes cannot be seen from here. */
  static #alive(owner: string): boolean {
    const [pid = "", host = ""] = owner.trim().split(" ");
    if (host !== "" && host !== hostname()) return true;
    const id = Number(pid);
    if (!Number.isSafeInteger(id) || id <= 0) return false;
    try {
      process.kill(id, 0);
      return true;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === "EPERM";
    }
  }

  async release(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}

export class Journal {
  readonly path: string;
  /** Bytes of a half-written last line that were cut off at opening. */
  readonly repairedBytes: number;
  readonly #file: FileHandle;
  readonly #lock: Lock;
  readonly #replies: Map<string, JournalReply>;
  #pending: string[] = [];
  #failure: BelleError | undefined;
  #flushing: Promise<void> | undefined;

  private constructor(
    path: string,
    file: FileHandle,
    lock: Lock,
    replies: Map<string, JournalReply>,
    repaired: number,
  ) {
    this.path = path;
    this.#file = file;
    this.#lock = lock;
    this.#replies = replies;
    this.repairedBytes = repaired;
  }

  /**
   * Opens or creates the file, cuts off a torn last line, and reads all replies. Throws ERR_BELLE_INVALID_DATA for a
   * damaged line in the middle and ERR_BELLE_BUSY while another process has the file open.
   */
  static async open(path: string): Promise<Journal> {
    const lock = await Lock.take(path);
    try {
      const file = await open(path, "a", 0o644);
      try {
        const { replies, end, size, complete } = await Journal.#read(path);
        if (end < size) await truncate(path, end);
        if (!complete) await file.appendFile("\n");
        await file.datasync();
        await syncFolder(path);
        return new Journal(path, file, lock, replies, size - end);
      } catch (error) {
        await file.close();
        throw error;
      }
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  static async #read(path: string) {
    const replies = new Map<string, JournalReply>();
    let end = 0;
    let size = 0;
    let complete = true;
    for await (const line of readLines(path, { maxLineBytes: 32 << 20, tornTail: true })) {
      size = line.end;
      const parsed = parseObject(line.text);
      const entry = parsed.ok ? readEntry(parsed.value) : undefined;
      if (entry === undefined) {
        if (!line.terminated) break;
        throw new BelleError(
          "ERR_BELLE_INVALID_DATA",
          `${path}, line ${line.number}: not a journal entry of this version; delete that line to ask for its answer again.`,
          { details: { path, line: line.number } },
        );
      }
      if ("text" in entry) replies.set(entry.id, entry);
      end = size;
      complete = line.terminated;
    }
    return { replies, end, size, complete };
  }

  get size(): number {
    return this.#replies.size;
  }

  /** The reply that was journaled for a request, if any. Failures are not remembered: they are tried again. */
  find(id: string): JournalReply | undefined {
    return this.#replies.get(id);
  }

  /** Resolves when the entry is on the disk. Entries that arrive together share one flush. */
  async append(entry: JournalEntry): Promise<void> {
    this.#pending.push(`${JSON.stringify({ v: version, ...entry })}\n`);
    if ("text" in entry) this.#replies.set(entry.id, entry);
    // A flush under way has already taken its lines: ours go with the next.
    if (this.#flushing !== undefined) await this.#flushing.catch(() => undefined);
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = undefined;
    });
    await this.#flushing;
  }

  async #flush(): Promise<void> {
    // After a failed write a half line may stand at the end: nothing more goes behind it, the next opening cuts it off.
    if (this.#failure !== undefined) throw this.#failure;
    const lines = this.#pending.join("");
    this.#pending = [];
    if (lines === "") return;
    try {
      await this.#file.appendFile(lines, "utf8");
      await this.#file.datasync();
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? "";
      this.#failure = new BelleError(
        code === "ENOSPC" ? "ERR_BELLE_DISK_FULL" : "ERR_BELLE_IO",
        `${this.path} could not be written (${code}); free some space, then run the same command again to go on.`,
      );
      throw this.#failure;
    }
  }

  async close(): Promise<void> {
    await this.#flushing?.catch(() => undefined);
    await this.#file.close();
    await this.#lock.release();
  }
}
