// The `judge` section of a configuration as a client.

import type { JudgeSection } from "../config/judge.ts";
import { ChatClient } from "./chat_client.ts";

const loopback = /^https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?:[:/]|$)/u;

/** A server on this computer may go without a key; any other needs the variable `api_key_env` names. */
export function clientFromConfig(section: JudgeSection, environment: NodeJS.ProcessEnv = process.env): ChatClient {
  const keyless = loopback.test(section.base_url) && (environment[section.api_key_env] ?? "") === "";
  return new ChatClient({
    baseUrl: section.base_url,
    model: section.model,
    ...(keyless ? {} : { apiKeyEnv: section.api_key_env }),
    concurrency: section.concurrency,
    timeoutMs: section.timeout_seconds * 1000,
    maxWaitMs: section.max_wait_seconds * 1000,
    environment,
  });
}
