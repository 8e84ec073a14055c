// The addon's edge: versions, argument checks, files and shards, the error class and its codes, the loader's message.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { BelleError, errorCodes } from "../../ts/index.ts";
import { fromNative, native, nativeAsync } from "../../ts/native/errors.ts";
import { binding, bindingPath } from "../../ts/native/load.ts";
import { withFolder } from "../support/folder.ts";
import { root } from "../support/paths.ts";
import { fails } from "../support/thrown.ts";

const test = suite("native");

test("versions: the addon is of this package and names its compiler and instruction set", () => {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  assert.is(binding().version, manifest.version);
  assert.match(binding().compiler, /^(gcc|clang) \d+/);
  assert.ok(["avx512bf16", "avx512", "avx2", "baseline"].includes(binding().cpu().isa));
  assert.ok(binding().cpu().threads >= 1);
  assert.ok(existsSync(bindingPath()));
});

test("backends: cpu is always there; one that is not says why", () => {
  const list = binding().backends();
  const cpu = list.find((backend) => backend.name === "cpu");
  assert.is(cpu?.available, true);
  for (const backend of list) if (!backend.available) assert.ok(backend.reason.length > 10, backend.name);
});

test("error codes: every code has one sentence; a native code becomes a BelleError", () => {
  for (const [code, meaning] of Object.entries(errorCodes)) {
    assert.match(code, /^ERR_BELLE_[A-Z_]+$/);
    assert.match(meaning, /\.$|native build$/);
  }
  assert.is(new Set(Object.values(errorCodes)).size, Object.keys(errorCodes).length);
  const raw = Object.assign(new Error("broken"), { code: "ERR_BELLE_IO", details: { path: "x" } });
  const mapped = fromNative(raw);
  assert.instance(mapped, BelleError);
  assert.equal([(mapped as BelleError).code, (mapped as BelleError).details], ["ERR_BELLE_IO", { path: "x" }]);
  const foreign = Object.assign(new Error("other"), { code: "ENOENT" });
  assert.is(fromNative(foreign), foreign);
  assert.is(fromNative("text"), "text");
});

test("BelleError: carries code, details and cause", () => {
  const cause = new Error("why");
  const error = new BelleError("ERR_BELLE_CONFIG", "bad", { details: { line: 3 }, cause });
  assert.instance(error, Error);
  assert.equal(
    [error.name, error.code, error.message, error.details],
    ["BelleError", "ERR_BELLE_CONFIG", "bad", { line: 3 }],
  );
  assert.is(error.cause, cause);
  assert.not(Object.hasOwn(new BelleError("ERR_BELLE_IO", "bad"), "cause"));
});

test("loader: the message names what was looked for and the command that builds it", async () => {
  await withFolder(async (folder) => {
    const script = `import { binding } from ${JSON.stringify(join(root, "ts/native/load.ts"))};
      try { binding(); } catch (error) { console.log(error.code + " " + error.message); }`;
    const run = (prebuild: string) =>
      execFileSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
        cwd: root,
        env: { ...process.env, BELLE_TRAIN_PREBUILD: prebuild, PREBUILDS_ONLY: "1" },
        encoding: "utf8",
      });
    // Only prebuilds, of which a checkout has none, unless one was made here.
    if (!existsSync(join(root, "prebuilds"))) {
      assert.match(
        run(folder),
        /^ERR_BELLE_NATIVE_LOAD No native addon for \w+-\w+ \((glibc|musl), Node .*looked for build\/Release\/\*\.node.*npx belle-train native build/,
      );
    }
    const name = `${process.platform}-${process.arch}`;
    mkdirSync(join(folder, "prebuilds", name), { recursive: true });
    writeFileSync(join(folder, "prebuilds", name, "belle.node"), "not a library");
    assert.match(
      run(folder),
      /^ERR_BELLE_NATIVE_LOAD The native addon .*belle\.node cannot be loaded: .*npx belle-train native build/,
    );
  });
});

test("classes: not made by new, not called on other objects, not confused with each other", async () => {
  const stop = binding().createStop();
  const folder = "/nowhere";
  await fails(
    () =>
      nativeAsync(() =>
        binding().trainBpe({ files: [], sentences: ["a"], threads: 1, options: {} }, {} as never, undefined),
      ),
    "ERR_BELLE_INVALID_ARGUMENT",
    /stop must be an object of createStop\(\), not an object/,
  );
  const texts = { protectedText: [], targetText: [], maxLines: 0 };
  await fails(
    () => nativeAsync(() => binding().mergeVocabulary(stop as never, stop as never, "safe", texts, stop, undefined)),
    "ERR_BELLE_INVALID_ARGUMENT",
    /base must be a NativeTokenizer/,
  );
  await withFolder(async (place) => {
    const writer = binding().createShardWriter(join(place, "shards"), { wide: false, maxShardTokens: 100 });
    const Writer = writer.constructor as new () => unknown;
    await fails(() => native(() => new Writer()), "ERR_BELLE_INVALID_ARGUMENT", /not by new/);
    assert.throws(() => writer.abort.call(stop as never), /Illegal invocation/);
    writer.abort();
  });
  await fails(() => native(() => binding().openShards(folder, true)), "ERR_BELLE_NOT_FOUND", /nowhere/);
});

