// A text file that is there whole or not at all: the addon writes beside it, fsyncs, renames, fsyncs the folder.
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { BelleError, nativeAsync } from "./errors.ts";
import { binding } from "./load.ts";

/** Writes `text` to `path`, making its folder. An old file stays until the new one is complete. */
export async function commitText(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true }).catch((cause: NodeJS.ErrnoException) => {
    const full = cause.code === "ENOSPC" || cause.code === "EDQUOT";
    throw new BelleError(
      full ? "ERR_BELLE_DISK_FULL" : "ERR_BELLE_IO",
      `${path} could not be written (${cause.code}); check the folder's permissions and free space.`,
      { cause },
    );
  });
  await nativeAsync(() => binding().writeFile(path, text));
}
