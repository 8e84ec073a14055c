// Processes that run beside each other.
import { availableParallelism } from "node:os";

/** Runs `task` on every item, as many at a time as there are cores; gives the results in the order of the items. */
export async function* inOrder(items, task, atOnce = availableParallelism()) {
  let free = atOnce;
  const waiting = [];
  const results = items.map(async (item) => {
    if (free > 0) free--;
    else await new Promise((go) => waiting.push(go));
    const result = await task(item);
    const next = waiting.shift();
    if (next) next();
    else free++;
    return result;
  });
  for (const result of results) yield await result;
}

/** How a process ends that is killed after `timeoutMs`, and what it printed, both streams as they came. */
export function ended(proc, timeoutMs) {
  return new Promise((done) => {
    const started = performance.now();
    const printed = [];
    proc.stdout.on("data", (chunk) => printed.push(chunk));
    proc.stderr.on("data", (chunk) => printed.push(chunk));
    const timer = timeoutMs && setTimeout(() => proc.kill("SIGKILL"), timeoutMs);
    const end = (code, signal) => {
      clearTimeout(timer);
      const seconds = (performance.now() - started) / 1000;
      done({ code, signal, seconds, output: Buffer.concat(printed).toString("utf8") });
    };
    proc.on("error", (error) => {
      printed.push(Buffer.from(`${error.message}\n`));
      end(null, null); // no "close" follows a program that cannot be started
    });
    proc.on("close", end);
  });
}
