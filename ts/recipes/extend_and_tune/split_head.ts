// Cuts the first lines off a text file without holding it in memory: bytes are copied, never decoded.
import { createReadStream, createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { BelleError } from "../../native/errors.ts";

const newline = 0x0a;

/**
 * The first `lines` lines (1 or more) go to `files.head`, the others, of which there must be some, to `files.rest`.
 * `name`: what the user calls the file.
 */
export async function splitHead(
  path: string,
  lines: number,
  files: { head: string; rest: string },
  name = path,
): Promise<void> {
  let offset = 0;
  let seen = 0;
  let tail = false;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    let at = 0;
    while (seen < lines) {
      const next = chunk.indexOf(newline, at);
      if (next < 0) break;
      seen++;
      at = next + 1;
    }
    offset += seen === lines ? at : chunk.length;
    tail = at < chunk.length;
    if (seen === lines && tail) break;
  }
  if (seen < lines || !tail) {
    throw new BelleError(
      "ERR_BELLE_INVALID_DATA",
      `${name} has ${seen + (tail ? 1 : 0)} lines; tokenizer.held_out_head (${lines}) must leave some to train on.`,
    );
  }
  await pipeline(createReadStream(path, { end: offset - 1 }), createWriteStream(files.head));
  await pipeline(createReadStream(path, { start: offset }), createWriteStream(files.rest));
}
