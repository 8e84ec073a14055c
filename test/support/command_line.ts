// Runs the command line as a user does: in a process of its own.
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { root } from "./paths.ts";

const main = join(root, "ts/cli/main.ts");

export interface Finished {
  code: number | null;
  signal: NodeJS.Signals | null;
  out: string;
  err: string;
}

export interface RunOptions {
  env?: Record<string, string>;
  input?: string;
  /** Flags of Node.js itself. */
  node?: readonly string[];
  /** A program that is given the command line to run, and its first arguments. */
  through?: readonly string[];
}

/** Starts the command; `finished` settles when it has ended and its streams are closed. */
export function start(
  argv: readonly string[],
  options: RunOptions = {},
): { child: ChildProcess; finished: Promise<Finished> } {
  const env = { ...process.env, LC_ALL: "C", BELLE_LANG: "en", ...options.env };
  const { node = [], through = [] } = options;
  const [program = "", ...words] = [...through, process.execPath, ...node, "--import", "tsx", main, ...argv];
  const child = spawn(program, words, { cwd: root, env });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString("utf8");
  });
  child.stderr.on("data", (chunk: Buffer) => {
    err += chunk.toString("utf8");
  });
  child.stdin.end(options.input ?? "");
  return {
    child,
    finished: new Promise((done) => child.on("close", (code, signal) => done({ code, signal, out, err }))),
  };
}

export function belle(argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return start(argv, options).finished;
}
