// What the data tests share: temporary files and a tokenizer that needs no model.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { type SourceSection, sourceSchema } from "../../ts/config/data.ts";
import type { DataTokenizer } from "../../ts/data/encode.ts";
import { BelleError, type BelleErrorCode } from "../../ts/native/errors.ts";

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
  const dir = mkdtempSync(join(tmpdir(), "belle-data-"));
  try {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(dir, name), content);
    return await body(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

export function source(path: string, options: Partial<SourceSection> = {}): SourceSection {
  return sourceSchema.parse({ path, ...options });
}

export async function refused(body: () => unknown, code: BelleErrorCode): Promise<string> {
  try {
    await body();
  } catch (error) {
    assert.instance(error, BelleError);
    assert.is((error as BelleError).code, code);
    return (error as BelleError).message;
  }
  throw new Error(`expected ${code}`);
}
