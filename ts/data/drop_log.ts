// Every row that does not become a sample: counted by reason and listed in <output>.dropped.jsonl.
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { guardFile } from "./files.ts";

export interface DroppedRow {
  source: string;
  line: number;
  reason: string;
  detail: string;
}

export class DropLog {
  readonly path: string;
  readonly #temporary: string;
  readonly #file: number;
  #lines: string[] = [];
  #total = 0;

  /** Lists rows in `temporary` until commit() puts it at `path`. */
  constructor(path: string, temporary: string) {
    this.path = path;
    this.#temporary = temporary;
    this.#file = guardFile(temporary, () => openSync(temporary, "w"));
  }

  get total(): number {
    return this.#total;
  }

  add(row: DroppedRow): void {
    this.#total++;
    if (this.#lines.push(`${JSON.stringify(row)}\n`) >= 4096) this.#flush();
  }

  /** Puts the file in its place; an empty log removes the one of an earlier run. */
  commit(): void {
    this.#flush();
    guardFile(this.#temporary, () => {
      fsyncSync(this.#file);
      closeSync(this.#file);
      if (this.#total > 0) renameSync(this.#temporary, this.path);
      else {
        rmSync(this.#temporary, { force: true });
        rmSync(this.path, { force: true });
      }
    });
  }

  abort(): void {
    closeSync(this.#file);
    rmSync(this.#temporary, { force: true });
  }

  #flush(): void {
    if (this.#lines.length > 0) guardFile(this.#temporary, () => writeSync(this.#file, this.#lines.join("")));
    this.#lines = [];
  }
}
