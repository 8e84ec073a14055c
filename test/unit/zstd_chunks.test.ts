// .zst against frames written here byte by byte, and frames of zstd 1.5.
import * as assert from "uvu/assert";
import { unpackZstd } from "../../ts/tokenizer/zstd_chunks.ts";
import { fails } from "../support/thrown.ts";
import { suite } from "../support/uvu.ts";

const test = suite("zstd chunks");

interface Frame {
  /** Exponent of the window's size. */
  window?: number;
  /** Number of a dictionary; 0: none. */
  dictionary?: number;
  checksum?: boolean;
}

/** `text` as it is, in a frame of blocks of at most 100 bytes. */
function frame(text: string, { window = 17, dictionary = 0, checksum = false }: Frame = {}): Buffer {
  const bytes = Buffer.from(text);
  const parts = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, (checksum ? 4 : 0) | (dictionary ? 1 : 0), (window - 10) << 3])];
  if (dictionary) parts.push(Buffer.from([dictionary]));
  for (let at = 0; at === 0 || at < bytes.length; at += 100) {
    const block = bytes.subarray(at, at + 100);
    const head = Buffer.alloc(3);
    head.writeUIntLE((block.length << 3) | (at + 100 >= bytes.length ? 1 : 0), 0, 3);
    parts.push(head, block);
  }
  if (checksum) parts.push(Buffer.alloc(4, 7));
  return Buffer.concat(parts);
}

/** A frame of blocks that are each one byte, repeated. */
function repeated(blocks: number, blockBytes: number): Buffer {
  const head = frame("").subarray(0, -3);
  const block = Buffer.alloc(4, "a");
  block.writeUIntLE((blockBytes << 3) | 2, 0, 3);
  const last = Buffer.alloc(3);
  last.writeUIntLE(1, 0, 3);
  return Buffer.concat([head, ...Array.from({ length: blocks }, () => block), last]);
}

/** A frame that holds no text. */
function skippable(bytes: number): Buffer {
  const head = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]);
  head.writeUInt32LE(bytes, 4);
  return Buffer.concat([head, Buffer.alloc(bytes, 1)]);
}

/** What comes out of `packed`, given in chunks of `size` bytes. */
async function unpack(packed: Uint8Array, size = 1 << 16): Promise<string> {
  async function* chunks() {
    for (let at = 0; at < packed.length; at += size) yield packed.subarray(at, at + size);
  }
  const out: Uint8Array[] = [];
  for await (const chunk of unpackZstd(chunks(), "a.zst")) out.push(chunk);
  return Buffer.concat(out).toString("utf8");
}

const text = "the cat sat on the mat\nthe dog sat on the log\n今天天气很好\n学校的天气也很好\n";
// `text` as zstd 1.5 packs it, with its checksum.
const packed = Buffer.from(
  "KLUv/QRodQIA1AN0aGUgY2F0IHNhdCBvbiBtYXQKZG9nbG9nCuS7iuWkqeawlOW+iOWlvQrlrabmoKHnmoTkuZ/lvojlpb0KBQBzDkEHdJ08VowQa9YB/MGowA==",
  "base64",
);

/** Frames of every kind, and the text of all of them. */
const frames: ReadonlyArray<readonly [Buffer, string]> = [
  [packed, text],
  [skippable(0), ""],
  [frame("a\n"), "a\n"],
  [frame(""), ""],
  [frame(text.repeat(5), { checksum: true }), text.repeat(5)],
  [skippable(40), ""],
  [packed, text],
  [frame("end\n"), "end\n"],
];
const whole = Buffer.concat(frames.map(([bytes]) => bytes));
const wholeText = frames.map(([, part]) => part).join("");

test("frames one after the other are read to the last, however the chunks fall", async () => {
  for (const size of [1, 2, 3, 7, 17, 18, 19, 64, 1 << 16]) assert.is(await unpack(whole, size), wholeText, `${size}`);
});

test("many small frames", async () => {
  assert.is(await unpack(Buffer.concat(Array.from({ length: 3000 }, () => frame("a\n")))), "a\n".repeat(3000));
});

test("cut off anywhere but between frames is an error, also in the checksum", async () => {
  const ends = new Set<number>();
  let end = 0;
  for (const [bytes] of frames) {
    end += bytes.length;
    ends.add(end);
  }
  for (let length = 0; length < whole.length; length++) {
    if (ends.has(length)) continue;
    let failure: unknown;
    await unpack(whole.subarray(0, length)).catch((error: unknown) => {
      failure = error;
    });
    assert.instance(failure, Error, `${length} of ${whole.length} bytes`);
  }
});

test("a block of more than 128 KiB is damage", async () => {
  assert.is((await unpack(repeated(3, 1 << 17))).length, 3 << 17);
  for (const bad of [repeated(1, (1 << 17) + 1), repeated(10, (1 << 21) - 1)]) {
    let failure: unknown;
    await unpack(bad).catch((error: unknown) => {
      failure = error;
    });
    assert.match(String(failure), /block of more than 131072 bytes/);
  }
});

test("a few bytes that stand for much text do not fill the memory", async () => {
  const bomb = repeated(4000, 1 << 17);
  async function* once() {
    yield bomb;
  }
  const before = process.memoryUsage().arrayBuffers;
  const out = unpackZstd(once(), "a.zst");
  assert.is((await out.next()).value?.length, 1 << 17);
  const held = process.memoryUsage().arrayBuffers - before;
  assert.ok(held < 16 << 20, `${held} bytes are held`);
  await out.return(undefined);
});

test("a window above 32 MiB and a dictionary are refused with the command that unpacks them", async () => {
  assert.is(await unpack(frame(text, { window: 25 })), text);
  await fails(
    () => unpack(Buffer.concat([packed, frame(text, { window: 26 })])),
    "ERR_BELLE_UNSUPPORTED",
    /^a\.zst was packed with a window of 67108864 bytes .* at most 33554432 bytes .*: zstd -d --long=31$/,
  );
  for (const window of [30, 31, 32, 40]) {
    await fails(
      () => unpack(Buffer.concat([packed, frame(text, { window })])),
      "ERR_BELLE_UNSUPPORTED",
      /^a\.zst was packed with .* window.* at most 33554432 bytes .*: zstd -d --long=31$/,
    );
  }
  // 1.5 and 1.875 times 2^30 bytes, as a window and as the size of a text in one piece.
  for (const eighths of [4, 7]) {
    const odd = frame(text, { window: 30 });
    odd[5]! |= eighths;
    await fails(() => unpack(odd), "ERR_BELLE_UNSUPPORTED", /window/);
  }
  const inOnePiece = Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0]), Buffer.alloc(20, 0xf0)]);
  await fails(() => unpack(inOnePiece), "ERR_BELLE_UNSUPPORTED", /window/);
  await fails(() => unpack(frame(text, { dictionary: 9 })), "ERR_BELLE_UNSUPPORTED", /dictionary.*: zstd -d -D/);
});

test.run();
