// BelleError: the one error class of the library, and the table of its codes. Native code sets `code` and the message;
// everything else is made here. A new code is one new line in the table.

import type { NativeErrorDetails } from "./binding.ts";

/** Every `code` a BelleError can carry, with what it means. Stable: programs may switch on them. */
export const errorCodes = {
  ERR_BELLE_INVALID_ARGUMENT: "A value passed to the library is wrong; the message names it and what is accepted.",
  ERR_BELLE_INVALID_DATA: "A file does not hold what it claims: damaged, truncated, or of another format.",
  ERR_BELLE_NOT_FOUND: "A file or folder does not exist.",
  ERR_BELLE_IO: "The operating system refused to read or write a file.",
  ERR_BELLE_OUT_OF_MEMORY: "Memory of the computer or the device does not suffice.",
  ERR_BELLE_UNSUPPORTED:
    "The request is valid, but this version does not do it; the message names what to use instead.",
  ERR_BELLE_ABORTED: "The caller's AbortSignal asked to stop; `cause` is the signal's reason.",
  ERR_BELLE_DISK_FULL: "No space is left on the file system; nothing half-written was left behind.",
  ERR_BELLE_INTERNAL: "A bug in belle-train itself; please report it with the message.",
  ERR_BELLE_BUSY: "The object or folder is in use by another call or process; wait for that one.",
  ERR_BELLE_NUMERIC: "NaN or infinity where a number was needed.",
  ERR_BELLE_DISPOSED: "The object was used after dispose().",
  ERR_BELLE_NATIVE_LOAD: "The native addon could not be found or loaded; build it with: npx belle-train native build",
  ERR_BELLE_USAGE: "The command line is wrong.",
  ERR_BELLE_CONFIG: "A configuration file or option is wrong; the message names file, line, column and key.",
  ERR_BELLE_ENVIRONMENT: "Something this computer should provide is missing or unfit.",
  ERR_BELLE_HTTP: "An HTTP service answered with an error or could not be reached.",
  ERR_BELLE_AUTH: "An HTTP service refused the API key; the message names the environment variable to set.",
  ERR_BELLE_QUOTA: "An HTTP service reports that the quota or budget is used up.",
  ERR_BELLE_TIMEOUT: "An answer did not arrive in time.",
} as const;

export type BelleErrorCode = keyof typeof errorCodes;

export interface BelleErrorOptions {
  /** Plain numbers and strings for programs; never secrets. */
  details?: NativeErrorDetails;
  cause?: unknown;
}

/** Says what went wrong, where, and how to mend it; `code` is one of {@link errorCodes}. */
export class BelleError extends Error {
  override readonly name = "BelleError";
  readonly code: BelleErrorCode;
  readonly details: NativeErrorDetails;

  constructor(code: BelleErrorCode, message: string, options: BelleErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }
}

export function isBelleErrorCode(code: unknown): code is BelleErrorCode {
  return typeof code === "string" && Object.hasOwn(errorCodes, code);
}

/** Maps what the addon threw to a BelleError; anything that is not the addon's own error is returned unchanged. */
export function fromNative(error: unknown): unknown {
  if (error instanceof BelleError || !(error instanceof Error)) return error;
  const { code, details } = error as Error & { code?: unknown; details?: NativeErrorDetails };
  if (!isBelleErrorCode(code)) return error;
  const mapped = new BelleError(code, error.message, details === undefined ? {} : { details });
  // The native error's own stack starts in the caller's frame; an asynchronous one has none worth keeping.
  if (error.stack?.includes("\n")) mapped.stack = error.stack.replace(/^Error/, "BelleError");
  return mapped;
}

/** Runs a native call, mapping what it throws. */
export function native<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw fromNative(error);
  }
}

/** Awaits a native promise, mapping what it rejects with. `call` may also throw. */
export async function nativeAsync<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw fromNative(error);
  }
}
