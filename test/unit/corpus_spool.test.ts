// Text for training from compressed files, standard input and iterators.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import * as assert from "uvu/assert";
import { trainBpe } from "../../ts/index.ts";
import { spoolCorpus } from "../../ts/tokenizer/corpus_spool.ts";
import { withFolder } from "../support/folder.ts";
import { fails } from "../support/thrown.ts";
import { suite } from "../support/uvu.ts";

const test = suite("corpus spool");

const lines = ["the cat sat on the mat", "the dog sat on the log", "今天天气很好", "学校的天气也很好"];
const text = `${lines.join("\n")}\n`;
// `text` as zstd 1.5 packs it.
const zst = Buffer.from(
  "KLUv/QRodQIA1AN0aGUgY2F0IHNhdCBvbiBtYXQKZG9nbG9nCuS7iuWkqeawlOW+iOWlvQrlrabmoKHnmoTkuZ/lvojlpb0KBQBzDkEHdJ08VowQa9YB/MGowA==",
  "base64",
);
const none = { folder: undefined, signal: undefined, onProgress: undefined };
const options = { vocab_size: 300, byte_fallback: true, character_coverage: 1, hard_vocab_limit: false } as const;

test("gz, iterators of both kinds and plain files train the same pieces as the lines themselves", async () => {
  await withFolder(async (folder) => {
    const plain = join(folder, "plain.txt");
    const gz = join(folder, "text.txt.gz");
    writeFileSync(plain, text);
    writeFileSync(gz, gzipSync(text));
    const expected = (await trainBpe({ sentences: lines, ...options })).pieces();
    async function* iterate() {
      for (const line of lines) yield line;
    }
    const inputs = [
      { files: [plain] },
      { files: [gz] },
      { sentences: iterate() },
      { sentences: new Set(lines) },
      { sentences: lines.values() },
    ];
    for (const input of inputs) assert.equal((await trainBpe({ ...input, ...options })).pieces(), expected);
  });
  // It would iterate, over its characters.
  const sentences = "the cat";
  await fails(() => trainBpe({ sentences }), "ERR_BELLE_INVALID_ARGUMENT", /array of strings, or iterate over strings/);
});

/** Makes the folder, where temporary ones are made while `body` runs. */
async function withTemporary(folder: string, body: (folder: string) => Promise<void>): Promise<void> {
  const before = process.env.TMPDIR;
  mkdirSync(folder);
  process.env.TMPDIR = folder;
  try {
    await body(folder);
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
}

/** What the spool makes of one input. */
async function spooled(input: Parameters<typeof spoolCorpus>[0][number]): Promise<string> {
  const corpus = await spoolCorpus([input], none);
  const content = readFileSync(corpus.files[0]!, "utf8");
  await corpus.dispose();
  assert.not.ok(existsSync(corpus.files[0]!));
  return content;
}

test("zst is unpacked, also several packed files in one, as is gz", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "text.zst");
    for (const copies of [1, 2]) {
      writeFileSync(file, Buffer.concat(Array.from({ length: copies }, () => zst)));
      assert.is(await spooled(file), text.repeat(copies));
    }
    writeFileSync(`${file}.gz`, Buffer.concat([gzipSync(text), gzipSync(text)]));
    assert.is(await spooled(`${file}.gz`), text.repeat(2));
  });
});

test("plain files are read where they are; a packed frequency table stays one", async () => {
  await withFolder(async (folder) => {
    const plain = join(folder, "a.txt");
    writeFileSync(plain, text);
    assert.equal((await spoolCorpus([plain], none)).files, [plain]);
    const table = join(folder, "a.tsv.gz");
    writeFileSync(table, gzipSync("word\t3\n"));
    const corpus = await spoolCorpus([plain, table], none);
    assert.is(corpus.files[0], plain);
    assert.match(corpus.files[1]!, /corpus-1\.tsv$/);
    await corpus.dispose();
    assert.ok(existsSync(plain));
  });
});

test("a kept folder is used again while its source is the same", async () => {
  await withFolder(async (folder) => {
    const gz = join(folder, "a.gz");
    const options = { ...none, folder: join(folder, "work") };
    writeFileSync(gz, gzipSync(text));
    const first = await spoolCorpus([gz], options);
    const { mtimeMs } = statSync(first.files[0]!);
    await first.dispose();
    const again = await spoolCorpus([gz], options);
    assert.equal([again.files, statSync(again.files[0]!).mtimeMs], [first.files, mtimeMs]);
    writeFileSync(gz, gzipSync("other\n"));
    assert.is(readFileSync((await spoolCorpus([gz], options)).files[0]!, "utf8"), "other\n");
  });
});

