// The peer's program: run whole, with its peak memory, or kept open to answer one request after another in alternation
// with ours.
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { say } from "./text.ts";

/** The words of --peer with `script` of bench/peers, unless they name a program of their own. */
export function peerCommand(words: readonly string[], script: string): string[] {
  const whole = words.slice(1).some((word) => word === "-c" || word === "-m" || word.endsWith(".py"));
  return whole ? [...words] : [...words, join(import.meta.dirname, "peers", script)];
}

/** Bytes: the kernel's high-water mark of a process. ru_maxrss is not it: a child inherits its parent's. */
function highWaterMark(pid: number | undefined): number {
  if (pid === undefined) return 0;
  try {
    const line = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return line === null ? 0 : Number(line[1]) * 1024;
  } catch {
    return 0; // it has ended, or there is no /proc
  }
}

function failed(command: readonly string[], why: string, stderr: string): Error {
  const last = stderr.trim().split("\n").at(-1) ?? "";
  const script = command.slice(1).find((word) => /\.(py|ts|js)$/.test(word));
  const name = [command[0]!, ...(script === undefined ? [] : [script])].map((word) => basename(word)).join(" ");
  return new Error(`${name} ${why}${last === "" ? "" : say(`: ${last}`, `：${last}`)}`);
}

function parseLine(command: readonly string[], text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw failed(command, say("must print one JSON line last, not", "最后一行须为 JSON，而不是"), text.slice(0, 200));
  }
}

export interface Finished {
  /** The JSON of its last line. */
  line: Record<string, unknown>;
  /** Bytes; 0 where the system does not tell. */
  peakRss: number;
}

/** Runs a program to its end. */
export async function runProgram(command: readonly string[]): Promise<Finished> {
  const child = spawn(command[0]!, command.slice(1), { stdio: ["ignore", "pipe", "pipe"] });
  let peakRss = 0;
  const look = setInterval(() => {
    peakRss = Math.max(peakRss, highWaterMark(child.pid));
  }, 20);
  try {
    const { code, out, err } = await ended(command, child);
    if (code !== 0) throw failed(command, say(`ended with ${code}`, `以 ${code} 结束`), err);
    return { line: parseLine(command, out.trim().split("\n").at(-1) ?? ""), peakRss };
  } finally {
    clearInterval(look);
  }
}

function ended(command: readonly string[], child: ChildProcess) {
  return new Promise<{ code: number | string; out: string; err: string }>((resolve, reject) => {
    let out = "";
    let err = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      out += chunk;
    });
    child.stderr?.on("data", (chunk: Buffer) => {
      err += chunk;
    });
    child.on("error", (error) => reject(failed(command, say("cannot be run", "无法运行"), error.message)));
    child.on("close", (code, signal) => resolve({ code: code ?? signal ?? "no code", out, err }));
  });
}

/** A peer that answers each JSON line on its stdin with one on its stdout. */
export class PeerServer implements AsyncDisposable {
  readonly #command: readonly string[];
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #end: Promise<{ code: number | string; err: string }>;

  constructor(command: readonly string[]) {
    this.#command = command;
    this.#child = spawn(command[0]!, command.slice(1), { stdio: ["pipe", "pipe", "pipe"] });
    this.#child.stdin!.on("error", () => {}); // it died: #end tells why
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
    this.#end = ended(command, this.#child);
    this.#end.catch(() => {}); // told to whoever asks next
  }

  async ask(request: Record<string, unknown>): Promise<Record<string, unknown>> {
    this.#child.stdin!.write(`${JSON.stringify(request)}\n`);
    const next = await this.#lines.next();
    if (next.done) {
      const { code, err } = await this.#end;
      throw failed(this.#command, say(`ended with ${code} before it answered`, `未作答便以 ${code} 结束`), err);
    }
    // Its threads spin for a moment after their work (OpenMP's block time, 200 ms) and would slow ours.
    await sleep(300);
    return parseLine(this.#command, next.value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin!.end();
    this.#child.kill();
    await this.#end.catch(() => {});
  }
}
