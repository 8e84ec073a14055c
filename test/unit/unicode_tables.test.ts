// The tables in native/tokenizer/unicode are what the scripts write.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { root } from "../support/paths.ts";
import { suite } from "../support/uvu.ts";

const test = suite("Unicode tables");

// Of another Node the data are others; the scripts say so.
const known = process.versions.unicode === "17.0";

for (const name of ["generate-unicode-tables.mjs", "generate-character-classes.mjs"]) {
  (known ? test : test.skip)(`${name} --check`, () => {
    execFileSync(process.execPath, [join(root, "scripts", name), "--check"], { stdio: "pipe" });
  });
}

test.run();
