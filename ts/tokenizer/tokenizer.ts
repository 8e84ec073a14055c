// Tokenizer: encode and decode, byte for byte as sentencepiece, Hugging Face tokenizers and tiktoken do with the same file.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { NativeDecodeStream, NativePiece, NativeTokenizer } from "../native/binding_tokenizer.ts";
import { BelleError, native, nativeAsync } from "../native/errors.ts";
import { binding } from "../native/load.ts";

/** A piece of the vocabulary; types as in sentencepiece: 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte. */
export type Piece = NativePiece;

export interface EncodeOptions {
  /** Put the begin-of-sequence id first. Default false, as sentencepiece. */
  bos?: boolean;
  /** Put the end-of-sequence id last. Default false, as sentencepiece. */
  eos?: boolean;
}

export interface BatchOptions extends EncodeOptions {
  /** CPU threads; 0 or left out = all cores. The result does not depend on it. */
  threads?: number;
}

/** What positions in a text count: UTF-16 units as in JavaScript's strings, bytes of UTF-8, or code points. */
export type TextUnit = "utf16" | "bytes" | "codePoints";

export interface EncodedSpans {
  ids: Uint32Array;
  /** Id i stands for the text from begins[i] to ends[i]; of the byte pieces of a character only the last has text. */
  begins: Uint32Array;
  ends: Uint32Array;
}

export interface EncodedBatch {
  /** The ids of all texts, one after the other. */
  ids: Uint32Array;
  /** Text i has ids[offsets[i]] to ids[offsets[i + 1]]; length = texts + 1. */
  offsets: Uint32Array;
}

/** What a sentencepiece model says of itself. */
export interface TokenizerInfo {
  modelType: string;
  normalizer: string;
  addDummyPrefix: boolean;
  removeExtraWhitespaces: boolean;
  byteFallback: boolean;
}

/** What a tiktoken rank file does not say itself; other files need none of it. */
export interface TokenizerLoadOptions {
  /**
   * How text is cut into words: gpt2, cl100k_base, llama3, qwen2, o200k_base or bloom. Left out: known by the number
   * of ranks, where it is one of the well-known files.
   */
  splitter?: string;
  /** Special tokens and their ids. */
  special?: Record<string, number>;
}

let unwrap: (tokenizer: Tokenizer) => NativeTokenizer;
let wrap: (tokenizer: NativeTokenizer) => Tokenizer;

export class Tokenizer {
  readonly #native: NativeTokenizer;
  readonly #options: TokenizerLoadOptions;

  private constructor(tokenizer: NativeTokenizer, options: TokenizerLoadOptions = {}) {
    this.#native = tokenizer;
    this.#options = options;
  }

  static {
    unwrap = (tokenizer) => tokenizer.#native;
    wrap = (tokenizer) => new Tokenizer(tokenizer);
  }

  /**
   * Reads a sentencepiece .model, a Hugging Face tokenizer.json or a tiktoken rank file (told apart by what is inside),
   * or what a folder holds of them, tokenizer.model first. Throws ERR_BELLE_NOT_FOUND, ERR_BELLE_INVALID_DATA, or
   * ERR_BELLE_UNSUPPORTED for a tokenizer.json with parts that would change ids and are not known here.
   */
  static async load(path: string, options: TokenizerLoadOptions = {}): Promise<Tokenizer> {
    const file = await tokenizerFile(path);
    return new Tokenizer(await nativeAsync(() => binding().loadTokenizer(file, options)), options);
  }

  /** Reads the bytes of such a file, on this thread: a large one takes a second. Throws ERR_BELLE_INVALID_DATA or ERR_BELLE_UNSUPPORTED. */
  static parse(bytes: Uint8Array, options: TokenizerLoadOptions = {}): Tokenizer {
    return new Tokenizer(
      native(() => binding().parseTokenizer(bytes, options)),
      options,
    );
  }

