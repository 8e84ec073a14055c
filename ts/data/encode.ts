// Segments -> ids and labels: BELLE's sft_sample_to_ids (LianjiaTech/BELLE train/src/sample_generator.py).
import type { Segment } from "./template.ts";

export const ignoreIndex = -100;

/** The part of a Tokenizer that data preparation needs. */
export interface DataTokenizer {
  readonly vocabSize: number;
  readonly fingerprint: string;
  readonly bosId: number;
  readonly eosId: number;
  /** ids of text i: ids[offsets[i] .. offsets[i + 1]); offsets.length = texts.length + 1. Without bos and eos. */
  encodeBatch(texts: string[]): { ids: Uint32Array; offsets: Uint32Array };
}

export interface Encoded {
  ids: Int32Array;
  /** Unshifted; −100 = not supervised. Same length as ids. */
  labels: Int32Array;
}

/** Ids of consecutive segments laid end to end, eos behind each supervised one; labels on supervised tokens and eos. */
export function assemble(
  segments: readonly Segment[],
  tokensOf: (segment: number) => Uint32Array,
  eosId: number,
): Encoded {
  let length = 0;
  const parts = segments.map((segment, i) => {
    const tokens = tokensOf(i);
    length += tokens.length + (segment.supervised ? 1 : 0);
    return tokens;
  });
  const ids = new Int32Array(length);
  const labels = new Int32Array(length).fill(ignoreIndex);
  let at = 0;
  for (const [i, tokens] of parts.entries()) {
    ids.set(tokens, at);
    const begin = at;
    at += tokens.length;
    if (segments[i]!.supervised) {
      ids[at++] = eosId;
      labels.set(ids.subarray(begin, at), begin);
    }
  }
  return { ids, labels };
}

/** Encodes conversations in one call of the tokenizer; no truncation. */
export function encodeSegments(batch: ReadonlyArray<readonly Segment[]>, tokenizer: DataTokenizer): Encoded[] {
  const { ids, offsets } = tokenizer.encodeBatch(batch.flatMap((segments) => segments.map((segment) => segment.text)));
  let first = 0;
  return batch.map((segments) => {
    const base = first;
    first += segments.length;
    return assemble(segments, (i) => ids.subarray(offsets[base + i]!, offsets[base + i + 1]!), tokenizer.eosId);
  });
}

/** Cuts on the right; the cut may take the eos. */
export function truncate(sample: Encoded, maxLength: number): Encoded {
  if (sample.ids.length <= maxLength) return sample;
  return { ids: sample.ids.slice(0, maxLength), labels: sample.labels.slice(0, maxLength) };
}

/** Labels that can be targets: the first token of a sample never is, nothing precedes it. */
export function supervisedTokens(labels: Int32Array): number {
  let count = 0;
  for (let i = 1; i < labels.length; i++) if (labels[i] !== ignoreIndex) count++;
  return count;
}

/**
 * BELLE's way out of a sample whose labels are all masked: labels 18 to 23 become the ids. ("18 and 24 are just random
 * numbers", its source says.) Only for mode belle-compat. Changes `sample` in place.
 */
export function unmaskAsBelle(sample: Encoded): void {
  const { ids, labels } = sample;
  if (labels.length > 18 && labels.every((label) => label === ignoreIndex)) labels.set(ids.subarray(18, 24), 18);
}
