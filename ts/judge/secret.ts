// API keys: read from the environment by name, kept out of every string that leaves the process.

import { inspect } from "node:util";
import { BelleError } from "../native/errors.ts";

const mask = "[redacted]";

/** Shapes of keys and authorization values, for secrets of someone else that an endpoint might echo. */
const keyShapes = /\bsk-[A-Za-z0-9_-]{8,}|\bBearer\s+[A-Za-z0-9._~+/-]{8,}=*/gu;

/** `text` without anything shaped like a key. */
export function redactKeys(text: string): string {
  return text.replace(keyShapes, mask);
}

/** A value that prints as "[redacted]" wherever it is interpolated, logged, inspected or serialised. */
export class Secret {
  readonly #value: string;
  readonly #forms: string[];

  constructor(value: string) {
    this.#value = value;
    const forms = [value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1)];
    forms.push(Buffer.from(value, "utf8").toString("base64").replace(/=+$/u, ""));
    // Longest first, so that no form is cut short by another. Tiny values are placeholders such as "-", not secrets.
    this.#forms = value.length < 4 ? [] : [...new Set(forms)].sort((a, b) => b.length - a.length);
  }

  /** The value itself, for the one place that sends it. */
  reveal(): string {
    return this.#value;
  }

  /** `text` without the value in any of its usual encodings, and without anything shaped like a key. */
  redact(text: string): string {
    let out = text;
    for (const form of this.#forms) out = out.replaceAll(form, mask);
    return redactKeys(out);
  }

  toString(): string {
    return mask;
  }

  toJSON(): string {
    return mask;
  }

  [inspect.custom](): string {
    return mask;
  }
}

/** Reads the key from the variable `name`. Throws ERR_BELLE_AUTH when it is missing or cannot be sent in a header. */
export function secretFromEnvironment(name: string, environment: NodeJS.ProcessEnv = process.env): Secret {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/u.test(name)) {
    throw new BelleError(
      "ERR_BELLE_CONFIG",
      "api_key_env must be the name of an environment variable, such as OPENAI_API_KEY, not the key itself.",
    );
  }
  const value = environment[name]?.trim() ?? "";
  if (value === "") {
    throw new BelleError(
      "ERR_BELLE_AUTH",
      `The environment variable ${name} is not set; put the judge's API key in it, for example: export ${name}=…`,
      { details: { variable: name } },
    );
  }
  // The message must not carry the value, as the runtime's own complaint about a bad header does.
  if (!/^[\x21-\x7e]+$/u.test(value)) {
    throw new BelleError(
      "ERR_BELLE_AUTH",
      `The environment variable ${name} holds white space or characters that no API key has; set it again without quotes or line breaks.`,
      { details: { variable: name } },
    );
  }
  return new Secret(value);
}
