// MANIFEST.json of a token-shard folder, as data preparation writes it. The native writer adds `files`.
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { DataFormat } from "../config/data.ts";

export const tokensSchema = "belle-train/tokens/1";

export interface SourceCounts {
  path: string;
  sha256: string;
  bytes: number;
  format: Exclude<DataFormat, "auto"> | "none";
  /** Rows read, good and bad. */
  rows: number;
  samples: number;
  tokens: number;
  /** Rows that became no sample, by reason. */
  dropped: Record<string, number>;
}

/** Counts of tokens include every token written; supervised_tokens only those that are targets of the loss. */
export interface TokensManifest {
  schema: typeof tokensSchema;
  tool_version: string;
  /** sha256 over sources, options and tokenizer: equal inputs give equal shards. */
  inputs_sha256: string;
  samples: number;
  packs: number;
  tokens: number;
  supervised_tokens: number;
  max_length: number;
  max_token_id: number;
  vocab_size: number;
  tokenizer_fingerprint: string;
  template: string;
  mode: string;
  seed: number;
  truncated_samples: number;
  truncated_tokens: number;
  sources: SourceCounts[];
  dropped: Record<string, number>;
}

const maxManifestBytes = 64 << 20;

export type FolderState = { kind: "absent" } | { kind: "foreign" } | { kind: "shards"; manifest: TokensManifest };

/** What lies at `folder`: nothing, token shards, or something that must not be touched. */
export async function inspectFolder(folder: string): Promise<FolderState> {
  try {
    await stat(folder);
  } catch {
    return { kind: "absent" };
  }
  const path = join(folder, "MANIFEST.json");
  try {
    if ((await stat(path)).size > maxManifestBytes) return { kind: "foreign" };
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    const schema = typeof value === "object" && value !== null && "schema" in value ? value.schema : undefined;
    return schema === tokensSchema ? { kind: "shards", manifest: value as TokensManifest } : { kind: "foreign" };
  } catch {
    return { kind: "foreign" };
  }
}
