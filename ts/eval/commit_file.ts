// A text file that is there whole or not at all: temporary file, fsync, rename, fsync of the folder.

import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { BelleError } from "../native/errors.ts";

/** Writes `text` to `path`, making its folder. An old file stays until the new one is complete. */
export async function commitText(path: string, text: string): Promise<void> {
  const folder = dirname(path);
  const temporary = `${path}.tmp-${process.pid}`;
  try {
    await mkdir(folder, { recursive: true });
    const file = await open(temporary, "w", 0o644);
    try {
      await file.writeFile(text, "utf8");
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    const entry = await open(folder, "r");
    try {
      await entry.sync();
    } finally {
      await entry.close();
    }
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    const code = (error as NodeJS.ErrnoException).code ?? "";
    throw new BelleError(
      code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG" ? "ERR_BELLE_DISK_FULL" : "ERR_BELLE_IO",
      `${path} could not be written (${code}); check the folder's permissions and free space.`,
      { cause: error },
    );
  }
}
