// The command line: yargs over the table of commands, one catch, one exit code.
import yargs, { type Argv } from "yargs";
import { detectLanguage, type Language } from "../config/language.ts";
import { BelleError } from "../native/errors.ts";
import type { Command, CommandEntry, Context } from "./command.ts";
import { commands, groups } from "./commands.ts";
import { reportFailure } from "./failure.ts";
import { createContext, type Streams } from "./output.ts";
import { frameText } from "./text.ts";
import { packageVersion } from "./version.ts";

export interface ProgramOptions {
  streams: Streams;
  /** Aborted at the first signal, with the signal's name as reason. */
  signal: AbortSignal;
  env?: Readonly<Record<string, string | undefined>>;
  table?: readonly CommandEntry[];
}

/** `--lang` wherever it stands; help must be in that language before anything else is parsed. */
export function languageOf(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): Language {
  const at = argv.findIndex((word) => word === "--lang" || word.startsWith("--lang="));
  const word = at < 0 ? undefined : argv[at]!.includes("=") ? argv[at]!.slice(7) : argv[at + 1];
  return word === "zh" || word === "en" ? word : detectLanguage(env);
}

type Runner = (command: Command, args: Record<string, unknown>) => Promise<void>;

function addArguments(parser: Argv, command: Command, language: Language): Argv {
  let built = parser;
  for (const [name, spec] of Object.entries(command.positionals)) {
    built = built.positional(name, {
      describe: spec.text[language],
      type: "string",
    });
  }
  for (const [name, spec] of Object.entries(command.options)) {
    built = built.option(name, {
      describe: spec.text[language],
      type: spec.type === "strings" ? "string" : spec.type,
      ...(spec.type === "strings" ? { array: true, nargs: 1 } : { requiresArg: spec.type !== "boolean" }),
      ...(spec.alias === undefined ? {} : { alias: spec.alias }),
      ...(spec.default === undefined ? {} : { default: spec.default }),
      ...(spec.required ? { demandOption: true } : {}),
      ...(spec.choices === undefined ? {} : { choices: spec.choices }),
    });
  }
  // A command's own options stand first.
  const own = Object.keys(command.options);
  if (own.length > 0) built = built.group(own, frameText.options[language]);
  built = built.group(["json", "quiet", "lang", "help", "version"], frameText.common[language]);
  for (const [line, text] of command.examples) built = built.example(line, text[language]);
  return built.strict();
}

function addCommand(parser: Argv, entry: CommandEntry, language: Language, run: Runner): Argv {
  const word = entry.name.split(" ").at(-1)!;
  let loaded: Command | undefined;
  const load = async () => {
    loaded ??= (await entry.load()).command;
    return loaded;
  };
  const usage = entry.usage === undefined ? "" : ` ${entry.usage}`;
  return parser.command(
    word + usage,
    entry.summary[language],
    async (child: Argv) => {
      const command = await load();
      return addArguments(child.usage(`$0 ${entry.name}${usage}\n\n${entry.summary[language]}`), command, language);
    },
    async (args: Record<string, unknown>) => run(await load(), args),
  );
}

/** The command `argv` begins with, as far as it is one; for the hint under a usage error. */
function commandOf(argv: readonly string[], table: readonly CommandEntry[]): string {
  const [first = "", second = ""] = argv;
  const names = [`${first} ${second}`, first];
  return (
    names.find((name) => table.some((entry) => entry.name === name)) ?? (Object.hasOwn(groups, first) ? first : "")
  );
}

/** Builds the parser; `run` is called with the command chosen. */
function createParser(argv: readonly string[], language: Language, table: readonly CommandEntry[], run: Runner): Argv {
  let parser: Argv = yargs([...argv])
    .scriptName("belle-train")
    .locale(language === "zh" ? "zh_CN" : "en")
    .usage(frameText.usage[language])
    .option("json", { type: "boolean", default: false, describe: frameText.json[language], global: true })
    .option("quiet", { type: "boolean", default: false, describe: frameText.quiet[language], global: true })
    .option("lang", {
      choices: ["en", "zh"] as const,
      describe: frameText.lang[language],
      global: true,
      requiresArg: true,
    })
    .help("help", frameText.help[language])
    .version("version", frameText.version[language], packageVersion())
    .completion("completion", frameText.completion[language])
    .epilogue(frameText.epilogue[language])
    .wrap(100)
    .strict()
    .recommendCommands()
    .demandCommand(1, frameText.demand[language])
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined) => {
      throw error ?? new BelleError("ERR_BELLE_USAGE", message ?? frameText.demand[language]);
    });
  for (const entry of table.filter((each) => !each.name.includes(" "))) {
    parser = addCommand(parser, entry, language, run);
  }
  for (const [group, text] of Object.entries(groups)) {
    const members = table.filter((entry) => entry.name.startsWith(`${group} `));
    if (members.length === 0) continue;
    parser = parser.command(group, text[language], (child: Argv) => {
      let built = child.usage(`belle-train ${group} <command>\n\n${text[language]}`);
      for (const entry of members) built = addCommand(built, entry, language, run);
      return built.demandCommand(1, frameText.demand[language]).recommendCommands().strict();
    });
  }
  return parser;
}

/** Help text of the command `argv` names. */
export async function helpText(argv: readonly string[], language: Language, table = commands): Promise<string> {
  return createParser(argv, language, table, async () => {}).getHelp();
}

/** Parses `argv` (without node and script), runs the command, resolves to the exit code. Never rejects. */
export async function runProgram(argv: readonly string[], options: ProgramOptions): Promise<number> {
  const { streams, signal } = options;
  const language = languageOf(argv, options.env ?? process.env);
  const json = argv.includes("--json");
  let code: number | undefined;
  const table = options.table ?? commands;
  let resumable = false;
  const run: Runner = async (command, args) => {
    resumable = command.resumable;
    const context: Context = createContext({
      streams,
      language,
      json: args.json === true,
      quiet: args.quiet === true,
      signal,
    });
    code = await command.run(args, context);
  };
  try {
    const parser = createParser(argv, language, table, run);
    let printed = "";
    await parser.parseAsync([...argv], {}, (_error: unknown, _args: unknown, output: string) => {
      printed = output;
    });
    if (printed !== "") streams.out(`${printed}\n`);
    return code ?? 0;
  } catch (error) {
    const reason: unknown = signal.reason;
    const stoppedBy = reason === "SIGTERM" || reason === "SIGINT" ? reason : undefined;
    return reportFailure(error, { streams, language, json, command: commandOf(argv, table), stoppedBy, resumable });
  }
}
