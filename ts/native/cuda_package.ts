// The optional npm package that carries libbelle_cuda.so. Only found here; the addon loads and judges the file.
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

export const cudaPackage = "belle-train-cuda-linux-x64";

/** The library in the package, as this package or else the current folder resolves it; undefined: not installed. */
export function cudaPackageLibrary(packageRoot: string): string | undefined {
  for (const folder of [packageRoot, currentFolder()]) {
    if (folder === undefined) continue;
    try {
      const manifest = createRequire(join(folder, "package.json")).resolve(`${cudaPackage}/package.json`);
      return join(dirname(manifest), "libbelle_cuda.so");
    } catch {
      // Not installed there.
    }
  }
  return undefined;
}

function currentFolder(): string | undefined {
  try {
    return process.cwd();
  } catch {
    return undefined; // it was removed
  }
}
