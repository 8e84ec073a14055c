// Two columns of text, aligned by display width.
import { displayWidth } from "./progress.ts";

/** `name  value` lines; names padded to one width, Chinese counted as two columns. */
export function describe(rows: ReadonlyArray<readonly [string, string]>): string {
  const width = Math.max(0, ...rows.map(([name]) => displayWidth(name)));
  return rows.map(([name, value]) => `${name}${" ".repeat(width - displayWidth(name))}  ${value}\n`).join("");
}
