// Reads TensorBoard event files as TensorBoard does: in the order of their names, and what a START record names is
// forgotten from there on.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { maskedCrc32c } from "../../ts/metrics/crc32c.ts";

export interface ScalarRow {
  step: number;
  tag: string;
  value: number;
}

type Field = { number: number; varint: number } | { number: number; bytes: Buffer };

function* fields(bytes: Buffer): Generator<Field> {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const wire = key & 7;
    const size = wire === 1 ? 8 : wire === 5 ? 4 : undefined;
    if (wire === 0) yield { number: key >> 3, varint: varint() };
    else {
      const length = size ?? varint();
      yield { number: key >> 3, bytes: bytes.subarray(at, at + length) };
      at += length;
    }
  }
}

/** Payloads of the whole records; a torn last one ends the file. Checksums must be right. */
function* payloads(file: Buffer): Generator<Buffer> {
  for (let at = 0; at + 12 <= file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    assert.is(file.readUInt32LE(at + 8), maskedCrc32c(file.subarray(at, at + 8)));
    if (at + 16 + length > file.length) return;
    const payload = file.subarray(at + 12, at + 12 + length);
    assert.is(file.readUInt32LE(at + 12 + length), maskedCrc32c(payload));
    yield payload;
    at += 16 + length;
  }
}

/** The scalars TensorBoard shows, in order. */
export function readEventFiles(dir: string): ScalarRow[] {
  let rows: ScalarRow[] = [];
  const names = readdirSync(dir).filter((name) => name.startsWith("events.out.tfevents."));
  for (const name of names.sort()) {
    for (const payload of payloads(readFileSync(join(dir, name)))) {
      let step = 0;
      for (const field of fields(payload)) {
        if (field.number === 2 && "varint" in field) step = field.varint;
        if (field.number === 7) rows = rows.filter((row) => row.step < step);
        if (field.number !== 5 || !("bytes" in field)) continue;
        for (const value of fields(field.bytes)) if ("bytes" in value) rows.push({ step, ...scalar(value.bytes) });
      }
    }
  }
  return rows;
}

function scalar(bytes: Buffer): { tag: string; value: number } {
  const row = { tag: "", value: Number.NaN };
  for (const field of fields(bytes)) {
    if (!("bytes" in field)) continue;
    if (field.number === 1) row.tag = field.bytes.toString("utf8");
    if (field.number === 2) row.value = field.bytes.readFloatLE(0);
  }
  return row;
}
