// A client of OpenAI-compatible chat completions over fetch: one retry layer, one adaptive limiter, no key in any error.

import { throwIfAborted } from "../native/abort.ts";
import { BelleError } from "../native/errors.ts";
import {
  type ChatCompletion,
  type Refusal,
  readBody,
  readCompletion,
  readRefusal,
  retryAfterMs,
} from "./chat_response.ts";
import { AdaptiveLimiter, pause } from "./limiter.ts";
import { type Secret, secretFromEnvironment } from "./secret.ts";

export type { ChatCompletion } from "./chat_response.ts";

export interface ChatMessage {
  role: "system" | "user" | "assistant";
  content: string;
}

/** What is sampled and how; sent as it is, and part of a request's identity. */
export interface ChatRequest {
  messages: ChatMessage[];
  temperature: number;
  max_tokens: number;
  top_p?: number;
  seed?: number;
  response_format?: Record<string, unknown>;
}

/** The part of the client that the judge needs; tests and other transports may bring their own. */
export interface ChatCompleter {
  /** Origin and path, without credentials. */
  readonly endpoint: string;
  readonly model: string;
  readonly concurrency: number;
  complete(request: ChatRequest, signal?: AbortSignal): Promise<ChatCompletion>;
}

export interface ChatClientOptions {
  /** Everything before /chat/completions, for example https://api.openai.com/v1 */
  baseUrl: string;
  model: string;
  /** Name of the environment variable that holds the key; absent for servers without keys. */
  apiKeyEnv?: string;
  /** Upper bound of requests under way. Default 8. */
  concurrency?: number;
  /** Tries of one request in all, the first included. Default 6. */
  maxTries?: number;
  /** First step of the back-off in milliseconds, doubled at each try up to 60 s, with full jitter. Default 500. */
  backoffMs?: number;
  /** The longest server-given Retry-After that is waited for, in milliseconds. Default 120 000. */
  maxWaitMs?: number;
  /** Time limit of one try in milliseconds. Default 120 000. */
  timeoutMs?: number;
  /** Allows a key to be sent over plain http to another machine. */
  allowInsecure?: boolean;
  environment?: NodeJS.ProcessEnv;
}

const longestBackoffMs = 60_000;

type Outcome =
  | { kind: "done"; completion: ChatCompletion }
  | { kind: "retry"; error: BelleError; throttled: boolean; waitMs: number | undefined };

function parseEndpoint(baseUrl: string, hasKey: boolean, allowInsecure: boolean): URL {
  let url: URL;
  try {
    url = new URL(`${baseUrl.replace(/\/+$/u, "")}/chat/completions`);
  } catch {
    throw new BelleError("ERR_BELLE_CONFIG", "base_url is not a URL; write it like https://api.openai.com/v1");
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new BelleError(
      "ERR_BELLE_CONFIG",
      `base_url starts with ${url.protocol}; only https: and http: are possible.`,
    );
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw new BelleError(
      "ERR_BELLE_CONFIG",
      "base_url must hold no user name, password, query or fragment; put the key in the variable named by api_key_env.",
    );
  }
  const loopback = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (hasKey && url.protocol === "http:" && !loopback && !allowInsecure) {
    throw new BelleError(
      "ERR_BELLE_CONFIG",
      `base_url would send the API key unencrypted to ${url.host}; use https, or set allow_insecure if that network is trusted.`,
    );
  }
  return url;
}

function positive(name: string, value: number, least: number): number {
  if (Number.isFinite(value) && value >= least) return value;
  throw new BelleError("ERR_BELLE_INVALID_ARGUMENT", `${name} is ${value}; it must be a number of at least ${least}.`);
}

export class ChatClient implements ChatCompleter {
  readonly endpoint: string;
  readonly model: string;
  readonly concurrency: number;
  readonly #url: URL;
  readonly #secret: Secret | undefined;
  readonly #keyName: string;
  readonly #limiter: AdaptiveLimiter;
  readonly #maxTries: number;
  readonly #backoffMs: number;
  readonly #maxWaitMs: number;
  readonly #timeoutMs: number;

