#!/usr/bin/env node
// Builds the addon with CMake. One driver, four callers: npm (prepare), binding.gyp, prebuildify and
// `belle-train native build`. Reads --debug and --CDNAME=VALUE; any other flag (node-gyp's, prebuildify's) is ignored.
// Uses cmake-js when it is installed, plain cmake otherwise.
"use strict";
const { spawnSync } = require("node:child_process");
const { existsSync, mkdirSync, rmSync } = require("node:fs");
const { availableParallelism } = require("node:os");
const { join, resolve } = require("node:path");

const root = resolve(__dirname, "..");
const args = process.argv.slice(2);
const config = args.includes("--debug") ? "Debug" : "Release";
const defines = args.filter((a) => a.startsWith("--CD")).map((a) => a.slice(4));
const buildDir = join(root, "build", `cmake-${config}`);
const outDir = join(root, "build", config);
const jobs = String(availableParallelism()); // make takes one at a time unless told

function run(command, commandArgs) {
  // stdout is for callers that print JSON; compilers talk on stderr.
  const result = spawnSync(command, commandArgs, { cwd: root, stdio: ["ignore", 2, 2] });
  if (result.error) {
    console.error(`belle-train: cannot run ${command}: ${result.error.message}`);
    console.error(
      "Install CMake (3.20 or later) and a C++20 compiler, e.g. `apt-get install cmake g++`, then run this again.",
    );
    process.exit(3);
  }
  if (result.status !== 0) {
    console.error(
      `belle-train: native build failed (${command} exited with ${result.status}); the first error is above`,
    );
    process.exit(result.status ?? 1);
  }
}

function cmakeJs() {
  try {
    return require.resolve("cmake-js/bin/cmake-js", { paths: [root] });
  } catch {
    return undefined;
  }
}

mkdirSync(outDir, { recursive: true });
const cacheIsForeign =
  existsSync(join(buildDir, "CMakeCache.txt")) &&
  !require("node:fs")
    .readFileSync(join(buildDir, "CMakeCache.txt"), "utf8")
    .includes(`CMAKE_HOME_DIRECTORY:INTERNAL=${root}\n`);
if (cacheIsForeign) rmSync(buildDir, { recursive: true, force: true });

const all = [`BELLE_OUT=${outDir}`, ...defines];
const tool = cmakeJs();
if (tool) {
  const common = ["-d", root, "-O", buildDir, "-B", config, "-p", jobs, ...all.map((d) => `--CD${d}`)];
  // `build` configures only when there is no cache; changed defines need `configure`.
  if (defines.length > 0 && existsSync(join(buildDir, "CMakeCache.txt")))
    run(process.execPath, [tool, "configure", ...common]);
  run(process.execPath, [tool, "build", ...common]);
} else {
  run("cmake", ["-S", root, "-B", buildDir, `-DCMAKE_BUILD_TYPE=${config}`, ...all.map((d) => `-D${d}`)]);
  run("cmake", ["--build", buildDir, "--config", config, "--parallel", jobs]);
}
const built = join(outDir, "belle.node");
if (!existsSync(built)) {
  console.error(`belle-train: the build ended without ${built}`);
  process.exit(1);
}
