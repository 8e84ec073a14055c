// Types of the addon's tokenizers.

export interface NativePiece {
  piece: string;
  score: number;
  /** 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte */
  type: number;
}

export interface NativeRankFileOptions {
  splitter?: string;
  special?: Record<string, number>;
}

export interface NativeTokenizer {
  readonly vocabSize: number;
  readonly fingerprint: string;
  /** What its file is called in a model's folder. */
  readonly fileName: string;
  readonly unkId: number;
  readonly bosId: number;
  readonly eosId: number;
  readonly padId: number;
  /** Without bos and eos. */
  encode(text: string): Uint32Array;
  /** threads: 0 = all cores. */
  encodeBatch(texts: string[], threads: number): { ids: Uint32Array; offsets: Uint32Array };
  countBatch(texts: string[], threads: number): Uint32Array;
  encodeSpans(
    text: string,
    unit: "utf16" | "bytes" | "codePoints",
  ): { ids: Uint32Array; begins: Uint32Array; ends: Uint32Array };
  decode(ids: Uint32Array): string;
  decodeStream(): NativeDecodeStream;
  pieces(): NativePiece[];
  /**
   * For people: pieces of a byte-level file as the text of their bytes, a space as U+2581; what is no whole character
   * as <0xE4>, and such a piece has type 6.
   */
  readablePieces(): Array<{ piece: string; type: number }>;
  pieceId(piece: string): number;
  /** Of a sentencepiece model; null for others. */
  info(): {
    modelType: string;
    normalizer: string;
    addDummyPrefix: boolean;
    removeExtraWhitespaces: boolean;
    byteFallback: boolean;
  } | null;
  toSentencePiece(): NativeTokenizer;
  save(path: string): Promise<void>;
}

export interface NativeDecodeStream {
  push(ids: Uint32Array): string;
  /** What is held back; the next id begins a new text. */
  finish(): string;
}
