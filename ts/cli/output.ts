// stdout carries answers and --json only; everything else goes to stderr.
import type { Language, Text } from "../config/language.ts";
import type { Context } from "./command.ts";
import { createProgress, silentProgress } from "./ui/progress.ts";

/** Where the program writes; tests give their own. */
export interface Streams {
  out(text: string): void;
  err(text: string): void;
  errIsTerminal: boolean;
  columns: number;
}

export function processStreams(): Streams {
  // A reader that went away (`| head`) is not an error of ours.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  }
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    errIsTerminal: process.stderr.isTTY === true,
    columns: process.stderr.columns ?? 80,
  };
}

export function createContext(options: {
  streams: Streams;
  language: Language;
  json: boolean;
  quiet: boolean;
  signal: AbortSignal;
}): Context {
  const { streams, language, json, quiet, signal } = options;
  const text = (sentence: Text) => sentence[language];
  const silent = quiet || json;
  return {
    language,
    json,
    quiet,
    signal,
    text,
    result: (value, human) => streams.out(json ? `${JSON.stringify(value)}\n` : `${human().replace(/\n$/, "")}\n`),
    summary: (value, sentence) => {
      if (json) streams.out(`${JSON.stringify(value)}\n`);
      else if (!quiet) streams.err(`${text(sentence)}\n`);
    },
    data: (raw) => streams.out(raw),
    event: (value) => {
      if (json) streams.out(`${JSON.stringify(value)}\n`);
    },
    note: (sentence) => {
      if (!silent) streams.err(`${text(sentence)}\n`);
    },
    warn: (sentence) => streams.err(`${text(sentence)}\n`),
    progress: (label) =>
      silent
        ? silentProgress
        : createProgress({
            label: text(label),
            language,
            write: streams.err,
            isTerminal: streams.errIsTerminal,
            columns: streams.columns,
          }),
  };
}
