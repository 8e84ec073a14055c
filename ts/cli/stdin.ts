// Lines of standard input, for commands that take texts as arguments or by pipe.
import { createInterface } from "node:readline";
import { abortError } from "../native/abort.ts";

/** Every non-empty line until the end of stdin. */
export async function readInputLines(signal: AbortSignal): Promise<string[]> {
  const lines: string[] = [];
  const reader = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY, signal });
  for await (const line of reader) if (line !== "") lines.push(line);
  if (signal.aborted) throw abortError(signal, "Reading");
  return lines;
}
