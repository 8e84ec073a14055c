// AbortSignal to NativeStop: the signal asks, the native thread looks at its flag between steps, tokens or lines.

import type { NativeStop } from "./binding.ts";
import { BelleError, fromNative } from "./errors.ts";
import { binding } from "./load.ts";

/** The error every aborted call ends with; `cause` is the signal's reason. */
export function abortError(signal: AbortSignal | undefined, what: string): BelleError {
  return new BelleError("ERR_BELLE_ABORTED", `${what} was stopped by its AbortSignal.`, { cause: signal?.reason });
}

export function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw abortError(signal, what);
}

/**
 * Runs a native job under `signal`. An aborted signal rejects at once with ERR_BELLE_ABORTED; a later abort sets the
 * stop flag and the promise settles when the native thread has ended, never before. The listener is always removed.
 */
export async function withSignal<T>(
  signal: AbortSignal | undefined,
  what: string,
  run: (stop: NativeStop) => Promise<T>,
): Promise<T> {
  throwIfAborted(signal, what);
  const stop = binding().createStop();
  const onAbort = () => stop.stop();
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    return await run(stop);
  } catch (error) {
    const mapped = fromNative(error);
    if (mapped instanceof BelleError && mapped.code === "ERR_BELLE_ABORTED" && signal?.aborted) {
      throw abortError(signal, what);
    }
    throw mapped;
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}