test("arguments: messages name the argument, what it must be and what it is", async () => {
  const call = (body: () => unknown, message: RegExp) =>
    fails(() => native(body), "ERR_BELLE_INVALID_ARGUMENT", message);
  assert.instance(
    binding()
      .loadTokenizer("nowhere")
      .catch(() => {}),
    Promise,
    "files are read on another thread",
  );
  await call(() => binding().loadTokenizer(3 as never), /^path must be a string, not 3\.$/);
  await call(() => binding().loadTokenizer(""), /^path is empty/);
  await call(() => binding().loadTokenizer("a\0b"), /^path holds a NUL character\.$/);
  await call(
    () => binding().parseTokenizer(new Int8Array(3) as never),
    /^bytes must be a Uint8Array, not an Int8Array\.$/,
  );
  await call(() => binding().loadModel("x", undefined as never), /^options must be an object, not undefined\.$/);
  await call(
    () => binding().loadModel("x", { backend: "cpu", threads: 1.5, dtype: "float32" }),
    /^options\.threads must be an integer from 0 to 1024, not 1\.5\.$/,
  );
  await call(
    () => binding().createModel("{}", -1, { backend: "cpu", threads: 0, dtype: "float32" }),
    /^seed must be an integer of at least 0, not -1\.$/,
  );
  await call(
    () =>
      binding().trainBpe(
        { files: [1 as never], sentences: [], threads: 0, options: {} },
        binding().createStop(),
        undefined,
      ),
    /^options\.files\[0\] must be a string, not 1\.$/,
  );
  await call(
    () =>
      binding().trainBpe(
        { files: [], sentences: [], threads: 0, options: { vocabsize: 3 } },
        binding().createStop(),
        undefined,
      ),
    /^options\.vocabsize is not a training option/,
  );
});

test("files: written whole, verified by their manifest", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "note.txt");
    await binding().writeFile(path, "你好\n");
    assert.is(readFileSync(path, "utf8"), "你好\n");
    assert.equal(readdirSync(folder), ["note.txt"], "no temporary file is left");
    assert.ok(binding().freeSpace(folder) > 0);
    await fails(() => nativeAsync(() => binding().verifyManifest(folder)), "ERR_BELLE_NOT_FOUND", /MANIFEST\.json/);
    await fails(
      () => nativeAsync(() => binding().writeFile(join(folder, "no/where.txt"), "x")),
      "ERR_BELLE_NOT_FOUND",
      /no\/where\.txt/,
    );
  });
});

const samples = [
  { ids: Int32Array.of(1, 5, 6, 2), mask: Uint8Array.of(0, 0, 1, 1) },
  { ids: Int32Array.of(1, 9, 2), mask: Uint8Array.of(0, 1, 1) },
];
const manifest = JSON.stringify({
  schema: "belle-train/tokens/1",
  samples: 2,
  packs: 1,
  tokens: 7,
  supervised_tokens: 4,
  max_length: 8,
  max_token_id: 9,
  vocab_size: 16,
});

test("shards: written, committed at once, read back with labels", async () => {
  await withFolder(async (place) => {
    const folder = join(place, "shards");
    const writer = binding().createShardWriter(folder, { wide: false, maxShardTokens: 100 });
    writer.addPack(samples);
    assert.not(existsSync(folder), "nothing appears before commit");
    await writer.commit(manifest);
    const info = binding().openShards(folder, true);
    assert.equal([info.samples, info.packs, info.tokens, info.supervisedTokens], [2, 1, 7, 4]);
    assert.match(info.fingerprint, /^[0-9a-f]{64}$/);
    const second = binding().readShardSample(folder, 1);
    assert.equal([...second.inputIds], [1, 9, 2]);
    assert.equal([...second.labels], [-100, 9, 2]);
    await fails(
      () => native(() => binding().readShardSample(folder, 2)),
      "ERR_BELLE_INVALID_ARGUMENT",
      /sample 2 does not exist; the folder holds 2, counted from 0/,
    );
    await fails(() => native(() => writer.addPack(samples)), "ERR_BELLE_DISPOSED", /committed or aborted/);
  });
});

test("shards: abort leaves nothing; a bad sample adds nothing of its pack", async () => {
  await withFolder(async (place) => {
    const folder = join(place, "shards");
    const writer = binding().createShardWriter(folder, { wide: false, maxShardTokens: 100 });
    const bad = { ids: Int32Array.of(1, 2), mask: Uint8Array.of(1) };
    await fails(
      () => native(() => writer.addPack([samples[0]!, bad])),
      "ERR_BELLE_INVALID_ARGUMENT",
      /samples\[1\] has 2 ids but 1 mask bytes/,
    );
    await fails(() => native(() => writer.addPack([])), "ERR_BELLE_INVALID_ARGUMENT", /at least one sample/);
    writer.addPack(samples);
    writer.abort();
    // The writer's memory may be held until the next collection; its files may not.
    assert.equal(readdirSync(place), []);
  });
});

test.run();
