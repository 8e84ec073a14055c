// Types of the addon's Hugging Face export (native/addon/tokenizer_export.cpp).

/** HfTokenizerOptions of native/tokenizer/export/hf_special_pieces.h. */
export interface NativeExportOptions {
  legacy: boolean;
  /** Left out: whether the model has BOS. */
  addBos?: boolean;
  addEos: boolean;
  modelMaxLength: number;
  llamaClass: boolean;
  inexactCharsmap: boolean;
}

export interface NativeExportCheck {
  lines: number;
  differing: number;
  /** Pieces that encode to themselves here and not there; the first 100 by name. */
  lost: number;
  lostPieces: string[];
  examples: NativeExportDifference[];
}

/** The pieces of both from 2 before `token`, the first that differs, on. */
export interface NativeExportDifference {
  /** The first 200 characters of the line. */
  text: string;
  token: number;
  expected: string[];
  exported: string[];
}

export interface NativeExportProgress {
  phase: "check";
  /** Bytes of text. */
  done: number;
  total: number;
}
