// Finds and loads the addon, once, on first use: importing the library must work where no binary is.

import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { NativeBinding } from "./binding.ts";
import { cudaPackageLibrary } from "./cuda_package.ts";
import { BelleError } from "./errors.ts";

// ts/native or dist/native: the package root is two folders up either way.
const packageRoot = fileURLToPath(new URL("../..", import.meta.url));
const require = createRequire(import.meta.url);

let loaded: { binding: NativeBinding; path: string } | undefined;

function load(): { binding: NativeBinding; path: string } {
  const find = require("node-gyp-build") as { path(folder: string): string };
  let path: string;
  try {
    path = find.path(packageRoot);
  } catch (error) {
    const platform = `${process.platform}-${process.arch}`;
    const libc = process.platform === "linux" && !hasGlibc() ? "musl" : "glibc";
    throw new BelleError(
      "ERR_BELLE_NATIVE_LOAD",
      `No native addon for ${platform} (${libc}, Node ${process.versions.node}): looked for build/Release/*.node and ` +
        `prebuilds/${platform}/*.node in ${packageRoot}. Build it with: npx belle-train native build`,
      { cause: error, details: { root: packageRoot, platform, libc } },
    );
  }
  let binding: NativeBinding;
  try {
    binding = require(path) as NativeBinding;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new BelleError(
      "ERR_BELLE_NATIVE_LOAD",
      `The native addon ${path} cannot be loaded: ${reason}. Build it for this computer with: npx belle-train native build`,
      { cause: error, details: { path } },
    );
  }
  const cuda = cudaPackageLibrary(packageRoot);
  if (cuda !== undefined) binding.setCudaPackage(cuda);
  return { binding, path };
}

function hasGlibc(): boolean {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  return report?.header?.glibcVersionRuntime !== undefined;
}

/** The addon; ERR_BELLE_NATIVE_LOAD when there is none for this computer. */
export function binding(): NativeBinding {
  loaded ??= load();
  return loaded.binding;
}

/** The file the addon was loaded from. */
export function bindingPath(): string {
  loaded ??= load();
  return loaded.path;
}
