// Encoded samples on their way to the packs: ids and masks go to a temporary file, only lengths stay in memory, so that
// packing sees every length without holding every token.
import { closeSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import type { NativeShardSample } from "../native/binding.ts";
import { BelleError } from "../native/errors.ts";
import { guardFile } from "./files.ts";

const flushBytes = 4 << 20;
const bytesPerToken = 5; // int32 id, then one mask byte

export class SampleStore {
  readonly #path: string;
  readonly #file: number;
  readonly #buffer = Buffer.alloc(flushBytes);
  #used = 0;
  #written = 0;
  #lengths = new Uint32Array(1024);
  #starts = new Float64Array(1024);
  #count = 0;

  /** Makes the file at `path`; close() removes it. */
  constructor(path: string) {
    this.#path = path;
    this.#file = guardFile(this.#path, () => openSync(path, "wx+"));
  }

  get count(): number {
    return this.#count;
  }

  /** Token counts of the samples. */
  get lengths(): Uint32Array {
    return this.#lengths.subarray(0, this.#count);
  }

  add(ids: Int32Array, mask: Uint8Array): void {
    if (this.#count === this.#lengths.length) {
      const lengths = new Uint32Array(2 * this.#count);
      const starts = new Float64Array(2 * this.#count);
      lengths.set(this.#lengths);
      starts.set(this.#starts);
      this.#lengths = lengths;
      this.#starts = starts;
    }
    this.#lengths[this.#count] = ids.length;
    this.#starts[this.#count++] = this.#written + this.#used;
    this.#append(Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength));
    this.#append(mask);
  }

  read(sample: number): NativeShardSample {
    this.#flush();
    const length = this.#lengths[sample]!;
    const bytes = new Uint8Array(length * bytesPerToken);
    const read = guardFile(this.#path, () => readSync(this.#file, bytes, 0, bytes.length, this.#starts[sample]!));
    if (read !== bytes.length) {
      throw new BelleError("ERR_BELLE_IO", `${this.#path}: was cut short while in use; run the preparation again.`);
    }
    return { ids: new Int32Array(bytes.buffer, 0, length), mask: bytes.subarray(4 * length) };
  }

  close(): void {
    closeSync(this.#file);
    rmSync(this.#path, { force: true });
  }

  #append(bytes: Uint8Array): void {
    let from = 0;
    while (from < bytes.length) {
      if (this.#used === flushBytes) this.#flush();
      const take = Math.min(bytes.length - from, flushBytes - this.#used);
      this.#buffer.set(bytes.subarray(from, from + take), this.#used);
      this.#used += take;
      from += take;
    }
  }

  #flush(): void {
    let from = 0;
    while (from < this.#used) {
      from += guardFile(this.#path, () =>
        writeSync(this.#file, this.#buffer, from, this.#used - from, this.#written + from),
      );
    }
    this.#written += this.#used;
    this.#used = 0;
  }
}
