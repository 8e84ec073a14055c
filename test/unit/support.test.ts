// The tests' own frame: a failure of any kind is counted and printed.
// Runs alone: it writes into the tree.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { root } from "../support/paths.ts";

const test = suite("support");

// Inside the tree, or the suite's name means another module; not named *.test.ts, or the runner would take it up.
const folder = join(root, "test", "support", `made-${process.pid}`);
test.before(() => void mkdirSync(folder));
test.after(() => rmSync(folder, { recursive: true, force: true }));

const failures = [
  ["an error with details", 'new BelleError("ERR_BELLE_IO", "broke", { details: { line: 7 } })', /broke \{ line: 7 \}/],
  ["an error with empty details", 'new BelleError("ERR_BELLE_IO", "broke")', /broke \{\}/],
  ["a text", '"broke"', /threw 'broke'/],
  ["nothing", "undefined", /threw undefined/],
] as const;

for (const [name, thrown, said] of failures)
  test(`${name} that a test throws is printed, and the tests behind it run`, () => {
    const file = join(folder, "suite.ts");
    writeFileSync(
      file,
      `import { suite } from "uvu";
import { BelleError } from "../../../ts/native/errors.ts";
const test = suite("inner");
test("fails", () => { const kind = BelleError; throw kind && ${thrown}; });
test("passes", () => {});
test.run();
`,
    );
    const ran = spawnSync(process.execPath, ["--import", "tsx", file], { cwd: root, encoding: "utf8" });
    assert.is(ran.status, 1, ran.stdout + ran.stderr);
    assert.match(ran.stdout, said);
    assert.match(ran.stdout, /Total: +2\s+Passed: +1/);
  });

test.run();
