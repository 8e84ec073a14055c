// The tarball a user gets: packed, installed without scripts into an empty folder, and run from there.
// Runs alone: it moves the built addon away and back.
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { buildFakeCuda, packageCuda } from "../support/fake_cuda.ts";
import { temporaryFolder } from "../support/folder.ts";
import { root } from "../support/paths.ts";

const test = suite("pack");

interface PackedFile {
  path: string;
  size: number;
}
interface Packed {
  filename: string;
  size: number;
  unpackedSize: number;
  files: PackedFile[];
}

const state: { folder: string; packed: Packed | undefined } = { folder: "", packed: undefined };

/** Runs a program and returns its stdout; its stderr is part of the error. */
function run(command: string, args: string[], cwd: string, env: NodeJS.ProcessEnv = {}): string {
  return execFileSync(command, args, {
    cwd,
    encoding: "utf8",
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 1 << 26,
  });
}

test.before(() => {
  state.folder = temporaryFolder();
  const release = join(root, "build/Release");
  run("npm", ["run", "--silent", "prebuild"], root);
  const prebuilds = join(root, "prebuilds/linux-x64");
  try {
    const listing = run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", state.folder], root);
    state.packed = (JSON.parse(listing) as Packed[])[0];
  } finally {
    // prebuildify moved the addon out of build/Release; development goes on with it there.
    mkdirSync(release, { recursive: true });
    for (const name of readdirSync(prebuilds)) copyFileSync(join(prebuilds, name), join(release, "belle.node"));
    rmSync(join(root, "prebuilds"), { recursive: true });
  }
});

test.after(() => rmSync(state.folder, { recursive: true, force: true }));

test("holds what is needed and nothing else", () => {
  const paths = state.packed!.files.map((file) => file.path);
  const addons = paths.filter((path) => path.endsWith(".node"));
  assert.equal(addons, ["prebuilds/linux-x64/belle.glibc.node"]);
  for (const needed of [
    "dist/index.js",
    "dist/index.d.ts",
    "dist/cli/main.js",
    "dist/bench/gemm.js",
    "dist/bench/peers/sdpa.py",
    "CMakeLists.txt",
    "LICENSE",
    "README.md",
    "assets/quickstart/corpus.txt",
  ]) {
    assert.ok(paths.includes(needed), `${needed} is in the tarball`);
  }
  const strays = paths.filter((path) =>
    /^(test|bench|docs|build|node_modules)\/|binding\.gyp|\.so(\.|$)|\.test\./.test(path),
  );
  assert.equal(strays, []);
});

test("stays small: 12 MB unpacked, 6 MB packed", () => {
  assert.ok(state.packed!.unpackedSize < 12e6, `unpacked ${state.packed!.unpackedSize}`);
  assert.ok(state.packed!.size < 6e6, `packed ${state.packed!.size}`);
});

test("has no install script", () => {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
    gypfile: boolean;
  };
  for (const name of ["preinstall", "install", "postinstall"]) assert.is(manifest.scripts[name], undefined);
  assert.is(manifest.gypfile, false);
});

test("installs without scripts; library and CLI run from it", () => {
  const home = join(state.folder, "user");
  mkdirSync(home);
  writeFileSync(join(home, "package.json"), `{"name":"user","private":true}\n`);
  run(
    "npm",
    ["install", "--prefer-offline", "--ignore-scripts", "--no-audit", join(state.folder, state.packed!.filename)],
    home,
  );
  const env = { PREBUILDS_ONLY: "1" };
  const version = (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string }).version;
  assert.is(run("npx", ["--offline", "belle-train", "--version"], home, env).trim(), version);
  const doctor = JSON.parse(run("npx", ["--offline", "belle-train", "doctor", "--json"], home, env)) as Record<
    string,
    unknown
  >;
  assert.ok(JSON.stringify(doctor).includes("belle.glibc.node"));
  const names = "Tokenizer,trainBpe,mergeVocabulary,Model,Trainer";
  const imported = run(
    "node",
    [
      "--input-type=module",
      "-e",
      `import * as b from "belle-train"; console.log("${names}".split(",").every((n) => n in b))`,
    ],
    home,
    env,
  );
  assert.is(imported.trim(), "true");
  const required = run("node", ["-e", `console.log(typeof require("belle-train").Tokenizer.load)`], home, env);
  assert.is(required.trim(), "function");
  assert.not.ok(existsSync(join(home, "node_modules/belle-train/binding.gyp")));
});

