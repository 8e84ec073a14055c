// TensorBoard event files: TFRecord frames (u64 length, masked crc of it, payload, masked crc of that) around Event
// protobufs (tensorflow/core/util/event.proto): wall_time 1, step 2, file_version 3, summary 5 { value 1 { tag 1,
// simple_value 2 } }, session_log 7 { status 1 }.
import { maskedCrc32c } from "./crc32c.ts";

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return bytes;
}

/** Length-delimited field. */
function message(field: number, payload: Uint8Array): Buffer {
  return Buffer.concat([Uint8Array.from([(field << 3) | 2, ...varint(payload.length)]), payload]);
}

function wallTime(seconds: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = (1 << 3) | 1;
  bytes.writeDoubleLE(seconds, 1);
  return bytes;
}

function scalar(tag: string, value: number): Buffer {
  const simple = Buffer.alloc(5);
  simple[0] = (2 << 3) | 5;
  simple.writeFloatLE(value, 1);
  return message(1, Buffer.concat([message(1, Buffer.from(tag, "utf8")), simple]));
}

/** One framed record. */
export function tfRecord(payload: Uint8Array): Buffer {
  const frame = Buffer.alloc(12 + payload.length + 4);
  frame.writeBigUInt64LE(BigInt(payload.length), 0);
  frame.writeUInt32LE(maskedCrc32c(frame.subarray(0, 8)), 8);
  frame.set(payload, 12);
  frame.writeUInt32LE(maskedCrc32c(payload), 12 + payload.length);
  return frame;
}

/** The record every event file begins with. */
export function versionEvent(seconds: number): Buffer {
  return tfRecord(Buffer.concat([wallTime(seconds), message(3, Buffer.from("brain.Event:2"))]));
}

/** Scalars of one step; `seconds` since the epoch. */
export function scalarsEvent(seconds: number, step: number, scalars: Readonly<Record<string, number>>): Buffer {
  const summary = Buffer.concat(Object.entries(scalars).map(([tag, value]) => scalar(tag, value)));
  const stepField = Uint8Array.from([2 << 3, ...varint(step)]);
  return tfRecord(Buffer.concat([wallTime(seconds), stepField, message(5, summary)]));
}

/** SessionLog { status START }: TensorBoard forgets what earlier files say of this step and later ones. */
export function restartEvent(seconds: number, step: number): Buffer {
  const stepField = Uint8Array.from([2 << 3, ...varint(step)]);
  return tfRecord(Buffer.concat([wallTime(seconds), stepField, message(7, Uint8Array.from([1 << 3, 1]))]));
}

/** Name TensorBoard finds: events.out.tfevents.<seconds>.<host>.<pid>. */
export function eventFileName(seconds: number, host: string, pid: number): string {
  return `events.out.tfevents.${Math.floor(seconds)}.${host.replace(/[^A-Za-z0-9_-]/g, "_")}.${pid}.0`;
}
