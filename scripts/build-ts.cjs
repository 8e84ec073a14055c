#!/usr/bin/env node
// Compiles TypeScript to dist/: the library and the command line, then the benchmarks over what was just compiled, with
// the peers' scripts beside them.
"use strict";
const { spawnSync } = require("node:child_process");
const { cpSync } = require("node:fs");
const { join, resolve } = require("node:path");

const root = resolve(__dirname, "..");
const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
for (const project of ["tsconfig.build.json", "tsconfig.bench.json"]) {
  const { status } = spawnSync(process.execPath, [tsc, "-p", project], { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
cpSync(join(root, "bench", "peers"), join(root, "dist", "bench", "peers"), {
  recursive: true,
  filter: (path) => !path.includes("__pycache__"),
});
