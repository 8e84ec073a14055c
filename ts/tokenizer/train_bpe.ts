// trainBpe: BPE training identical to sentencepiece's, on native threads.
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { throwIfAborted, withSignal } from "../native/abort.ts";
import type { NativeBpeProgress } from "../native/binding.ts";
import { BelleError } from "../native/errors.ts";
import { binding } from "../native/load.ts";
import type { CorpusInput } from "./corpus_source.ts";
import { spoolCorpus } from "./corpus_spool.ts";
import {
  type CamelCaseSentencePieceOptions,
  type SentencePieceOptions,
  sentencePieceOptions,
} from "./sentencepiece_options.ts";
import { type Tokenizer, tokenizerOf } from "./tokenizer.ts";

/**
 * `done` of `total`: bytes of the packed file or of standard input while unpacking (characters of an iterator), bytes
 * while reading, pieces while merging. A total of 0 is not known. The last one, with phase "done", tells `ties`, `shards`
 * and `generations`.
 */
export type TrainBpeProgress = NativeBpeProgress | { phase: "unpack"; done: number; total: number };

export interface TrainBpeOptions extends SentencePieceOptions, CamelCaseSentencePieceOptions {
  /**
   * Plain text, one sentence a line; a file ending in .tsv holds text TAB frequency. Files ending in .gz and .zst are
   * unpacked first, "-" is standard input.
   */
  files?: readonly string[];
  /**
   * The lines themselves, instead of or besides files: an array, or anything else that iterates over strings (a Set, a
   * generator, asynchronous or not), which is written to disk first, where an item with line breaks is several lines. A
   * plain string is refused: it is one line.
   */
  sentences?: readonly string[] | Iterable<string> | AsyncIterable<string>;
  /** sentencepiece's name of `files`: a list, or one string with commas. */
  input?: string | readonly string[];
  /** Only "bpe". */
  model_type?: "bpe";
  /** CPU threads; 0 or left out = all cores. The result does not depend on it. */
  threads?: number;
  /** sentencepiece's name of `threads`. */
  num_threads?: number;
  /**
   * Bytes of memory training may use; left out: no limit. Counts that outgrow it are kept on disk (about three times
   * the text at the most). With 16 bytes and more for each byte of text the pieces are exactly sentencepiece's; with
   * less, ties between two splits of one text are decided by a rule of our own (`ties` of the last progress tells how
   * often).
   */
  memoryLimit?: number;
  /** The same in units of 10^9 bytes, as in a configuration. */
  memory_limit_gb?: number | undefined;
  /**
   * Where unpacked text and counts that outgrow memoryLimit are kept. With it, a training that was killed goes on where
   * its counts stood when it is started again with the same text, also from standard input or an iterator; without, a
   * temporary folder is used and removed.
   */
  workFolder?: string;
  signal?: AbortSignal;
  onProgress?: (progress: TrainBpeProgress) => void;
}

const own = [
  ...["files", "sentences", "input", "model_type", "modelType", "threads", "num_threads", "numThreads"],
  ...["memoryLimit", "memory_limit_gb", "workFolder", "signal", "onProgress"],
];

/**
 * Trains a BPE vocabulary. Same pieces, scores and types, in the same order, as sentencepiece 0.2.2.
 * Throws ERR_BELLE_INVALID_ARGUMENT (options), ERR_BELLE_UNSUPPORTED (another model_type; .zst files packed with a
 * dictionary or a window above 32 MiB), ERR_BELLE_NOT_FOUND (files), ERR_BELLE_INVALID_DATA (text too small for
 * vocab_size, damaged files), ERR_BELLE_IO and ERR_BELLE_DISK_FULL (work folder), ERR_BELLE_BUSY (another process writes
 * text in the work folder), ERR_BELLE_ABORTED, and what an iterator of sentences throws.
 */
export async function trainBpe(options: TrainBpeOptions): Promise<Tokenizer> {
  if (typeof options !== "object" || options === null) wrong("trainBpe takes an options object.");
  const inputs: CorpusInput[] = [...strings("files", options.files), ...inputFiles(options.input)];
  const sentences: string[] = [];
  if (iterates(options.sentences)) inputs.push(options.sentences);
  else sentences.push(...strings("sentences", options.sentences));
  const common = { threads: threadCount(options), options: sentencePieceOptions(options, own) };
  if (inputs.length + sentences.length === 0) {
    wrong("There is nothing to train on: give files (one sentence a line) or sentences.");
  }
  const modelType = options.model_type ?? (options as { modelType?: unknown }).modelType ?? "bpe";
  if (modelType !== "bpe") {
    throw new BelleError("ERR_BELLE_UNSUPPORTED", `model_type ${String(modelType)}: only "bpe" is trained here.`);
  }
  const { workFolder, onProgress, signal } = options;
  const memoryLimit = options.memoryLimit ?? (options.memory_limit_gb && options.memory_limit_gb * 1e9);
  if (memoryLimit !== undefined && !(memoryLimit > 0)) wrong("memoryLimit must be a positive number of bytes.");
  if (onProgress !== undefined && typeof onProgress !== "function") wrong("onProgress must be a function.");
  if (workFolder !== undefined && (typeof workFolder !== "string" || workFolder === "")) {
    wrong("workFolder must be the path of a folder.");
  }
  throwIfAborted(signal, "BPE training");
  const corpus = await spoolCorpus(inputs, {
    folder: workFolder,
    signal,
    onProgress: onProgress && ((progress) => onProgress({ phase: "unpack", ...progress })),
  });
  const request = {
    files: corpus.files,
    sentences,
    ...common,
    ...(memoryLimit !== undefined && { memoryLimit: Math.floor(memoryLimit) }),
    ...(workFolder !== undefined && { workFolder: join(workFolder, "counts") }),
  };
  try {
    return tokenizerOf(
      await withSignal(signal, "BPE training", (stop) => binding().trainBpe(request, stop, onProgress)),
    );
  } finally {
    await corpus.dispose();
  }
}

function wrong(message: string): never {
  throw new BelleError("ERR_BELLE_INVALID_ARGUMENT", message);
}

/** Whether it gives its items one by one. An array is there as a whole; a string would give its characters. */
function iterates(value: TrainBpeOptions["sentences"]): value is Iterable<string> | AsyncIterable<string> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Symbol.asyncIterator in value || Symbol.iterator in value;
}

function strings(name: string, value: unknown): string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) {
    wrong(`${name} must be an array of strings${name === "sentences" ? ", or iterate over strings" : ""}.`);
  }
  return [...value];
}

function inputFiles(input: string | readonly string[] | undefined): string[] {
  return typeof input === "string" ? input.split(",") : strings("input", input);
}

function threadCount(options: TrainBpeOptions): number {
  const threads = options.threads ?? options.num_threads ?? (options as { numThreads?: number }).numThreads ?? 0;
  if (!Number.isInteger(threads) || threads < 0 || threads > 1024) wrong("threads must be an integer from 0 to 1024.");
  return threads === 0 ? availableParallelism() : threads;
}
