// scripts/package-cuda.mjs: what it packs, and the sentence for each library that it refuses.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { binding } from "../../ts/native/load.ts";
import { buildFakeCuda, packageCuda } from "../support/fake_cuda.ts";
import { temporaryFolder } from "../support/folder.ts";
import { root } from "../support/paths.ts";

const test = suite("package_cuda");
const state = { folder: "", good: Buffer.alloc(0) };

test.before(() => {
  state.folder = temporaryFolder();
  state.good = readFileSync(buildFakeCuda(join(state.folder, "libbelle_cuda.so")));
});
test.after(() => rmSync(state.folder, { recursive: true, force: true }));

const { checkLibrary } = (await import(join(root, "scripts/package_cuda/checks.mjs"))) as {
  checkLibrary(bytes: Buffer, root: string): { problems: string[]; targets: string[] };
};

/** What the script says of these bytes, without the path. */
function refusal(bytes: Buffer): string {
  const { problems } = checkLibrary(bytes, root);
  assert.ok(problems.length > 0, "it is refused");
  return problems.join("\n");
}

/** The bytes with every `from` replaced by a `to` of the same length. */
function patched(from: string, to: string): Buffer {
  const bytes = Buffer.from(state.good);
  assert.is(from.length, to.length);
  assert.ok(bytes.includes(from), `the library holds ${from}`);
  for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from, at + 1)) bytes.write(to, at, "latin1");
  return bytes;
}

function withByte(offset: number, value: number): Buffer {
  const bytes = Buffer.from(state.good);
  bytes[offset] = value;
  return bytes;
}

test("packs the library, a manifest for this platform, the licence and a readme", () => {
  const { code, out, err } = packageCuda(join(state.folder, "libbelle_cuda.so"), state.folder);
  assert.is(code, 0, err);
  const file = join(state.folder, "belle-train-cuda-linux-x64-0.1.0.tgz");
  assert.ok(out.startsWith(`${file}: 0.0 MB, compute_80 sm_80 sm_90a\nnpm install ${file}`), out);
  const entries = execFileSync("tar", ["tf", file], { encoding: "utf8" }).trim().split("\n").sort();
  assert.equal(
    entries,
    ["LICENSE", "README.md", "libbelle_cuda.so", "package.json"].map((name) => `package/${name}`),
  );
  const manifest = JSON.parse(
    execFileSync("tar", ["xOf", file, "package/package.json"], { encoding: "utf8" }),
  ) as Record<string, unknown>;
  assert.equal([manifest.os, manifest.cpu, manifest.libc], [["linux"], ["x64"], ["glibc"]]);
  assert.is(manifest.scripts, undefined);
  const packed = execFileSync("tar", ["xOf", file, "package/libbelle_cuda.so"], { maxBuffer: 1 << 26 });
  assert.ok(packed.equals(state.good), "the library is packed as it is");
});

test("refuses what is no whole x86-64 library", () => {
  assert.is(refusal(Buffer.from("<html>not found</html>")), "is no shared library (not ELF)");
  const half = state.good.length >> 1;
  assert.is(
    refusal(state.good.subarray(0, half)),
    `is cut off after ${half} bytes; copy or build it again`,
    "the table of sections is at the end",
  );
  assert.is(refusal(withByte(18, 183)), "is built for aarch64; the package is for x86-64");
  assert.is(refusal(withByte(4, 1)), "is not 64-bit little-endian; build it on x86-64");
  assert.is(refusal(withByte(16, 2)), "is an ELF file, but no shared library");
});

test("refuses what would not load on a user's computer", () => {
  assert.is(
    refusal(patched("libc.so.6", "libx.so.6")),
    "needs libx.so.6, which a user may lack: link it statically, or load it at run time",
  );
  assert.is(
    refusal(patched("GLIBC_2.2.5", "GLIBC_2.399")),
    "needs glibc 2.399, the main package 2.35 at most: build it on an older system",
  );
  assert.is(
    refusal(Buffer.concat([state.good, Buffer.alloc(25e6)])),
    "is 25.0 MB, the limit is 25 MB: build it as Release, without -G and -lineinfo",
  );
});

test("refuses another ABI, other exports and missing GPU code", () => {
  const variant = (define: string) => refusal(readFileSync(buildFakeCuda(join(state.folder, "variant.so"), [define])));
  const abi = binding().backendAbi;
  assert.is(variant("FAKE_OLD"), `has backend ABI 0, the addon has ${abi}: build both from the same release`);
  assert.is(
    variant("FAKE_EMPTY"),
    "does not export belle_backend_open, belle_backend_close, belle_backend_abi: " +
      "build it from cuda/ of this release (docs/cuda.md)",
  );
  assert.is(variant("STRAY"), "exports stray_symbol: link it with cmake/cuda_exports.map");
  assert.is(
    variant("NO_90A"),
    "has no sm_90a code in 1 of its 2 parts: build it with the architectures of CMakeLists.txt",
  );
  assert.is(
    refusal(patched(".nv_fatbin", ".other_bin")),
    "holds no GPU code (no .nv_fatbin): build it with -DBELLE_CUDA=ON",
  );
  const damaged = Buffer.from(state.good);
  damaged[damaged.indexOf(Buffer.from("50ed55ba", "hex")) + 1] = 0;
  assert.is(refusal(damaged), "has a damaged .nv_fatbin section, or one of a CUDA version this program does not know");
});

test("no cut and no flipped byte of the headers crashes it", () => {
  let refused = 0;
  for (let cut = 0; cut < state.good.length; cut += 101) refusal(state.good.subarray(0, cut));
  const tables = Number(state.good.readBigUInt64LE(40));
  const places = [...Array(64).keys(), ...Array.from({ length: state.good.length - tables }, (_, i) => tables + i)];
  for (const at of places) {
    const { problems } = checkLibrary(withByte(at, state.good[at]! ^ 0xff), root);
    for (const problem of problems) assert.match(problem, /^(is|has|does not|needs|holds|exports) /);
    if (problems.length > 0) refused++;
  }
  assert.ok(refused > places.length / 4, `${refused} of ${places.length}`);
});

test("the program names the file it refuses, packs nothing and exits with 1", () => {
  const file = join(state.folder, "cut.so");
  writeFileSync(file, state.good.subarray(0, 1000));
  const out = join(state.folder, "refused");
  assert.equal(packageCuda(file, out), {
    code: 1,
    out: "",
    err: `${file} is cut off after 1000 bytes; copy or build it again\n`,
  });
  assert.not.ok(existsSync(out));
  assert.match(packageCuda(join(state.folder, "nowhere.so"), out).err, "nowhere.so cannot be read: ENOENT");
});

test.run();
