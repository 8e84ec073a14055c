// Options that the functions over text files share, and what is wrong with them.
import { BelleError } from "../native/errors.ts";

export function wrong(message: string): never {
  throw new BelleError("ERR_BELLE_INVALID_ARGUMENT", message);
}

/** `purpose`: what leaving it out does not do. */
export function checkedFiles(
  name: string,
  value: readonly string[] | undefined,
  purpose: string,
): string[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length === 0 || !value.every((file) => typeof file === "string" && file !== "")) {
    wrong(`${name} must be an array of file paths, one at least; leave it out to ${purpose} nothing.`);
  }
  return [...value];
}

/** As the addon wants it: 0 = all. */
export function checkedMaxLines(value: number | undefined): number {
  if (value === undefined) return 0;
  if (Number.isSafeInteger(value) && value > 0) return value;
  return wrong(`maxLines must be a whole number of lines, 1 or more, not ${String(value)}; leave it out for all.`);
}

export function checkOnProgress(value: unknown): void {
  if (value !== undefined && typeof value !== "function") wrong("onProgress must be a function.");
}