test("damaged and missing files, wrong items and a stop end with a sentence and leave nothing", async () => {
  await withFolder(async (folder) => {
    const work = join(folder, "work");
    const options = { ...none, folder: work };
    const file = (name: string, bytes: Buffer) => {
      writeFileSync(join(folder, name), bytes);
      return join(folder, name);
    };
    const damaged = /could not be unpacked \(.*\); it is damaged, cut off or no such file/;
    const packed = gzipSync(text);
    for (const bad of [
      file("empty.gz", Buffer.alloc(0)),
      file("empty.zst", Buffer.alloc(0)),
      file("cut.gz", packed.subarray(0, packed.length - 9)),
      file("no.gz", Buffer.from("plain text")),
      file("cut.zst", zst.subarray(0, zst.length - 12)),
      file("no.zst", Buffer.from("plain text, not packed at all")),
    ]) {
      await fails(() => spoolCorpus([bad], options), "ERR_BELLE_INVALID_DATA", damaged);
    }
    await fails(
      () => spoolCorpus([join(folder, "none.gz")], options),
      "ERR_BELLE_NOT_FOUND",
      /none\.gz cannot be read/,
    );
    async function* numbers() {
      yield 7 as unknown as string;
    }
    await fails(
      () => spoolCorpus([numbers()], options),
      "ERR_BELLE_INVALID_ARGUMENT",
      /sentences gave a number; every item must be a string/,
    );
    const controller = new AbortController();
    async function* endless() {
      for (let i = 0; ; i++) {
        if (i === 100) controller.abort();
        yield "again";
      }
    }
    await fails(
      () => spoolCorpus([endless()], { ...options, signal: controller.signal }),
      "ERR_BELLE_ABORTED",
      /Unpacking the corpus was stopped/,
    );
    assert.equal(readdirSync(work), []);
  });
});

test("an iterator or progress that throws: that very error, and nothing is left", async () => {
  await withFolder(async (folder) => {
    const gz = join(folder, "a.gz");
    writeFileSync(gz, gzipSync(text));
    const mine = new Error("mine");
    async function* failing() {
      yield "one";
      throw mine;
    }
    const failingAtOnce: Iterable<string> = {
      [Symbol.iterator]() {
        throw mine;
      },
    };
    const throws = () => {
      throw mine;
    };
    const work = join(folder, "work");
    for (const [input, onProgress] of [
      [failing(), undefined],
      [failingAtOnce, undefined],
      [gz, throws],
      [["a line"], throws],
    ] as const) {
      let seen: unknown;
      await spoolCorpus([input], { folder: work, signal: undefined, onProgress }).catch((error: unknown) => {
        seen = error;
      });
      assert.is(seen, mine);
      assert.equal(readdirSync(work), []);
    }
    // The temporary folder too, and what iterates is told to end.
    let ended = false;
    async function* lasting() {
      try {
        for (;;) yield "again";
      } finally {
        ended = true;
      }
    }
    await withTemporary(join(folder, "tmp"), async (temporary) => {
      let seen: unknown;
      await trainBpe({ sentences: lasting(), ...options, onProgress: throws }).catch((error: unknown) => {
        seen = error;
      });
      assert.is(seen, mine);
      assert.ok(ended);
      assert.equal(readdirSync(temporary), []);
      for (const wanted of ["unpack", "read", "merge", "done"]) {
        const onProgress = ({ phase }: { phase: string }) => {
          if (phase === wanted) throw mine;
        };
        seen = undefined;
        await trainBpe({ files: [gz], ...options, memoryLimit: 1 << 24, onProgress }).catch((error: unknown) => {
          seen = error;
        });
        assert.is(seen, mine, wanted);
        assert.equal(readdirSync(temporary), [], wanted);
      }
    });
  });
});

