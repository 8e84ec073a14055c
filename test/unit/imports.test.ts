// The house plan: who may import whom (ARCHITECTURE.md). Checked over #include and import lines.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { root } from "../support/paths.ts";

const test = suite("imports");

const nativeRooms: Record<string, readonly string[]> = {
  include: [],
  core: ["include"],
  abi: ["core", "include"],
  ops: ["core"],
  backend: ["ops", "abi", "core", "include"],
  io: ["core"],
  tokenizer: ["core"],
  model: ["backend", "io", "core"],
  train: ["model", "io", "core"],
  infer: ["model", "core"],
  dist: ["backend", "core", "include"],
  bench: ["backend", "core", "include"],
  addon: ["include", "core", "abi", "ops", "backend", "io", "tokenizer", "model", "train", "infer", "bench"],
};

// Folders of cuda/; "" is what lies at its top (context.h, entries.h), which every folder of ops stands on.
const cudaFolders: Record<string, readonly string[]> = {
  "": ["device", "graph", "gemm", "collective"],
  device: [],
  graph: [],
  library: [],
  ops: ["", "device"],
  attention: ["", "device"],
  gemm: ["", "device", "library"],
  loss: ["", "device", "gemm"],
  collective: ["", "library"],
};

const tsRooms: Record<string, readonly string[]> = {
  native: [],
  config: ["native"],
  tokenizer: ["native", "config"],
  data: ["native", "config", "tokenizer"],
  metrics: ["native", "config"],
  model: ["native", "config", "tokenizer"],
  train: ["native", "config", "data", "tokenizer", "model", "metrics"],
  judge: ["native", "config"],
  eval: ["native", "config", "judge", "model", "tokenizer", "data"],
  report: ["native", "config", "eval", "metrics"],
  recipes: ["native", "config", "tokenizer", "data", "metrics", "model", "train", "judge", "eval", "report"],
  cli: ["native", "config", "tokenizer", "data", "metrics", "model", "train", "judge", "eval", "report", "recipes"],
};

function tracked(pattern: RegExp, ...folders: string[]): string[] {
  return execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", ...folders], {
    cwd: root,
    encoding: "utf8",
  })
    .split("\n")
    .filter((file) => pattern.test(file) && existsSync(join(root, file)));
}

