// What the data tests share: temporary files and a tokenizer that needs no model.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type SourceSection, sourceSchema } from "../../ts/config/data.ts";
import type { DataTokenizer } from "../../ts/data/encode.ts";
import type { BelleErrorCode } from "../../ts/native/errors.ts";
import { withFolder } from "../support/folder.ts";
import { fails } from "../support/thrown.ts";

/** One id a UTF-8 byte, from 3 up; bos 1, eos 2. */
export const byteTokenizer: DataTokenizer = {
  vocabSize: 259,
  fingerprint: "bytes",
  bosId: 1,
  eosId: 2,
  encodeBatch(texts) {
    const parts = texts.map((text) => Buffer.from(text, "utf8"));
    const offsets = new Uint32Array(texts.length + 1);
    for (const [i, part] of parts.entries()) offsets[i + 1] = offsets[i]! + part.length;
    return { ids: Uint32Array.from(Buffer.concat(parts), (byte) => byte + 3), offsets };
  },
};

export function bytesOf(ids: Iterable<number>): string {
  return Buffer.from([...ids].filter((id) => id >= 3).map((id) => id - 3)).toString("utf8");
}

export async function withFiles<T>(
  files: Record<string, string | Buffer>,
  body: (dir: string) => Promise<T>,
): Promise<T> {
  return withFolder((dir) => {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(dir, name), content);
    return body(dir);
  });
}

export function source(path: string, options: Partial<SourceSection> = {}): SourceSection {
  return sourceSchema.parse({ path, ...options });
}

export async function refused(body: () => unknown, code: BelleErrorCode): Promise<string> {
  return (await fails(body, code, /./)).message;
}