test("a temporary folder that cannot be removed does not cost the training", async () => {
  await withFolder(async (folder) => {
    const gz = join(folder, "a.gz");
    writeFileSync(gz, gzipSync(text));
    const rm = fs.rm;
    try {
      const refuse = (path: string, ...rest: unknown[]) =>
        path.includes("belle-corpus-") && !path.endsWith(".part") && !path.endsWith(".source")
          ? Promise.reject(Object.assign(new Error("busy"), { code: "EBUSY" }))
          : (rm as (...all: unknown[]) => unknown)(path, ...rest);
      Object.assign(fs, { rm: refuse });
      syncBuiltinESMExports();
      await withTemporary(join(folder, "tmp"), async () => {
        assert.is((await trainBpe({ files: [gz], ...options })).unkId, 0);
      });
    } finally {
      Object.assign(fs, { rm });
      syncBuiltinESMExports();
    }
  });
});

test("a stop ends the wait for an iterator that gives nothing", async () => {
  await withFolder(async (folder) => {
    const controller = new AbortController();
    const silent: AsyncIterable<string> = {
      [Symbol.asyncIterator]: () => ({
        next() {
          setTimeout(() => controller.abort(), 5);
          return new Promise(() => {});
        },
      }),
    };
    await fails(
      () => spoolCorpus([silent], { ...none, folder, signal: controller.signal }),
      "ERR_BELLE_ABORTED",
      /was stopped/,
    );
    assert.equal(readdirSync(folder), []);
  });
});

test("a folder that cannot be made or written is named, with the setting to change", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    await fails(
      () => spoolCorpus([["a"]], { ...none, folder: join(file, "work") }),
      "ERR_BELLE_IO",
      /file\/work cannot be written \(ENOTDIR\); name a folder that can be written with workFolder \(--work-folder\)/,
    );
    mkdirSync(join(folder, "corpus-0.txt.part"));
    await fails(
      () => spoolCorpus([["a"]], { ...none, folder, folderSetting: "output_dir" }),
      "ERR_BELLE_IO",
      /corpus-0\.txt\.part cannot be written \(ERR_FS_EISDIR\); name a folder that can be written with output_dir\.$/,
    );
    const full = join(folder, "full");
    const open = fs.open;
    try {
      Object.assign(fs, {
        async open(...args: Parameters<typeof open>) {
          const file = await open(...args);
          file.writeFile = () => Promise.reject(Object.assign(new Error("no space"), { code: "ENOSPC" }));
          return file;
        },
      });
      syncBuiltinESMExports();
      await fails(
        () => spoolCorpus([["a"]], { ...none, folder: full }),
        "ERR_BELLE_DISK_FULL",
        /full while text was written to .*full\/corpus-0\.txt\.part; free space, or name a folder on a larger disk with workFolder \(--work-folder\)\.$/,
      );
      await withTemporary(join(folder, "tmp"), async (temporary) => {
        await fails(
          () => spoolCorpus([["a"]], none),
          "ERR_BELLE_DISK_FULL",
          /; free space, or set TMPDIR to a folder on a larger disk, or name one with workFolder \(--work-folder\)\.$/,
        );
        assert.equal(readdirSync(temporary), []);
      });
    } finally {
      Object.assign(fs, { open });
      syncBuiltinESMExports();
    }
    assert.equal(readdirSync(full), []);
  });
});

test("a kept stream: the same text keeps its file, other text replaces it", async () => {
  await withFolder(async (folder) => {
    const options = { ...none, folder };
    const keep = async (items: readonly string[]) => {
      const { files } = await spoolCorpus([items], options);
      const { ino, mtimeMs } = statSync(files[0]!);
      assert.is(readFileSync(files[0]!, "utf8"), items.map((item) => `${item}\n`).join(""));
      assert.equal(readdirSync(folder).sort(), ["corpus-0.txt", "corpus-0.txt.source"]);
      return [ino, mtimeMs];
    };
    const first = await keep(lines);
    assert.equal(await keep(lines), first);
    // As long, but not the same.
    const other = await keep([...lines].reverse());
    assert.not.equal(other, first);
    assert.equal(await keep([...lines].reverse()), other);
    // The name of a job whose counts lie there is the text's path, length and time of change.
    const [, changed] = first;
    assert.equal((await keep(lines))[1], changed);
    assert.not.equal(other[1], changed);
    await keep([...lines].reverse());
    // Somebody else's text in its place is not taken for ours.
    writeFileSync(join(folder, "corpus-0.txt"), text);
    await keep([...lines].reverse());
  });
});

test("standard input is read once", async () => {
  await fails(() => spoolCorpus(["-", "-"], none), "ERR_BELLE_INVALID_ARGUMENT", /\(-\) is named twice/);
});

test.run();
