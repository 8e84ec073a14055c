// Reads what a chat-completions endpoint sends back. Every field is a stranger's: sizes, types and ranges are checked.

/** One finished completion. Token counts are 0 when the endpoint does not report usage. */
export interface ChatCompletion {
  text: string;
  /** "stop", "length", "content_filter", … ; "" when absent. */
  finishReason: string;
  promptTokens: number;
  completionTokens: number;
  /** The model's own name as answered; "" when absent. */
  model: string;
}

/** An error body, reduced to what is of use. */
export interface Refusal {
  message: string;
  code: string;
  type: string;
}

const longestBody = 8 << 20;

/** The body as text, at most 8 MiB of it. Throws when it is larger. */
export async function readBody(response: Response): Promise<string> {
  if (response.body === null) return "";
  const parts: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop by the throw cancels the stream and frees the connection.
  for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) {
    size += part.byteLength;
    if (size > longestBody) throw new Error("the answer is larger than 8 MiB");
    parts.push(part);
  }
  return new TextDecoder("utf-8").decode(Buffer.concat(parts));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function field(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<string, unknown>)[key];
}

function count(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}

function word(value: unknown, longest: number): string {
  return typeof value === "string" ? value.slice(0, longest) : "";
}

/** undefined when the text is not a chat completion. */
export function readCompletion(text: string): ChatCompletion | undefined {
  const body = parse(text);
  const choices = field(body, "choices");
  if (!Array.isArray(choices) || choices.length === 0) return undefined;
  const choice: unknown = choices[0];
  const message = field(choice, "message");
  if (typeof message !== "object" || message === null) return undefined;
  const content = field(message, "content") ?? field(message, "refusal") ?? "";
  if (typeof content !== "string") return undefined;
  const usage = field(body, "usage");
  return {
    text: content,
    finishReason: word(field(choice, "finish_reason"), 40),
    promptTokens: count(field(usage, "prompt_tokens")),
    completionTokens: count(field(usage, "completion_tokens")),
    model: word(field(body, "model"), 120),
  };
}

/** The reason of a refusal: OpenAI's {error: {message, code, type}}, {error: "…"}, {message|detail} or plain text. */
export function readRefusal(text: string): Refusal {
  const body = parse(text);
  const error = field(body, "error") ?? body;
  const message = typeof error === "string" ? error : (field(error, "message") ?? field(error, "detail"));
  const plain = body === undefined ? text : "";
  return {
    message: (word(message, 300) || plain.slice(0, 120))
      .replace(/\s+/gu, " ")
      .trim()
      .replace(/[.。]$/u, ""),
    code: word(field(error, "code"), 60),
    type: word(field(error, "type"), 60),
  };
}

/** The wait a server asks for in milliseconds: retry-after-ms, or retry-after in seconds or as an HTTP date. */
export function retryAfterMs(headers: Headers, now: number = Date.now()): number | undefined {
  const milliseconds = headers.get("retry-after-ms");
  if (milliseconds !== null && /^\d+(\.\d+)?$/u.test(milliseconds)) return Number(milliseconds);
  const value = headers.get("retry-after");
  if (value === null) return undefined;
  if (/^\d+(\.\d+)?$/u.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
