// Text for training from compressed files, standard input and iterators.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import * as assert from "uvu/assert";
import { trainBpe } from "../../ts/index.ts";
import { spoolCorpus } from "../../ts/tokenizer/corpus_spool.ts";
import { withFolder } from "../support/folder.ts";
import { root } from "../support/paths.ts";
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

test("gz, an iterator and plain files train the same pieces as the lines themselves", async () => {
  await withFolder(async (folder) => {
    const plain = join(folder, "plain.txt");
    const gz = join(folder, "text.txt.gz");
    writeFileSync(plain, text);
    writeFileSync(gz, gzipSync(text));
    const expected = (await trainBpe({ sentences: lines, ...options })).pieces();
    async function* iterate() {
      for (const line of lines) yield line;
    }
    for (const input of [{ files: [plain] }, { files: [gz] }, { sentences: iterate() }]) {
      assert.equal((await trainBpe({ ...input, ...options })).pieces(), expected);
    }
  });
});

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

test("tokenizer train reads standard input, as text is piped into it", async () => {
  await withFolder(async (folder) => {
    const args = ["dist/cli/main.js", "tokenizer", "train", "--output", join(folder, "a"), "--vocab-size", "290"];
    const more = ["--byte-fallback", "--set", "hard_vocab_limit=false", "--json"];
    const { stdout, stderr, status } = spawnSync(process.execPath, [...args, ...more], {
      cwd: root,
      input: text,
      encoding: "utf8",
    });
    assert.is(status, 0, stderr);
    assert.is(JSON.parse(stdout).vocabSize, 290);
  });
});

test.run();