test("the addon needs glibc 2.35 at most, exports two symbols and links no CUDA or libstdc++", () => {
  const addon = join(state.folder, "user/node_modules/belle-train/prebuilds/linux-x64/belle.glibc.node");
  const symbols = run("objdump", ["-T", addon], root);
  const floors = [...symbols.matchAll(/GLIBC_2\.(\d+)/g)].map((match) => Number(match[1]));
  assert.ok(Math.max(...floors) <= 35, `needs GLIBC_2.${Math.max(...floors)}`);
  const exported = symbols
    .split("\n")
    .filter((line) => / g +DF \.text/.test(line))
    .map((line) => line.trim().split(/\s+/).at(-1));
  assert.equal(exported.sort(), ["napi_register_module_v1", "node_api_module_get_api_version_v1"]);
  const needed = [...run("objdump", ["-p", addon], root).matchAll(/NEEDED\s+(\S+)/g)].map((match) => match[1]!);
  assert.equal(
    needed.filter((name) => /cuda|cublas|nccl|stdc\+\+/.test(name)),
    [],
  );
});

interface CudaCheck {
  id: string;
  value: string;
  absent?: boolean;
  hint?: string;
  places: Array<{ kind: string; path: string; state: string; reason: string }>;
}

/** What the installed program says of its CUDA backend. */
function cudaCheck(home: string): CudaCheck {
  const env = { PREBUILDS_ONLY: "1", BELLE_CUDA_LIB: "" };
  const output = run("npx", ["--offline", "belle-train", "doctor", "--json"], home, env);
  return (JSON.parse(output) as { checks: CudaCheck[] }).checks.find(({ id }) => id === "backend-cuda")!;
}

const install = (home: string, ...what: string[]) =>
  run("npm", ["install", "--prefer-offline", "--ignore-scripts", "--no-audit", ...what], home);

test("the package of the CUDA backend is found once it is installed, and refused with the next command when it does not fit", () => {
  const home = join(state.folder, "user");
  const { version, peerDependenciesMeta } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    version: string;
    peerDependenciesMeta: Record<string, { optional: boolean }>;
  };
  const name = "belle-train-cuda-linux-x64";
  assert.equal(peerDependenciesMeta, { [name]: { optional: true } });
  const without = cudaCheck(home);
  assert.is(without.absent, true);
  assert.is(without.places.find(({ kind }) => kind === "package")?.reason, `${name} is not installed`);
  assert.ok(without.hint?.includes(`npm install ./${name}-${version}.tgz`), without.hint);

  const good = buildFakeCuda(join(state.folder, "libbelle_cuda.so"));
  const packed = packageCuda(good, state.folder);
  assert.is(packed.code, 0, packed.err);
  install(home, join(state.folder, `${name}-${version}.tgz`));
  const library = join(home, "node_modules", name, "libbelle_cuda.so");
  const used = cudaCheck(home);
  assert.is(used.value, "usable: a device that does not exist");
  assert.equal(used.places.at(-1), { kind: "package", path: library, state: "used", reason: "" });

  const broken: Array<[Buffer, string]> = [
    [readFileSync(buildFakeCuda(join(state.folder, "old.so"), ["FAKE_OLD"])), "does not fit: its ABI version is 0, "],
    [
      readFileSync(good).subarray(0, 9000),
      "cannot be loaded (it is cut off after 9000 bytes; copy or install it again)",
    ],
  ];
  for (const [bytes, why] of broken) {
    writeFileSync(`${library}.new`, bytes);
    renameSync(`${library}.new`, library);
    const refused = cudaCheck(home);
    assert.ok(refused.value.startsWith(`${library} ${why}`), refused.value);
    assert.is(refused.places.find(({ kind }) => kind === "package")?.state, "refused");
    assert.is(refused.hint, `replace it by the one of this release: npm install ./${name}-${version}.tgz`);
  }
});

test("a CUDA package of another version hinders no installation: the ABI decides", () => {
  const other = join(state.folder, "other");
  mkdirSync(other);
  writeFileSync(join(other, "package.json"), `{"name":"belle-train-cuda-linux-x64","version":"9.9.9"}\n`);
  const tarball = (JSON.parse(run("npm", ["pack", "--json"], other)) as Packed[])[0]!.filename;
  install(join(state.folder, "user"), join(other, tarball));
  const check = cudaCheck(join(state.folder, "user"));
  assert.is(check.places.find(({ kind }) => kind === "package")?.reason, "there is no such file");
});

test.run();
