// Working files of ended processes go; everything else stays.
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { removeLeftovers, sweepFolder, workingPath } from "../../ts/data/files.ts";
import { withFolder } from "../support/folder.ts";

const test = suite("data files");
// Above the kernel's largest pid (2^22): nobody's.
const gone = 4_194_305;
const time = Date.now();

test("sweepFolder removes what ended processes left, at any depth, and nothing of the user's", () =>
  withFolder(async (folder) => {
    const ours = [
      `a.tmp-${gone}`,
      `a.tmp-${gone}-3`,
      `b.trash-${gone}-0`,
      `c.new-${gone}-${time}`,
      `d.old-${gone}-${time}`,
    ];
    const stay = [
      "a",
      `notes.old-${gone}`,
      `notes.new-${gone}-7`,
      `tmp-${gone}`,
      `e.tmp-${gone}.txt`,
      `f.tmp-${process.pid}`,
    ];
    const deep = join(folder, "x", "y");
    mkdirSync(deep, { recursive: true });
    for (const at of [folder, deep]) for (const name of [...ours, ...stay]) writeFileSync(join(at, name), "");
    mkdirSync(join(folder, `g.new-${gone}-${time}`, "inner"), { recursive: true });
    sweepFolder(folder);
    assert.equal(readdirSync(deep).sort(), [...stay].sort());
    assert.equal(readdirSync(folder).sort(), [...stay, "x"].sort());
  }));

test("removeLeftovers looks at one output only, and spares running processes", () =>
  withFolder(async (folder) => {
    const stay = ["out", "out.dropped.jsonl", `other.new-${gone}-${time}`];
    for (const name of [...stay, `out.new-${gone}-${time}`, `out.spill-${gone}-${time}`])
      writeFileSync(join(folder, name), "");
    const mine = workingPath(join(folder, "out"), "old");
    writeFileSync(mine, "");
    removeLeftovers(join(folder, "out"));
    assert.equal(
      readdirSync(folder)
        .map((name) => join(folder, name))
        .sort(),
      [...stay.map((name) => join(folder, name)), mine].sort(),
    );
  }));

test.run();
