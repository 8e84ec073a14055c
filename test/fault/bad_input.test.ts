// Bad input: each gives one clear sentence (what, where, how to mend), its exit code, and nothing half-written.
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { errorCodes } from "../../ts/native/errors.ts";
import type { ChatServer } from "../support/chat_server.ts";
import { temporaryFolder } from "../support/folder.ts";
import type { BadInput } from "./cases/case.ts";
import { configFileCases } from "./cases/config_file.ts";
import { dataFileCases } from "./cases/data_file.ts";
import { judgeCases, judgeServiceCases, startRefusingServer } from "./cases/judge.ts";
import { modelFolderCases } from "./cases/model_folder.ts";
import { command, contents, makeTinyModel } from "./support.ts";

const test = suite("bad input");
const dir = temporaryFolder();
const whole = join(dir, "whole");
let server: ChatServer | undefined;
test.before(async () => {
  await makeTinyModel(whole);
  server = await startRefusingServer();
});
test.after(async () => {
  await server?.close();
  rmSync(dir, { recursive: true, force: true });
});

/** One line (a configuration: one for each mistake, each with the file's name), no trace of the program's inside. */
function isSentence(text: string): void {
  assert.match(text, /^(?:[^\n]+\n|(?:[^\n]*run\.yaml[^\n]+\n)+)$/, `not one sentence: ${JSON.stringify(text)}`);
  assert.not.match(text, /^\s+at |undefined|NaN|\[object |Error:/m);
}

async function check(badInput: BadInput, at: string, kept: readonly string[] = []): Promise<void> {
  const model = join(at, "model");
  mkdirSync(at);
  cpSync(whole, model, { recursive: true });
  rmSync(join(model, "MANIFEST.json"));
  const argv = await badInput.make({ dir: at, model, output: join(at, "output") });
  const before = contents(at);
  const now = () => Object.fromEntries(Object.entries(contents(at)).filter(([name]) => !kept.includes(name)));
  const told = await command([...argv, "--quiet"]);
  if (process.env.BELLE_FAULT_PRINT)
    console.log(`${badInput.name}\t${told.code}\t${told.err.trim().replaceAll(at, "")}`);
  isSentence(told.err);
  assert.equal([told.code, told.out], [badInput.code, ""]);
  for (const part of badInput.says) assert.match(told.err, part);
  assert.equal(now(), before);

  const json = await command([...argv, "--json"]);
  assert.is(json.code, badInput.code);
  assert.is(json.err, told.err);
  const { error } = JSON.parse(json.out) as { error: { code: string; message: string } };
  assert.equal([error.code, `${error.message}\n`], [badInput.error, told.err]);
  assert.ok(Object.hasOwn(errorCodes, error.code));
  assert.equal(now(), before);
}

const cases = [...modelFolderCases, ...configFileCases, ...dataFileCases, ...judgeCases];
for (const [i, badInput] of cases.entries()) test(badInput.name, () => check(badInput, join(dir, String(i))));
for (const [i, badInput] of judgeServiceCases.entries()) {
  // A failed call stands in the journal, so that people can see it.
  const kept = ["output/", "output/journal.jsonl"];
  test(badInput.name, () => check(badInput, join(dir, `judge-${i}`), kept));
}

test.run();
