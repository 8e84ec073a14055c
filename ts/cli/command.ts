// What a command is: a declaration of its arguments with help in two languages, and a function. One command, one file
// in commands/, one line in commands.ts.
import type { Language, Text } from "../config/language.ts";
import type { Progress } from "./ui/progress.ts";

export interface OptionSpec {
  type: "string" | "number" | "boolean" | "strings";
  text: Text;
  alias?: string;
  default?: string | number | boolean;
  required?: boolean;
  choices?: readonly string[];
}

export interface PositionalSpec {
  /** strings: one or more, must be the last. */
  type: "string" | "strings";
  text: Text;
  required?: boolean;
}

type Plain<S extends OptionSpec | PositionalSpec> = S extends { choices: readonly (infer C)[] }
  ? C
  : S["type"] extends "strings"
    ? string[]
    : S["type"] extends "number"
      ? number
      : S["type"] extends "boolean"
        ? boolean
        : string;
type Present<S> = S extends { default: string | number | boolean } | { required: true } ? true : false;
type ValueOf<S extends OptionSpec | PositionalSpec> = Present<S> extends true ? Plain<S> : Plain<S> | undefined;

/** Parsed arguments by their declared names (`max-length` stays `max-length`). */
export type Arguments<O extends Record<string, OptionSpec>, P extends Record<string, PositionalSpec>> = {
  [K in keyof O]: ValueOf<O[K]>;
} & { [K in keyof P]: ValueOf<P[K]> };

/** What a command may do to the outside world besides its work. */
export interface Context {
  language: Language;
  json: boolean;
  quiet: boolean;
  /** Aborts at the first SIGINT or SIGTERM. */
  signal: AbortSignal;
  /** The sentence in the user's language. */
  text(text: Text): string;
  /** The command's answer: `human` on stdout, or `value` as one line of JSON there with --json. */
  result(value: object, human: () => string): void;
  /** What was done: `value` on stdout with --json, else a sentence on stderr. */
  summary(value: object, text: Text): void;
  /** Raw data on stdout, whatever the flags. */
  data(text: string): void;
  /** One JSON line of a stream on stdout with --json, else nothing. */
  event(value: object): void;
  /** On stderr; silent with --quiet and --json. */
  note(text: Text): void;
  /** On stderr, always. */
  warn(text: Text): void;
  /** A progress line on stderr; silent with --quiet and --json. */
  progress(label: Text): Progress;
}

export interface Command {
  options: Record<string, OptionSpec>;
  positionals: Record<string, PositionalSpec>;
  examples: ReadonlyArray<readonly [string, Text]>;
  /** A stopped run of it can be continued by the same command line: SIGTERM then exits 75. */
  resumable: boolean;
  /** Resolves to the exit code; nothing means 0. */
  run(args: Record<string, unknown>, context: Context): Promise<number | undefined>;
}

/** Declares a command; `run` sees its arguments typed by the declaration. */
export function defineCommand<
  const O extends Record<string, OptionSpec> = Record<never, OptionSpec>,
  const P extends Record<string, PositionalSpec> = Record<never, PositionalSpec>,
>(spec: {
  options?: O;
  positionals?: P;
  examples?: ReadonlyArray<readonly [string, Text]>;
  resumable?: boolean;
  run(args: Arguments<O, P>, context: Context): Promise<number | undefined> | Promise<void>;
}): Command {
  return {
    options: spec.options ?? {},
    positionals: spec.positionals ?? {},
    examples: spec.examples ?? [],
    resumable: spec.resumable ?? false,
    // The parser fills exactly the declared names with values of the declared types.
    run: async (args, context) => (await spec.run(args as Arguments<O, P>, context)) ?? undefined,
  };
}

export interface CommandEntry {
  /** `doctor`, or `group name`. */
  name: string;
  /** Its positionals as yargs writes them, e.g. `<config> [files..]`; must match the declaration in its file. */
  usage?: string;
  summary: Text;
  load(): Promise<{ command: Command }>;
}
