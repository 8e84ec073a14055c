#!/usr/bin/env node
import type { Text } from "../config/language.ts";
import { processStreams } from "./output.ts";
import { languageOf, runProgram } from "./program.ts";
// Entry point: signals and the exit code; everything else is in program.ts.
import { frameText } from "./text.ts";

const argv = process.argv.slice(2);
const streams = processStreams();
const controller = new AbortController();

const tell = (text: Text) => streams.err(`\n${text[languageOf(argv, process.env)]}\n`);

for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.on(name, () => {
    // First: the command finishes what it has in hand. Second: out.
    if (controller.signal.aborted) {
      tell(frameText.leaving);
      process.exit(130);
    }
    tell(frameText.stopping);
    controller.abort(name);
  });
}

process.exitCode = await runProgram(argv, { streams, signal: controller.signal });
