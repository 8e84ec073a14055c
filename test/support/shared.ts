// The reference material beside the repository (goldens, public data). Tests that need it are skipped, by name,
// where it is absent.
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

declare global {
  var BELLE_SKIPPED: string[] | undefined;
}

export const sharedFolder: string | undefined = [
  process.env.BELLE_SHARED,
  resolve(import.meta.dirname, "../../../shared"),
].find((folder) => folder !== undefined && existsSync(join(folder, "goldens")));

/** Registers a test that needs a path of the reference material, given relative to its root. */
export function testWithShared(
  test: (name: string, body: () => void | Promise<void>) => void,
  name: string,
  body: (shared: string) => void | Promise<void>,
): void {
  const folder = sharedFolder;
  if (folder === undefined) globalThis.BELLE_SKIPPED?.push(`${name} (no reference material)`);
  else test(name, () => body(folder));
}
