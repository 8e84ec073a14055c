// Makes the npm package of the CUDA backend from a built libbelle_cuda.so, after checking that it runs where the main
// package does. Usage: node scripts/package-cuda.mjs --library PATH [--out DIR]
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { checkLibrary } from "./package_cuda/checks.mjs";

const root = resolve(import.meta.dirname, "..");
const source = join(root, "packages/cuda-linux-x64");

function manifestOf(folder) {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

/** Both packages are of one release; which ABI they speak is checked in the file itself. */
function checkVersions() {
  const [main, cuda] = [manifestOf(root), manifestOf(source)];
  if (main.version === cuda.version) return [];
  return [`${main.name} is ${main.version} and ${cuda.name} is ${cuda.version}: set both to one version`];
}

function read(library) {
  try {
    return readFileSync(library);
  } catch (error) {
    throw new Error(`${library} cannot be read: ${error.message}`, { cause: error });
  }
}

function pack(library, out) {
  const stage = mkdtempSync(join(tmpdir(), "belle-cuda-"));
  try {
    for (const name of ["package.json", "README.md"]) copyFileSync(join(source, name), join(stage, name));
    copyFileSync(join(root, "LICENSE"), join(stage, "LICENSE"));
    copyFileSync(library, join(stage, "libbelle_cuda.so"));
    mkdirSync(out, { recursive: true });
    const listing = execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", out], {
      cwd: stage,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    });
    return JSON.parse(listing)[0];
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

function main() {
  const { values } = parseArgs({ options: { library: { type: "string" }, out: { type: "string", default: "." } } });
  if (values.library === undefined) {
    console.error("Usage: node scripts/package-cuda.mjs --library PATH/libbelle_cuda.so [--out DIR]");
    return 2;
  }
  const library = resolve(values.library);
  const { problems, targets } = checkLibrary(read(library), root);
  const refusals = [...problems.map((problem) => `${library} ${problem}`), ...checkVersions()];
  if (refusals.length > 0) {
    console.error(refusals.join("\n"));
    return 1;
  }
  const out = resolve(values.out);
  const packed = pack(library, out);
  const file = join(out, packed.filename);
  console.log(`${file}: ${(packed.size / 1e6).toFixed(1)} MB, ${targets.join(" ")}\nnpm install ${file}`);
  return 0;
}

try {
  process.exitCode = main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
