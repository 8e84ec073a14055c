// How many requests may be under way: additive increase, multiplicative decrease.

import { abortError, throwIfAborted } from "../native/abort.ts";

/** Sleeps; rejects with ERR_BELLE_ABORTED as soon as the signal is raised. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  throwIfAborted(signal, "Judging");
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(abortError(signal, "Judging"));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/**
 * An in-flight cap between 1 and `max`. It starts at min(4, max), grows by one after as many clean successes as it
 * is wide, and halves at a "too many requests", at most once in the time one answer takes, because a burst of refusals
 * is one event. A server-given wait holds everyone back.
 */
export class AdaptiveLimiter {
  readonly max: number;
  #limit: number;
  #inFlight = 0;
  #clean = 0;
  #heldUntil = 0;
  #lastCut = Number.NEGATIVE_INFINITY;
  #waiting: Array<() => void> = [];

  constructor(max: number) {
    this.max = max;
    this.#limit = Math.min(4, max);
  }

  get limit(): number {
    return this.#limit;
  }

  /** Waits for a place; the caller must call release() once. */
  async acquire(signal?: AbortSignal): Promise<void> {
    for (;;) {
      throwIfAborted(signal, "Judging");
      const held = this.#heldUntil - Date.now();
      if (held > 0) {
        await pause(held, signal);
      } else if (this.#inFlight < this.#limit) {
        this.#inFlight++;
        return;
      } else {
        await this.#turn(signal);
      }
    }
  }

  release(): void {
    this.#inFlight--;
    this.#wake();
  }

  succeeded(): void {
    this.#clean++;
    if (this.#clean < this.#limit || this.#limit >= this.max) return;
    this.#clean = 0;
    this.#limit++;
    this.#wake();
  }

  /** After a 429: halves the cap and, when the server named a wait, holds every new request back for that long. */
  throttled(waitMs: number): void {
    const now = Date.now();
    this.#clean = 0;
    if (now - this.#lastCut > 1000) this.#limit = Math.max(1, Math.floor(this.#limit / 2));
    this.#lastCut = now;
    this.#heldUntil = Math.max(this.#heldUntil, now + waitMs);
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      signal?.addEventListener("abort", wake, { once: true });
      this.#waiting.push(wake);
    });
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