test("folders of cuda/ include only what the plan allows", () => {
  const folderOf = (path: string) => (path.includes("/") ? path.slice(0, path.indexOf("/")) : "");
  const wrong: string[] = [];
  for (const file of tracked(/\.(h|cuh|cpp|cu)$/, "cuda")) {
    const folder = folderOf(file.slice("cuda/".length));
    const allowed = cudaFolders[folder];
    assert.ok(allowed, `${file} is in a folder the plan does not name`);
    for (const [, target] of readFileSync(join(root, file), "utf8").matchAll(/^\s*#include "cuda\/([^"]+)"/gm))
      if (folderOf(target!) !== folder && !allowed.includes(folderOf(target!)))
        wrong.push(`${file} includes ${target}`);
  }
  assert.equal(wrong, []);
});

test("native rooms include only what the plan allows", () => {
  const wrong: string[] = [];
  for (const file of tracked(/\.(h|cpp|inc)$/, "native")) {
    const room = file.split("/")[1]!;
    const allowed = nativeRooms[room];
    assert.ok(allowed, `${file} is in a room the plan does not name`);
    for (const [, target] of readFileSync(join(root, file), "utf8").matchAll(/^\s*#include "native\/([a-z]+)\//gm))
      if (target !== room && !allowed.includes(target!)) wrong.push(`${file} includes native/${target}`);
  }
  assert.equal(wrong, []);
});

test("folders of native/tokenizer include downwards; load_tokenizer.cpp alone knows every kind", () => {
  // "" is what stands at the top of the room: models and encoding.
  const folders: Record<string, readonly string[]> = {
    unicode: [],
    "": ["unicode"],
    train: ["", "unicode"],
    merge: ["", "unicode"],
    json: ["", "unicode"],
    export: ["", "json"],
  };
  const folderOf = (path: string) => path.split("/").slice(2, -1).join("/");
  const wrong: string[] = [];
  for (const file of tracked(/\.(h|cpp|inc)$/, "native/tokenizer")) {
    if (file === "native/tokenizer/load_tokenizer.cpp") continue;
    const folder = folderOf(file);
    const allowed = folders[folder];
    assert.ok(allowed, `${file} is in a folder the plan does not name`);
    for (const [, target] of readFileSync(join(root, file), "utf8").matchAll(
      /^\s*#include "(native\/tokenizer\/[^"]+)"/gm,
    ))
      if (folderOf(target!) !== folder && !allowed.includes(folderOf(target!)))
        wrong.push(`${file} includes ${target}`);
  }
  assert.equal(wrong, []);
});

test("the CUDA backend includes its own rooms and what every backend shares", () => {
  const wrong: string[] = [];
  for (const file of tracked(/\.(h|cpp|cu|cuh)$/, "cuda"))
    for (const [, target] of readFileSync(join(root, file), "utf8").matchAll(/^\s*#include "([^"]+)"/gm))
      if (!/^(cuda|native\/(abi|core|include))\//.test(target!)) wrong.push(`${file} includes ${target}`);
  assert.equal(wrong, []);
});

test("native includes are written from the root", () => {
  const wrong: string[] = [];
  for (const file of tracked(/\.(h|cpp)$/, "native"))
    for (const [, target] of readFileSync(join(root, file), "utf8").matchAll(/^\s*#include "([^"]+)"/gm))
      if (!target!.startsWith("native/")) wrong.push(`${file} includes "${target}"`);
  assert.equal(wrong, []);
});

test("TypeScript rooms import only what the plan allows; nothing imports cli", () => {
  const wrong: string[] = [];
  for (const file of tracked(/\.ts$/, "ts")) {
    const parts = file.split("/");
    const room = parts.length > 2 ? parts[1]! : undefined;
    const allowed = room === undefined ? Object.keys(tsRooms).filter((name) => name !== "cli") : tsRooms[room];
    assert.ok(allowed, `${file} is in a room the plan does not name`);
    const text = readFileSync(join(root, file), "utf8");
    for (const match of text.matchAll(/(?:from|import)\s*\(?\s*"(\.{1,2}\/[^"]+)"/g)) {
      const target = normalize(join(dirname(file), match[1]!)).split("/");
      if (target[0] !== "ts") continue;
      if (target.length === 2) {
        if (room !== undefined && room !== "cli") wrong.push(`${file} imports ${target.join("/")}`);
        continue;
      }
      if (target[1] !== room && !allowed.includes(target[1]!)) wrong.push(`${file} imports ts/${target[1]}`);
    }
  }
  assert.equal(wrong, []);
});

test("only ts/native says any; only ts/cli touches the console or ends the process", () => {
  const wrong: string[] = [];
  for (const file of tracked(/\.ts$/, "ts")) {
    const text = readFileSync(join(root, file), "utf8");
    if (!file.startsWith("ts/native/") && /(:\s*any\b|\bas any\b|<any>)/.test(text)) wrong.push(`${file} says any`);
    if (!file.startsWith("ts/cli/") && /\b(console\.|process\.exit\()/.test(text))
      wrong.push(`${file} uses console or process.exit`);
  }
  assert.equal(wrong, []);
});

test("files stay readable: 400 lines, kernels 600", () => {
  const wrong: string[] = [];
  for (const file of tracked(/\.(h|cpp|cu|cuh|ts|mjs|cjs)$/, "native", "cuda", "ts", "test", "bench", "scripts")) {
    const text = readFileSync(join(root, file), "utf8");
    if (text.startsWith("// Generated by scripts/")) continue;
    const lines = text.split("\n").length - 1;
    const limit = /^(native\/ops|cuda)\//.test(file) ? 600 : 400;
    if (lines > limit) wrong.push(`${file}: ${lines} lines`);
  }
  assert.equal(wrong, []);
});

test.run();
