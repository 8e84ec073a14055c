// BELLE's cut-anywhere packing (batch_grouped_sft_generate and batch_grouped_pretrain_generate of its
// sample_generator.py), for comparison runs: attention crosses samples, loss falls on bos, the remainder is lost.
import { type Encoded, unmaskAsBelle } from "./encode.ts";

function cut(stream: Encoded, maxLength: number): Encoded[] {
  const blocks: Encoded[] = [];
  for (let at = 0; at + maxLength <= stream.ids.length; at += maxLength) {
    blocks.push({ ids: stream.ids.slice(at, at + maxLength), labels: stream.labels.slice(at, at + maxLength) });
  }
  return blocks;
}

function join(parts: ReadonlyArray<Encoded>): Encoded {
  const length = parts.reduce((sum, part) => sum + part.ids.length, 0);
  const joined = { ids: new Int32Array(length), labels: new Int32Array(length) };
  let at = 0;
  for (const part of parts) {
    joined.ids.set(part.ids, at);
    joined.labels.set(part.labels, at);
    at += part.ids.length;
  }
  return joined;
}

/** Untruncated conversations of one map batch -> blocks of maxLength: bos, itself a label, before each conversation. */
export function groupConversations(batch: readonly Encoded[], bosId: number, maxLength: number): Encoded[] {
  const bos = { ids: Int32Array.of(bosId), labels: Int32Array.of(bosId) };
  const blocks = cut(join(batch.flatMap((sample) => [bos, sample])), maxLength);
  for (const block of blocks) unmaskAsBelle(block);
  return blocks;
}

/** Texts of one map batch -> blocks of maxLength: eos behind each text, every token a label. */
export function groupTexts(batch: readonly Uint32Array[], eosId: number, maxLength: number): Encoded[] {
  const parts = batch.map((tokens) => {
    const ids = new Int32Array(tokens.length + 1);
    ids.set(tokens);
    ids[tokens.length] = eosId;
    return { ids, labels: ids };
  });
  return cut(join(parts), maxLength);
}
