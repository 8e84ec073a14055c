// A libbelle_cuda.so that opens without a GPU, and the script that packages it.
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { root } from "./paths.ts";

/** Compiles test/pack/fake_cuda.cpp to `file`. */
export function buildFakeCuda(file: string, defines: string[] = []): string {
  const map = defines.includes("STRAY") ? [] : [`-Wl,--version-script=${join(root, "cmake/cuda_exports.map")}`];
  const flags = ["-std=c++20", "-fPIC", "-shared", "-fvisibility=hidden", "-static-libstdc++", "-static-libgcc"];
  const named = [...defines.map((name) => `-D${name}`), ...map];
  execFileSync("c++", [...flags, "-I", root, ...named, join(root, "test/pack/fake_cuda.cpp"), "-o", file]);
  return file;
}

/** Runs scripts/package-cuda.mjs. */
export function packageCuda(library: string, out: string): { code: number | null; out: string; err: string } {
  const argv = [join(root, "scripts/package-cuda.mjs"), "--library", library, "--out", out];
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: "utf8" });
  return { code: status, out: stdout, err: stderr };
}
