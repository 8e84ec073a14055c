// Working files beside the output: their failures in sentences, and what a killed run left of them.
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { BelleError } from "../native/errors.ts";

/** Runs a file operation on `path`; what it throws becomes a BelleError that says what to do. */
export function guardFile<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (cause) {
    if (cause instanceof BelleError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    const full = code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG";
    throw new BelleError(
      full ? "ERR_BELLE_DISK_FULL" : "ERR_BELLE_IO",
      full
        ? `${path}: no space left; free some, or choose another output folder.`
        : `${path}: cannot be written (${code}); check the output folder and its permissions.`,
      { cause },
    );
  }
}

/** Makes the folder of a run's outputs. */
export function makeOutputFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new BelleError(
      "ERR_BELLE_IO",
      `output_dir: ${path} cannot be made (${code}); choose another folder, or mend its permissions.`,
      { cause },
    );
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Name of a working file or folder of this process: `<output>.<kind>-<pid>-<time>`. */
export function workingPath(output: string, kind: "spill" | "new" | "old" | "dropped"): string {
  return `${output}.${kind}-${process.pid}-${Date.now()}`;
}

// What a killed process leaves: `<name>.tmp-<pid>` and `-<count>` behind it, or a working path with its 13 digits of
// time. A user's own notes.old-2023 is neither.
const leftover = /\.(?:(?:tmp|trash)-(\d+)(?:-\d+)?|(?:new|old|spill|dropped)-(\d+)-\d{13})$/;

/** Removes working files and folders of ended processes from a run's output folder and the folders below it. */
export function sweepFolder(folder: string): void {
  const pending = [folder];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    const here = at;
    for (const entry of guardFile(here, () => readdirSync(here, { withFileTypes: true }))) {
      const path = join(here, entry.name);
      const match = leftover.exec(entry.name);
      if (match === null && entry.isDirectory()) pending.push(path);
      if (match === null || isRunning(Number(match[1] ?? match[2]))) continue;
      guardFile(path, () => rmSync(path, { recursive: true, force: true }));
    }
  }
}

/** Removes working files beside `output` whose process is gone: it was killed in the middle. */
export function removeLeftovers(output: string): void {
  const prefix = `${basename(output)}.`;
  const folder = dirname(output);
  for (const name of guardFile(folder, () => readdirSync(folder))) {
    const match = name.startsWith(prefix)
      ? /^(?:spill|new|old|dropped)-(\d+)-\d+/.exec(name.slice(prefix.length))
      : null;
    if (match === null || isRunning(Number(match[1]))) continue;
    guardFile(join(folder, name), () => rmSync(join(folder, name), { recursive: true, force: true }));
  }
}
