// Formats (or with --check, checks) every C++ file by the pinned clang-format.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

const files = execFileSync(
  "git",
  ["ls-files", "--cached", "--others", "--exclude-standard", "native", "test", "cuda", "bench"],
  { encoding: "utf8" },
)
  .split("\n")
  .filter((file) => /\.(h|cpp|cu|cuh)$/.test(file) && existsSync(file));
const check = process.argv.includes("--check");
const result = spawnSync(
  process.execPath,
  ["node_modules/clang-format/index.js", ...(check ? ["--dry-run", "--Werror"] : ["-i"]), ...files],
  {
    stdio: "inherit",
  },
);
process.exit(result.status ?? 1);
