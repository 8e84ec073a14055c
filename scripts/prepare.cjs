// `npm ci` in a checkout: builds the addon unless a loadable one is there, then compiles TypeScript.
// Not run when the published package is installed.
"use strict";
const { execFileSync, spawnSync } = require("node:child_process");
const { existsSync } = require("node:fs");
const { join, resolve } = require("node:path");

const root = resolve(__dirname, "..");
// A fresh process, because a half-built addon must not take this one down.
const loads = spawnSync(process.execPath, ["-e", `require("node-gyp-build")(${JSON.stringify(root)})`], {
  cwd: root,
  stdio: "ignore",
});
if (loads.status !== 0)
  execFileSync(process.execPath, [join(__dirname, "native-build.cjs")], { cwd: root, stdio: "inherit" });
if (existsSync(join(root, "node_modules", "typescript")))
  execFileSync(process.execPath, [join(__dirname, "build-ts.cjs")], { cwd: root, stdio: "inherit" });
