// Where the package of the CUDA backend is found, and what doctor says to run next.
import { mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { cudaHint, placeRow } from "../../ts/cli/doctor_cuda.ts";
import type { NativeBackend, NativePlace } from "../../ts/native/binding.ts";
import { cudaPackage, cudaPackageLibrary } from "../../ts/native/cuda_package.ts";
import { withFolder } from "../support/folder.ts";

const test = suite("doctor_cuda");

function place(kind: NativePlace["kind"], state: NativePlace["state"], path = "", reason = ""): NativePlace {
  return { kind, path, state, reason };
}

function hintOf(...places: NativePlace[]): { en: string; zh: string } {
  const backend: NativeBackend = { name: "cuda", available: false, reason: "", description: "", places };
  return cudaHint(backend);
}

test("the package is resolved from the program's folder, then from the current one", async () => {
  await withFolder(async (made) => {
    const folder = realpathSync(made);
    const [program, here] = [join(folder, "program"), join(folder, "here")];
    const install = (into: string) => {
      const target = join(into, "node_modules", cudaPackage);
      mkdirSync(target, { recursive: true });
      writeFileSync(join(target, "package.json"), JSON.stringify({ name: cudaPackage }));
      return join(target, "libbelle_cuda.so");
    };
    mkdirSync(program);
    mkdirSync(here);
    const before = process.cwd();
    process.chdir(here);
    try {
      assert.is(cudaPackageLibrary(program), undefined);
      const second = install(here);
      assert.is(cudaPackageLibrary(program), second);
      const first = install(program);
      assert.is(cudaPackageLibrary(program), first);
    } finally {
      process.chdir(before);
    }
  });
});

test("the next command depends on what was found", () => {
  const absent = place("package", "absent");
  assert.match(hintOf(absent).en, /^for an NVIDIA GPU: npm install \.\/belle-train-cuda-linux-x64-\d/);
  assert.match(hintOf(place("package", "refused", "/a"), place("addon", "absent")).en, /^replace it by .*npm install/);
  assert.match(hintOf(absent, place("loader", "failed", "/a")).en, "nvidia-smi");
  assert.match(hintOf(place("BELLE_CUDA_LIB", "refused", "/a")).en, "unset BELLE_CUDA_LIB");
  assert.match(hintOf(absent).zh, "npm install");
});

test("a row names the file once, with the reason", () => {
  assert.equal(placeRow(place("package", "absent", "", "it is not installed"), "en"), [
    "    npm package",
    "it is not installed",
  ]);
  assert.is(placeRow(place("addon", "absent", "/a/x.so", "no file"), "zh")[1], "/a/x.so: no file");
  assert.is(placeRow(place("addon", "refused", "/a/x.so", "/a/x.so does not fit"), "en")[1], "/a/x.so does not fit");
  assert.is(placeRow(place("toolkit", "used", "/a/x.so"), "en")[1], "/a/x.so (in use)");
});

test.run();
