// The one place where an error becomes a sentence and an exit code.
import type { Language } from "../config/language.ts";
import { redactKeys } from "../judge/secret.ts";
import { BelleError, type BelleErrorCode } from "../native/errors.ts";
import type { Streams } from "./output.ts";
import { frameText } from "./text.ts";

export const exitCodes = { done: 0, failure: 1, usage: 2, environment: 3, resumable: 75, interrupted: 130 } as const;

const codeOf: Partial<Record<BelleErrorCode, number>> = {
  ERR_BELLE_USAGE: exitCodes.usage,
  ERR_BELLE_CONFIG: exitCodes.usage,
  ERR_BELLE_INVALID_ARGUMENT: exitCodes.usage,
  ERR_BELLE_ENVIRONMENT: exitCodes.environment,
  ERR_BELLE_NATIVE_LOAD: exitCodes.environment,
  ERR_BELLE_AUTH: exitCodes.environment,
  ERR_BELLE_ABORTED: exitCodes.interrupted,
};

export interface FailureOptions {
  streams: Streams;
  language: Language;
  json: boolean;
  /** The command under way, for the help hint. */
  command: string;
  /** The signal that asked to stop, if one did. */
  stoppedBy: NodeJS.Signals | undefined;
  /** A stopped run can be continued by the same command line. */
  resumable: boolean;
}

const fullDisk = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** What the operating system refused, as a sentence; anything else is returned unchanged. */
function fromSystem(error: unknown): unknown {
  if (error instanceof BelleError || !(error instanceof Error)) return error;
  const { code, syscall, path } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error;
  const where = path === undefined ? "" : `${path}: `;
  return fullDisk.has(code)
    ? new BelleError("ERR_BELLE_DISK_FULL", `${where}no space left (${code}); free some, then run the command again.`, {
        cause: error,
      })
    : new BelleError(
        "ERR_BELLE_IO",
        `${where}the system refused to ${syscall} (${code}); check the path and its permissions.`,
        { cause: error },
      );
}

/** Prints what went wrong and returns the exit code. */
export function reportFailure(thrown: unknown, options: FailureOptions): number {
  const { streams, language } = options;
  const error = fromSystem(thrown);
  if (!(error instanceof BelleError)) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    streams.err(`${stack}\n${frameText.bug[language]}\n`);
    return exitCodes.failure;
  }
  let code = codeOf[error.code] ?? exitCodes.failure;
  if (error.code === "ERR_BELLE_ABORTED") {
    const resume = options.resumable && options.stoppedBy === "SIGTERM";
    if (resume) code = exitCodes.resumable;
    streams.err(`${options.resumable ? frameText.resumable[language] : frameText.interrupted[language]}\n`);
  } else {
    streams.err(`${redactKeys(error.message)}\n`);
    if (error.code === "ERR_BELLE_USAGE") {
      const command = options.command === "" ? "" : `${options.command} `;
      streams.err(`${frameText.seeHelp[language].replace("{command}", command)}\n`);
    }
  }
  if (options.json) {
    const { message, details } = error;
    streams.out(`${redactKeys(JSON.stringify({ error: { code: error.code, message, details } }))}\n`);
  }
  return code;
}