  get vocabSize(): number {
    return this.#native.vocabSize;
  }
  /** SHA-256 over pieces, scores, types and normaliser: stored with data and checkpoints to tell tokenizers apart. */
  get fingerprint(): string {
    return this.#native.fingerprint;
  }
  get unkId(): number {
    return this.#native.unkId;
  }
  /** −1 when the vocabulary has no such control piece; so are eosId and padId. */
  get bosId(): number {
    return this.#native.bosId;
  }
  get eosId(): number {
    return this.#native.eosId;
  }
  get padId(): number {
    return this.#native.padId;
  }
  /** Undefined when it is no sentencepiece model. */
  get info(): TokenizerInfo | undefined {
    return this.#native.info() ?? undefined;
  }
  /** What its file is called in a model's folder: tokenizer.model, tokenizer.json or tokenizer.tiktoken. */
  get fileName(): string {
    return this.#native.fileName;
  }

  /** Ids of the text. Lone surrogates count as U+FFFD. */
  encode(text: string, options: EncodeOptions = {}): Uint32Array {
    const ids = native(() => this.#native.encode(text));
    return options.bos || options.eos
      ? this.#framed({ ids, offsets: new Uint32Array([0, ids.length]) }, options).ids
      : ids;
  }

  /** Ids of many texts in one call. */
  encodeBatch(texts: readonly string[], options: BatchOptions = {}): EncodedBatch {
    const batch = native(() => this.#native.encodeBatch(texts as string[], options.threads ?? 0));
    return options.bos || options.eos ? this.#framed(batch, options) : batch;
  }

  /** How many ids the text has, without bos and eos. */
  count(text: string): number {
    return this.countBatch([text])[0]!;
  }

  /** How many ids each of many texts has; no ids are kept. */
  countBatch(texts: readonly string[], options: { threads?: number } = {}): Uint32Array {
    return native(() => this.#native.countBatch(texts as string[], options.threads ?? 0));
  }

  /** Ids of the text, and which part of it each stands for. Positions count UTF-16 units unless `unit` says otherwise. */
  encodeWithSpans(text: string, options: { unit?: TextUnit } = {}): EncodedSpans {
    return native(() => this.#native.encodeSpans(text, options.unit ?? "utf16"));
  }

  /** Text of the ids; control pieces become nothing. Throws ERR_BELLE_INVALID_ARGUMENT for an id out of range. */
  decode(ids: Uint32Array | readonly number[]): string {
    return native(() => this.#native.decode(toIds(ids)));
  }

  /** Text as ids come, for answers that are shown while they are made. */
  decodeStream(): DecodeStream {
    return new DecodeStream(this.#native.decodeStream());
  }

  /** All pieces by id, made anew by each call on this thread: a tenth of a second for 100,000. */
  pieces(): Piece[] {
    return this.#native.pieces();
  }

  /** The id of a piece, or −1. Pieces write a space as U+2581. */
  pieceId(piece: string): number {
    return native(() => this.#native.pieceId(piece));
  }

  /**
   * The same tokenizer as a sentencepiece model, to be saved as tokenizer.model: a tokenizer.json that was made from one
   * (LLaMA, Yi). mergeVocabulary and exportTokenizer do this by themselves. Throws ERR_BELLE_UNSUPPORTED where it would
   * not give the same ids. Works on this thread, as `parse` does.
   */
  toSentencePiece(): Tokenizer {
    return new Tokenizer(native(() => this.#native.toSentencePiece()));
  }

  /**
   * Writes the file it was read from or trained to: to the path, or as `fileName` when the path is a folder. Throws
   * ERR_BELLE_UNSUPPORTED for a tiktoken rank file read with options, which such a file has no place for.
   */
  async save(path: string): Promise<void> {
    const { splitter, special = {} } = this.#options;
    const told = splitter !== undefined || Object.keys(special).length > 0;
    if (this.fileName === "tokenizer.tiktoken" && told) {
      throw new BelleError(
        "ERR_BELLE_UNSUPPORTED",
        "a tiktoken rank file has no place for the splitter and the special tokens it was read with, so the saved file " +
          "may be another tokenizer; copy the rank file and keep the options beside it.",
      );
    }
    const file = path.endsWith("/") || (await kindOf(path)) === "folder" ? join(path, this.fileName) : path;
    await nativeAsync(() => this.#native.save(file));
  }

  #framed(batch: EncodedBatch, options: EncodeOptions): EncodedBatch {
    const before = options.bos ? [this.#special("bos", this.bosId)] : [];
    const after = options.eos ? [this.#special("eos", this.eosId)] : [];
    const extra = before.length + after.length;
    const texts = batch.offsets.length - 1;
    const ids = new Uint32Array(batch.ids.length + extra * texts);
    const offsets = batch.offsets.map((offset, text) => offset + extra * text);
    for (let text = 0; text < texts; text++) {
      const at = offsets[text]!;
      ids.set(before, at);
      ids.set(batch.ids.subarray(batch.offsets[text], batch.offsets[text + 1]), at + before.length);
      ids.set(after, offsets[text + 1]! - after.length);
    }
    return { ids, offsets };
  }

  #special(name: "bos" | "eos", id: number): number {
    if (id >= 0) return id;
    throw new BelleError(
      "ERR_BELLE_INVALID_ARGUMENT",
      `${name}: true, but the vocabulary has no ${name} control piece; train it with ${name}_id ≥ 0, or leave ${name} out.`,
    );
  }
}

/** Ids to text bit by bit: never half a character, and the whole is what `decode` gives. Made by `tokenizer.decodeStream()`. */
export class DecodeStream {
  readonly #native: NativeDecodeStream;

  /** @internal */
  constructor(stream: NativeDecodeStream) {
    this.#native = stream;
  }

  /** The text that is certain now; "" while a character waits for its last byte. */
  push(ids: number | Uint32Array | readonly number[]): string {
    return native(() => this.#native.push(toIds(typeof ids === "number" ? [ids] : ids)));
  }

  /** The rest: bytes of a character that was never finished, as U+FFFD. The next id begins a new text. */
  finish(): string {
    return native(() => this.#native.finish());
  }
}

/** The addon's object behind a Tokenizer, for the rooms above. */
export function nativeTokenizer(tokenizer: Tokenizer): NativeTokenizer {
  return unwrap(tokenizer);
}

export function tokenizerOf(tokenizer: NativeTokenizer): Tokenizer {
  return wrap(tokenizer);
}

function toIds(ids: Uint32Array | readonly number[]): Uint32Array {
  if (ids instanceof Uint32Array) return ids;
  const array = Uint32Array.from(ids);
  const wrong = array.findIndex((id, index) => id !== ids[index]);
  if (wrong < 0) return array;
  throw new BelleError("ERR_BELLE_INVALID_ARGUMENT", `ids[${wrong}] = ${ids[wrong]} is not a token id.`);
}

async function kindOf(path: string): Promise<"file" | "folder" | undefined> {
  try {
    return (await stat(path)).isDirectory() ? "folder" : "file";
  } catch {
    return undefined;
  }
}

async function tokenizerFile(path: string): Promise<string> {
  if (typeof path !== "string" || path === "") {
    throw new BelleError("ERR_BELLE_INVALID_ARGUMENT", "path must be the path of a tokenizer file or its folder.");
  }
  if ((await kindOf(path)) !== "folder") return path;
  for (const name of ["tokenizer.model", "tokenizer.json", "tokenizer.tiktoken"]) {
    if ((await kindOf(join(path, name))) === "file") return join(path, name);
  }
  throw new BelleError(
    "ERR_BELLE_NOT_FOUND",
    `${path} holds no tokenizer.model, tokenizer.json or tokenizer.tiktoken; give the path of the file itself.`,
  );
}
