// One folder of unpacked text, written by several processes at a time or cut off while it is written.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import * as assert from "uvu/assert";
import { spoolCorpus } from "../../ts/tokenizer/corpus_spool.ts";
import { withFolder } from "../support/folder.ts";
import { fails } from "../support/thrown.ts";
import { suite } from "../support/uvu.ts";

const test = suite("corpus spool folder");

const lines = ["the cat sat on the mat", "the dog sat on the log", "今天天气很好", "学校的天气也很好"];
const text = `${lines.join("\n")}\n`;
const none = { folder: undefined, signal: undefined, onProgress: undefined };

test("two at a time in one folder do not write into each other's text", async () => {
  await withFolder(async (folder) => {
    const options = { ...none, folder };
    async function* interrupted() {
      yield "x".repeat(1 << 19);
      await spoolCorpus([lines], options);
      yield "y";
    }
    await fails(() => spoolCorpus([interrupted()], options), "ERR_BELLE_BUSY", /Another process writes text in/);
    assert.is(readFileSync((await spoolCorpus([lines], options)).files[0]!, "utf8"), text);
    assert.equal(readdirSync(folder).sort(), ["corpus-0.txt", "corpus-0.txt.source"]);
  });
});

test("one that fails leaves the text that another is writing", async () => {
  await withFolder(async (folder) => {
    const options = { ...none, folder };
    let go = () => {};
    const gate = new Promise<void>((done) => {
      go = done;
    });
    let second: Promise<unknown> = Promise.resolve();
    const mine = new Error("mine");
    async function* failing() {
      yield "x".repeat(1 << 19);
      await new Promise<void>((begun) => {
        async function* slow() {
          yield "y".repeat(1 << 19);
          begun();
          await gate;
          yield "end";
        }
        second = spoolCorpus([slow()], options);
      });
      throw mine;
    }
    let seen: unknown;
    await spoolCorpus([failing()], options).catch((error: unknown) => {
      seen = error;
    });
    assert.is(seen, mine);
    go();
    await second;
    assert.is(readFileSync(join(folder, "corpus-0.txt"), "utf8"), `${"y".repeat(1 << 19)}\nend\n`);
    assert.equal(readdirSync(folder).sort(), ["corpus-0.txt", "corpus-0.txt.source"]);
  });
});

test("text of another that comes in between is not taken for ours", async () => {
  await withFolder(async (folder) => {
    const real = { open: fs.open, rename: fs.rename };
    const options = (name: string) => ({ ...none, folder: join(folder, name) });
    try {
      // Another removes ours and begins its own, just before ours is moved into place.
      Object.assign(fs, {
        async rename(from: string, to: string) {
          if (from.endsWith(".part")) {
            await fs.rm(from);
            writeFileSync(from, "other\n");
          }
          return real.rename(from, to);
        },
      });
      syncBuiltinESMExports();
      await fails(() => spoolCorpus([lines], options("a")), "ERR_BELLE_BUSY", /Another process writes text in/);
      assert.equal(readdirSync(join(folder, "a")), ["corpus-0.txt"]);
      // Another is faster to begin.
      Object.assign(fs, {
        async open(path: string, ...rest: [string]) {
          if (path.endsWith(".part")) writeFileSync(path, "other\n");
          return real.open(path, ...rest);
        },
        rename: real.rename,
      });
      syncBuiltinESMExports();
      await fails(() => spoolCorpus([lines], options("b")), "ERR_BELLE_BUSY", /Another process writes text in/);
      assert.is(readFileSync(join(folder, "b", "corpus-0.txt.part"), "utf8"), "other\n");
    } finally {
      Object.assign(fs, real);
      syncBuiltinESMExports();
    }
    assert.is(readFileSync((await spoolCorpus([lines], options("a"))).files[0]!, "utf8"), text);
  });
});

test("wherever the writing is cut, the next call has the text of its source", async () => {
  const names = ["open", "readFile", "rename", "rm", "stat"] as const;
  const real = { ...fs };
  let left = Number.POSITIVE_INFINITY;
  const cutAt = (call: number) => {
    left = call;
    for (const name of names) {
      Object.assign(fs, {
        [name]: (...args: unknown[]) => {
          if (--left < 0) return Promise.reject(Object.assign(new Error("cut"), { code: "EIO" }));
          return (real[name] as (...all: unknown[]) => unknown)(...args);
        },
      });
    }
    syncBuiltinESMExports();
  };
  const mend = () => {
    Object.assign(fs, real);
    syncBuiltinESMExports();
  };
  await withFolder(async (folder) => {
    const gz = join(folder, "a.gz");
    const other = text.replaceAll("cat", "cow");
    let cuts = 0;
    for (let call = 0; ; call++) {
      const options = { ...none, folder: join(folder, `work-${call}`) };
      writeFileSync(gz, gzipSync(text));
      await spoolCorpus([gz], options);
      writeFileSync(gz, gzipSync(other));
      cutAt(call);
      const whole = await spoolCorpus([gz], options).then(
        () => left >= 0,
        () => false,
      );
      mend();
      const { files } = await spoolCorpus([gz], options);
      assert.is(readFileSync(files[0]!, "utf8"), other, `cut at call ${call}`);
      if (whole) break;
      cuts++;
    }
    assert.ok(cuts >= 5, `${cuts} cuts`);
  }).finally(mend);
});

test.run();
