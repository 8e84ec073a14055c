// A command line in this process, as the program runs it once its signals are set up.
import type { CommandEntry } from "../../ts/cli/command.ts";
import { runProgram } from "../../ts/cli/program.ts";

export interface Outcome {
  code: number | null;
  /** What it printed to stdout and stderr. */
  out: string;
  err: string;
}

export interface CommandOptions {
  env?: NodeJS.ProcessEnv;
  signal?: AbortSignal;
  /** Commands instead of the program's own. */
  table?: readonly CommandEntry[];
}

export async function runCommand(argv: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
  const { env = {}, signal = new AbortController().signal, table } = options;
  let out = "";
  let err = "";
  const streams = {
    out: (text: string) => {
      out += text;
    },
    err: (text: string) => {
      err += text;
    },
    errIsTerminal: false,
    columns: 80,
  };
  const code = await runProgram([...argv], { streams, signal, env, ...(table && { table }) });
  return { code, out, err };
}
