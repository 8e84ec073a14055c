// Temporary folders.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A fresh one, for whoever removes it. */
export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "belle-test-"));
}

/** A fresh one while `body` runs. */
export async function withFolder<T>(body: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = temporaryFolder();
  try {
    return await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
