// Unpacks .zst in JavaScript: frames one after the other (cat, pzstd) and a file that was cut off are both told apart,
// which Node's own decoder does not do in every version (nodejs/node#64741, #64592).
import { Decompress, ZstdErrorCode } from "fzstd";
import { BelleError } from "../native/errors.ts";

/** Beyond it fzstd reads distances with too few bits, and would give out wrong text. */
const largestWindow = 1 << 25;
/** The format's limit; fzstd lets some kinds of blocks have more. */
const largestBlock = 1 << 17;
/** Bytes given at once, all of whose text is held: each 4 of them can stand for a block, so 8 MiB at most. */
const sliceBytes = 256;

/**
 * The text of the packed chunks. Throws what fzstd throws for damaged data and data that was cut off, and
 * ERR_BELLE_UNSUPPORTED for a frame it cannot read rightly.
 */
export async function* unpackZstd(packed: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  let ready: Uint8Array[] = [];
  let given = 0;
  let ended = false;
  const decoder = new Decompress((chunk, last) => {
    if (last) ended = true;
    else checkFrame(decoder, name);
    if (chunk.length > largestBlock) throw new Error(`block of more than ${largestBlock} bytes`);
    if (chunk.length > 0) ready.push(chunk);
  });
  for await (const chunk of packed) {
    given += chunk.length;
    for (let at = 0; at < chunk.length; at += sliceBytes) {
      push(decoder, chunk.subarray(at, at + sliceBytes), name);
      yield* ready;
      ready = [];
    }
  }
  // What is held back for a header that may be longer: the last frame, where that is a small one.
  decoder.push(new Uint8Array(0), true);
  yield* ready;
  if (!ended || given === 0) throw new Error("unexpected end of file");
}

/** fzstd makes the window while it reads the head of a frame; sizes it cannot make are no damage. */
function push(decoder: Decompress, bytes: Uint8Array, name: string): void {
  try {
    decoder.push(bytes);
  } catch (error) {
    const inHead = !(decoder as unknown as { s?: unknown }).s;
    const tooLarge =
      error instanceof RangeError || (error as { code?: unknown }).code === ZstdErrorCode.WindowSizeTooLarge;
    throw inHead && tooLarge ? windowError(name) : error;
  }
}

/**
 * fzstd keeps the frame it is in as `s`, with its window's size as `e`, its dictionary's number as `d` and the size of
 * its text as `u`; the version is pinned, and tests look.
 */
function checkFrame(decoder: unknown, name: string): void {
  const frame = (decoder as { s?: { e?: number; d?: number; u?: number } }).s;
  if (frame?.d !== 0) {
    throw new BelleError(
      "ERR_BELLE_UNSUPPORTED",
      `${name} was packed with a dictionary, which is not read here; unpack it first: zstd -d -D DICTIONARY`,
    );
  }
  const { e: bytes, u: textBytes } = frame;
  // Sizes of 2^32 and more have overflowed: no window is below 1024 bytes, but that of a text in one piece.
  if (bytes === undefined || (bytes < 1024 && bytes !== textBytes)) throw windowError(name);
  if (bytes > largestWindow) throw windowError(name, ` of ${bytes} bytes`);
}

function windowError(name: string, size = " too large to be held"): BelleError {
  return new BelleError(
    "ERR_BELLE_UNSUPPORTED",
    `${name} was packed with a window${size} (--long, or --ultra), and at most ${largestWindow} bytes are read here; unpack it first: zstd -d --long=31`,
  );
}
