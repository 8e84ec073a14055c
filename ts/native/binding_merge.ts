// Types of the addon's vocabulary merge.
import type { NativeTokenizer } from "./binding_tokenizer.ts";

/** Files of one text a line; maxLines: of each of the two, 0 = all. */
export interface NativeMergeTexts {
  protectedText: string[];
  targetText: string[];
  maxLines: number;
}

export interface NativeMerge {
  tokenizer: NativeTokenizer;
  report: NativeMergeReport;
  protected?: NativeMergeEffect;
  target?: NativeMergeEffect;
  /** With targetText. */
  hfExport?: NativeHfExportEffect;
}

/** Of the target lines; or why there can be no Hugging Face folder. */
export type NativeHfExportEffect = { lines: number; differing: number; lost: number } | { refused: string };

export interface NativeMergeReport {
  baseRows: number;
  additionRows: number;
  shared: number;
  added: number;
  leftOut: number;
  rows: number;
  deadOld: number;
  deadNew: number;
  paddedRows8: number;
  paddedRows64: number;
  paddedRows128: number;
  sharedPieces: string[];
  addedPieces: string[];
  leftOutPieces: string[];
  deadOldPieces: string[];
  deadNewPieces: string[];
  guarantee: NativeMergeGuarantee;
  subTokens: Uint32Array[];
}

export interface NativeMergeGuarantee {
  holds: boolean;
  newWithoutHan: number;
  distinctScores: boolean;
  belowOldScores: boolean;
  allNormal: boolean;
  lowestOldScore: number;
  highestNewScore: number;
}

export interface NativeMergeEffect {
  lines: number;
  characters: number;
  bytes: number;
  withHan: number;
  changed: number;
  changedWithoutHan: number;
  tokensBefore: number;
  tokensAfter: number;
  examples: NativeChangedLine[];
}

export interface NativeChangedLine {
  file: string;
  line: number;
  text: string;
  token: number;
  before: string[];
  after: string[];
}

export interface NativeMergeProgress {
  phase: "merge" | "protected" | "target" | "hfExport";
  done: number;
  total: number;
}
