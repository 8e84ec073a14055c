// prepareData: files -> token shards. Reads each source once, keeps lengths only, packs, writes; nothing appears at the
// output before it is complete.
import { mkdirSync } from "node:fs";
import { readFile, rename, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import { checkValue } from "../config/check.ts";
import { type DataSource, sourceSchema } from "../config/data.ts";
import { fingerprint } from "../config/fingerprint.ts";
import { throwIfAborted } from "../native/abort.ts";
import { BelleError, native, nativeAsync } from "../native/errors.ts";
import { binding } from "../native/load.ts";
import { hashFile } from "./byte_stream.ts";
import { DropLog } from "./drop_log.ts";
import type { DataTokenizer } from "./encode.ts";
import { guardFile, removeLeftovers, workingPath } from "./files.ts";
import { inspectFolder, type SourceCounts, type TokensManifest, tokensSchema } from "./manifest.ts";
import { packBestFit } from "./pack.ts";
import { SampleStore } from "./sample_store.ts";
import { readSource, type SourceResult } from "./source.ts";
import { type TemplateName, templates } from "./template.ts";

export interface PrepareOptions {
  sources: readonly DataSource[];
  /** Folder of the shards; dropped rows are listed beside it in `<output>.dropped.jsonl`. */
  output: string;
  tokenizer: DataTokenizer;
  maxLength: number;
  template?: TemplateName;
  mode?: "belle" | "belle-compat";
  seed?: number;
  onBadLine?: "error" | "skip";
  /** Use only these rows, counted over all sources in order (bad rows not counted). */
  rows?: { skip?: number; take?: number };
  /** Keep shards at `output` that were made from the same inputs. Default true. */
  cache?: boolean;
}

export interface PrepareProgress {
  phase: "hash" | "read" | "write";
  /** Bytes while hashing and reading, packs while writing. */
  done: number;
  total: number;
}

export interface PrepareResult {
  folder: string;
  /** The shards were already there. */
  reused: boolean;
  manifest: TokensManifest;
  /** The list of dropped rows, when there are any. */
  droppedFile: string | undefined;
}

export interface PrepareControl {
  signal?: AbortSignal;
  onProgress?: (progress: PrepareProgress) => void;
}

const what = "Data preparation";
const maxShardTokens = 1 << 28;
// The native writer keeps ids in 16 bits up to this many rows.
const narrowRows = 65_536;

/**
 * Prepares token shards. Throws ERR_BELLE_NOT_FOUND / ERR_BELLE_INVALID_DATA naming file:line, ERR_BELLE_ABORTED, and
 * ERR_BELLE_INVALID_ARGUMENT where `output` holds something that is not token shards.
 */
export async function prepareData(options: PrepareOptions, control: PrepareControl = {}): Promise<PrepareResult> {
  const { signal, onProgress } = control;
  throwIfAborted(signal, what);
  const output = resolve(options.output);
  const plan = checkedPlan(options);
  if (plan.tokenizer.eosId < 0) {
    throw new BelleError(
      "ERR_BELLE_INVALID_ARGUMENT",
      "The tokenizer has no end-of-sequence piece; data preparation needs one.",
    );
  }
  const state = await inspectFolder(output);
  if (state.kind === "foreign") {
    throw new BelleError(
      "ERR_BELLE_INVALID_ARGUMENT",
      `${output}: exists and does not hold token shards; choose another output folder.`,
    );
  }
  const hashes: Array<{ sha256: string; bytes: number }> = [];
  for (const source of plan.sources) {
    hashes.push(await hashFile(source.path, signal));
    throwIfAborted(signal, what);
    onProgress?.({ phase: "hash", done: hashes.length, total: plan.sources.length });
  }
  const inputs = inputsFingerprint(plan, hashes);
  const droppedPath = `${output}.dropped.jsonl`;
  if (plan.cache && state.kind === "shards" && state.manifest.inputs_sha256 === inputs && (await isWhole(output))) {
    const dropped = Object.keys(state.manifest.dropped).length > 0;
    return { folder: output, reused: true, manifest: state.manifest, droppedFile: dropped ? droppedPath : undefined };
  }
  guardFile(dirname(output), () => mkdirSync(dirname(output), { recursive: true }));
  removeLeftovers(output);
  const drops = new DropLog(droppedPath, workingPath(output, "dropped"));
  let store: SampleStore | undefined;
  let settled = false;
  try {
    store = new SampleStore(workingPath(output, "spill"));
    const read = await readAll(plan, hashes, store, drops, control);
    const manifest = await writeShards(plan, output, inputs, hashes, read, store, control);
    drops.commit();
    settled = true;
    return { folder: output, reused: false, manifest, droppedFile: drops.total > 0 ? droppedPath : undefined };
  } finally {
    store?.close();
    if (!settled) drops.abort();
  }
}

function checkedPlan(options: PrepareOptions) {
  const { tokenizer, template = "belle", mode = "belle", onBadLine = "error", cache = true, rows = {} } = options;
  const whole = (name: string, value: number, least: number, most: number): number => {
    if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
    wrong(`${name} must be a whole number from ${least} to ${most}, not ${value}.`);
  };
  const one = <T extends string>(name: string, value: T, known: readonly T[]): T => {
    if (known.includes(value)) return value;
    wrong(`${name} must be one of ${known.join(", ")}, not ${String(value)}.`);
  };
  const most = Number.MAX_SAFE_INTEGER;
  return {
    sources: options.sources.map((source, i) =>
      checkValue(sourceSchema, typeof source === "string" ? { path: source } : source, `sources.${i}`),
    ),
    tokenizer,
    maxLength: whole("maxLength", options.maxLength, 2, 1_048_576),
    template: templates[one("template", template, Object.keys(templates) as TemplateName[])],
    mode: one("mode", mode, ["belle", "belle-compat"]),
    seed: whole("seed", options.seed ?? 42, 0, most),
    onBadLine: one("onBadLine", onBadLine, ["error", "skip"]),
    skip: whole("rows.skip", rows.skip ?? 0, 0, most),
    take: rows.take === undefined ? Number.POSITIVE_INFINITY : whole("rows.take", rows.take, 0, most),
    cache,
  };
}

function wrong(message: string): never {
  throw new BelleError("ERR_BELLE_INVALID_ARGUMENT", message);
}

export type PreparePlan = ReturnType<typeof checkedPlan>;

/** Everything the shards are a function of. Paths are not: the same bytes elsewhere are the same data. */
function inputsFingerprint(plan: PreparePlan, hashes: ReadonlyArray<{ sha256: string }>): string {
  return fingerprint({
    schema: tokensSchema,
    // Raise when the same inputs give other shards than before.
    pipeline: 1,
    tokenizer: plan.tokenizer.fingerprint,
    maxLength: plan.maxLength,
    template: plan.template,
    mode: plan.mode,
    seed: plan.seed,
    onBadLine: plan.onBadLine,
    skip: plan.skip,
    take: Number.isFinite(plan.take) ? plan.take : null,
    sources: plan.sources.map(({ path: _path, ...source }, i) => ({ ...source, sha256: hashes[i]!.sha256 })),
  });
}

/** Every file of the folder has the size and sha256 its manifest states. */
async function isWhole(folder: string): Promise<boolean> {
  try {
    await binding().verifyManifest(folder);
    return true;
  } catch {
    return false;
  }
}

interface ReadResult {
  sources: SourceResult[];
  supervised: number;
  maxTokenId: number;
}

async function readAll(
  plan: PreparePlan,
  hashes: ReadonlyArray<{ sha256: string; bytes: number }>,
  store: SampleStore,
  drops: DropLog,
  { signal, onProgress }: PrepareControl,
): Promise<ReadResult> {
  const total = hashes.reduce((sum, { bytes }) => sum + bytes, 0);
  const result: ReadResult = { sources: [], supervised: 0, maxTokenId: 0 };
  const window = { skip: plan.skip, take: plan.take };
  let before = 0;
  for (const [i, source] of plan.sources.entries()) {
    const read = await readSource(source, plan, window, {
      onSample: (ids, mask) => {
        store.add(ids, mask);
        for (const byte of mask) result.supervised += byte;
        for (const id of ids) if (id > result.maxTokenId) result.maxTokenId = id;
      },
      onDrop: (row) => drops.add(row),
      onBytes: (bytes) => onProgress?.({ phase: "read", done: before + bytes, total }),
      signal,
    });
    if (read.sha256 !== undefined && read.sha256 !== hashes[i]!.sha256) {
      throw new BelleError(
        "ERR_BELLE_INVALID_DATA",
        `${source.path}: changed while it was being read; run the preparation again.`,
      );
    }
    result.sources.push(read);
    before += hashes[i]!.bytes;
  }
  if (store.count === 0) {
    const names = plan.sources.map((source) => source.path).join(", ");
    const why =
      drops.total > 0
        ? `all ${drops.total} rows were dropped, ${summarize(result.sources)}`
        : "there are no rows in it";
    throw new BelleError("ERR_BELLE_INVALID_DATA", `${names}: gives no sample to train on: ${why}.`);
  }
  return result;
}

function mergeCounts(sources: readonly SourceResult[]): Record<string, number> {
  const dropped: Record<string, number> = {};
  for (const source of sources) {
    for (const [reason, count] of Object.entries(source.dropped)) dropped[reason] = (dropped[reason] ?? 0) + count;
  }
  return dropped;
}

function summarize(sources: readonly SourceResult[]): string {
  return Object.entries(mergeCounts(sources))
    .map(([reason, count]) => `${reason}: ${count}`)
    .join(", ");
}

async function writeShards(
  plan: PreparePlan,
  output: string,
  inputs: string,
  hashes: ReadonlyArray<{ sha256: string; bytes: number }>,
  read: ReadResult,
  store: SampleStore,
  { signal, onProgress }: PrepareControl,
): Promise<TokensManifest> {
  const packs = packBestFit(store.lengths, plan.maxLength, plan.seed);
  const sources: SourceCounts[] = read.sources.map(({ path, format, rows, samples, tokens, dropped }, i) => ({
    path,
    sha256: hashes[i]!.sha256,
    bytes: hashes[i]!.bytes,
    format,
    rows,
    samples,
    tokens,
    dropped,
  }));
  const sum = (key: "samples" | "tokens" | "truncatedSamples" | "truncatedTokens") =>
    read.sources.reduce((total, source) => total + source[key], 0);
  const manifest: TokensManifest = {
    schema: tokensSchema,
    tool_version: await toolVersion(),
    inputs_sha256: inputs,
    samples: sum("samples"),
    packs: packs.length,
    tokens: sum("tokens"),
    supervised_tokens: read.supervised,
    max_length: plan.maxLength,
    max_token_id: read.maxTokenId,
    vocab_size: plan.tokenizer.vocabSize,
    tokenizer_fingerprint: plan.tokenizer.fingerprint,
    template: plan.template.name,
    mode: plan.mode,
    seed: plan.seed,
    truncated_samples: sum("truncatedSamples"),
    truncated_tokens: sum("truncatedTokens"),
    sources,
    dropped: mergeCounts(read.sources),
  };
  // Written beside the output and then exchanged: shards of an earlier run stay whole until the new ones are.
  const fresh = workingPath(output, "new");
  const wide = plan.tokenizer.vocabSize > narrowRows;
  const writer = native(() => binding().createShardWriter(fresh, { wide, maxShardTokens }));
  let committed = false;
  try {
    let sinceYield = 0;
    for (const [i, pack] of packs.entries()) {
      const samples = pack.map((sample) => store.read(sample));
      native(() => writer.addPack(samples));
      sinceYield += plan.maxLength;
      if (sinceYield < 1 << 18) continue;
      sinceYield = 0;
      onProgress?.({ phase: "write", done: i + 1, total: packs.length });
      await setImmediate();
      throwIfAborted(signal, what);
    }
    onProgress?.({ phase: "write", done: packs.length, total: packs.length });
    await nativeAsync(() => writer.commit(JSON.stringify(manifest)));
    committed = true;
  } finally {
    if (!committed) writer.abort();
  }
  await exchange(fresh, output);
  return manifest;
}

async function exchange(fresh: string, output: string): Promise<void> {
  const old = workingPath(output, "old");
  const present = (await inspectFolder(output)).kind !== "absent";
  if (present) await rename(output, old);
  await rename(fresh, output);
  if (present) await rm(old, { recursive: true, force: true });
}

async function toolVersion(): Promise<string> {
  const text = await readFile(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