  constructor(options: ChatClientOptions) {
    this.#url = parseEndpoint(options.baseUrl, options.apiKeyEnv !== undefined, options.allowInsecure ?? false);
    this.endpoint = this.#url.href;
    this.model = options.model;
    this.#keyName = options.apiKeyEnv ?? "";
    if (options.apiKeyEnv !== undefined) {
      this.#secret = secretFromEnvironment(options.apiKeyEnv, options.environment ?? process.env);
    }
    this.concurrency = Math.floor(positive("concurrency", options.concurrency ?? 8, 1));
    this.#limiter = new AdaptiveLimiter(this.concurrency);
    this.#maxTries = Math.floor(positive("max_tries", options.maxTries ?? 6, 1));
    this.#backoffMs = positive("backoff_ms", options.backoffMs ?? 500, 0);
    this.#maxWaitMs = positive("max_wait_ms", options.maxWaitMs ?? 120_000, 0);
    this.#timeoutMs = positive("timeout_ms", options.timeoutMs ?? 120_000, 1);
  }

  /**
   * One completion. Rejects with ERR_BELLE_AUTH or ERR_BELLE_QUOTA (no use going on), ERR_BELLE_INVALID_ARGUMENT (this
   * request was refused, others may pass), ERR_BELLE_HTTP or ERR_BELLE_TIMEOUT (tries are used up) or ERR_BELLE_ABORTED.
   */
  async complete(request: ChatRequest, signal?: AbortSignal): Promise<ChatCompletion> {
    const body = JSON.stringify({ model: this.model, ...request });
    for (let tries = 1; ; tries++) {
      const outcome = await this.#tryOnce(body, signal);
      if (outcome.kind === "done") return outcome.completion;
      if (tries >= this.#maxTries) throw this.#usedUp(outcome.error, tries);
      const ceiling = Math.min(longestBackoffMs, this.#backoffMs * 2 ** (tries - 1));
      await pause(outcome.waitMs ?? Math.random() * ceiling, signal);
    }
  }

  async #tryOnce(body: string, signal: AbortSignal | undefined): Promise<Outcome> {
    await this.#limiter.acquire(signal);
    const timer = new AbortController();
    const timeout = setTimeout(() => timer.abort(), this.#timeoutMs);
    const stop = () => timer.abort();
    signal?.addEventListener("abort", stop, { once: true });
    try {
      const outcome = await this.#send(body, timer.signal);
      if (outcome.kind === "done") this.#limiter.succeeded();
      else if (outcome.throttled) this.#limiter.throttled(outcome.waitMs ?? 0);
      return outcome;
    } catch (error) {
      if (error instanceof BelleError) throw error;
      throwIfAborted(signal, "Judging");
      return this.#broken(error, timer.signal.aborted);
    } finally {
      clearTimeout(timeout);
      signal?.removeEventListener("abort", stop);
      this.#limiter.release();
    }
  }

  async #send(body: string, signal: AbortSignal): Promise<Outcome> {
    const headers: Record<string, string> = { "content-type": "application/json", accept: "application/json" };
    if (this.#secret !== undefined) headers.authorization = `Bearer ${this.#secret.reveal()}`;
    const response = await fetch(this.#url, { method: "POST", headers, body, signal, redirect: "error" });
    // What the endpoint says may echo the key; nothing of it is used before it was redacted.
    const text = this.#redact(await readBody(response));
    if (response.ok) {
      const completion = readCompletion(text);
      if (completion !== undefined) return { kind: "done", completion };
      return {
        kind: "retry",
        error: this.#error("ERR_BELLE_HTTP", this.#garbage(text)),
        throttled: false,
        waitMs: undefined,
      };
    }
    return this.#refused(response, readRefusal(text));
  }

  #refused(response: Response, refusal: Refusal): Outcome {
    const status = response.status;
    const said = refusal.message === "" ? "" : `: ${refusal.message}`;
    const where = `${this.#url.host} answered ${status}${said}`;
    if (status === 402 || refusal.code === "insufficient_quota" || refusal.type === "insufficient_quota") {
      throw this.#error(
        "ERR_BELLE_QUOTA",
        `${where}. The account's quota is used up; add credit or use another key, then run the same command again to go on.`,
        status,
      );
    }
    if (status === 401 || status === 403) throw this.#error("ERR_BELLE_AUTH", `${where}. ${this.#keyAdvice()}`, status);
    if (status === 404) {
      throw this.#error(
        "ERR_BELLE_HTTP",
        `${where}. Check base_url (${this.endpoint.replace(/\/chat\/completions$/u, "")}) and that the model "${this.model}" exists there.`,
        status,
      );
    }
    if (status !== 408 && status !== 409 && status !== 429 && status < 500) {
      throw this.#error("ERR_BELLE_INVALID_ARGUMENT", `${where}.`, status);
    }
    const waitMs = retryAfterMs(response.headers);
    if (waitMs !== undefined && waitMs > this.#maxWaitMs) {
      throw this.#error(
        "ERR_BELLE_HTTP",
        `${where}. It asks to wait ${Math.ceil(waitMs / 1000)} s, longer than max_wait (${Math.round(this.#maxWaitMs / 1000)} s); run the same command again later to go on.`,
        status,
      );
    }
    return {
      kind: "retry",
      error: this.#error("ERR_BELLE_HTTP", `${where}.`, status),
      throttled: status === 429,
      waitMs,
    };
  }

  /** The connection failed: refused, reset, timed out, redirected, or the body was too large. */
  #broken(error: unknown, timedOut: boolean): Outcome {
    if (timedOut) {
      const text = `${this.#url.host} did not answer within ${this.#timeoutMs / 1000} s; raise timeout or lower concurrency.`;
      return { kind: "retry", error: this.#error("ERR_BELLE_TIMEOUT", text), throttled: false, waitMs: undefined };
    }
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const reason = this.#redact(cause instanceof Error ? cause.message || cause.name : String(cause)).slice(0, 200);
    if (reason.includes("redirect")) {
      throw this.#error(
        "ERR_BELLE_HTTP",
        `${this.#url.host} redirects elsewhere, which is not followed because the key would go along; set base_url to the final address.`,
      );
    }
    const text = `Could not talk to ${this.#url.host} (${reason}); check base_url, the network and that the server runs.`;
    return { kind: "retry", error: this.#error("ERR_BELLE_HTTP", text), throttled: false, waitMs: undefined };
  }

  #usedUp(last: BelleError, tries: number): BelleError {
    const text = `${last.message} Gave up after ${tries} ${tries === 1 ? "try" : "tries"}; run the same command again to go on.`;
    return new BelleError(last.code, text, { details: { ...last.details, tries } });
  }

  #garbage(text: string): string {
    const start = text.slice(0, 80).replace(/\s+/gu, " ");
    return `${this.#url.host} answered 200 without a chat completion (it starts ${JSON.stringify(start)}); check that base_url is an OpenAI-compatible API.`;
  }

  #keyAdvice(): string {
    if (this.#keyName === "") return "Set api_key_env to the name of the environment variable that holds the key.";
    return `Set the environment variable ${this.#keyName} to a key that may use the model "${this.model}".`;
  }

  #redact(text: string): string {
    return this.#secret === undefined ? text : this.#secret.redact(text);
  }

  #error(code: BelleError["code"], message: string, status?: number): BelleError {
    const details = { endpoint: this.endpoint, model: this.model };
    return new BelleError(code, message, { details: status === undefined ? details : { ...details, status } });
  }
}
