// A full disk in every stage: one sentence, exit 1, nothing half-written, and with more room the same command goes on.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { binding } from "../../ts/native/load.ts";
import { type ChatServer, startChatServer } from "../support/chat_server.ts";
import { belle, type Finished } from "../support/command_line.ts";
import { withFolder } from "../support/folder.ts";
import { outcomeOf, succeeded, writeInputs } from "./killed_run.ts";
import { contents, conversations, leftovers, quickstartBase, writeFiles } from "./support.ts";

const test = suite("disk full");

let server: ChatServer;
test.before(async () => {
  server = await startChatServer(() => ({ kind: "answer", text: "得分: 0.5" }));
});
test.after(() => server.close());

/** A place with little room: a file system of its own, or a limit on the size of a file. */
interface Place {
  folder: string;
  /** Runs the command with this much room. */
  run(argv: string[], kibibytes: number): Promise<Finished>;
  close(): void;
}

function smallDisk(dir: string): Place {
  const folder = join(dir, "disk");
  mkdirSync(folder);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=16k", "belle-fault", folder], { stdio: "pipe" });
  return {
    folder,
    run(argv, kibibytes) {
      execFileSync("mount", ["-o", `remount,size=${kibibytes}k`, folder]);
      return belle(argv);
    },
    close: () => execFileSync("umount", ["--lazy", folder]),
  };
}

function fileSizeLimit(dir: string): Place {
  return {
    folder: join(dir, "limited"),
    run: (argv, kibibytes) =>
      belle(argv, { through: ["bash", "-c", `ulimit -f ${kibibytes} && exec "$@"`, "limited"] }),
    close: () => {},
  };
}

function mayMount(): boolean {
  try {
    execFileSync("unshare", ["-m", "mount", "-t", "tmpfs", "none", "/mnt"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** The last line names the place and the mend; before it only warnings that name it, too. */
function saysFull({ code, signal, out, err }: Finished, folder: string): void {
  assert.equal([code, signal, out], [1, null, ""], err);
  const lines = err.trimEnd().split("\n");
  for (const line of lines) assert.match(line, folder, err);
  assert.match(lines.at(-1)!, /(?:no space left|No space left|ENOSPC|File too large|EFBIG|it needs \d+ free bytes)/);
  assert.match(lines.at(-1)!, /free some|another (?:output folder|disk)/);
  assert.not.match(err, /^\s+at /m);
}

/** Every folder with a manifest has what the manifest says. */
async function isWhole(folder: string): Promise<void> {
  for (const name of Object.keys(contents(folder)).filter((path) => /(?:^|\/)MANIFEST\.json$/.test(path)))
    await binding().verifyManifest(join(folder, dirname(name)));
}

const variants: Array<[string, boolean, (dir: string) => Place]> = [
  ["a small disk", mayMount(), smallDisk],
  ["a file size limit", true, fileSizeLimit],
];

for (const [name, possible, make] of variants) {
  if (!possible) {
    globalThis.BELLE_SKIPPED?.push(`disk full: ${name} (mounting is not permitted)`);
    continue;
  }
  const withPlace = (body: (place: Place, dir: string) => Promise<void>) =>
    withFolder(async (dir) => {
      const place = make(dir);
      try {
        await body(place, dir);
      } finally {
        place.close();
      }
    });

  test(`data prepare on ${name}`, () =>
    withPlace(async (place, dir) => {
      writeFiles(dir, { "sft.jsonl": conversations(2000) });
      const output = join(place.folder, "shards");
      const argv = ["data", "prepare", join(dir, "sft.jsonl"), "--tokenizer", quickstartBase, "--output", output];
      // Too little for the working file, then for the shards beside it.
      for (const room of [16, 400]) {
        saysFull(await place.run([...argv, "--quiet"], room), place.folder);
        assert.equal(Object.keys(contents(place.folder)), []);
      }
      succeeded(await place.run([...argv, "--quiet"], 1 << 14));
      await isWhole(output);
    }));

  test(`the quickstart on ${name}`, () =>
    withPlace(async (place) => {
      const ended = await place.run(["quickstart", "--quiet", "--output", join(place.folder, "run")], 16);
      saysFull(ended, place.folder);
      assert.equal(
        Object.keys(contents(place.folder)).filter((path) => !path.endsWith("/")),
        [],
      );
    }));

  test(`a recipe on ${name}`, () =>
    withPlace(async (place, dir) => {
      const config = writeInputs(dir, server.baseUrl);
      const argv = (output: string) => ["recipe", "run", config, "--quiet", "--set", `output_dir=${output}`];
      succeeded(await belle(argv(join(dir, "whole"))));
      const output = join(place.folder, "run");
      const said = new Set<string>();
      for (const room of [16, 400, 1400, 2400, 4000]) {
        const ended = await place.run(argv(output), room);
        if (ended.code === 0) break;
        if (process.env.BELLE_FAULT_PRINT) console.log(`${room}\t${ended.code}\t${ended.err.replaceAll(dir, "")}`);
        saysFull(ended, place.folder);
        assert.equal(leftovers(place.folder), []);
        await isWhole(place.folder);
        said.add(ended.err.replace(/\d+/g, "0"));
      }
      // It stopped in several places: vocabulary, model, data or checkpoints.
      assert.ok(said.size >= 3, [...said].join(""));
      succeeded(await place.run(argv(output), 1 << 16));
      const [whole, parts] = [outcomeOf(join(dir, "whole")), outcomeOf(output)];
      assert.equal([parts.files, parts.averages], [whole.files, whole.averages]);
      assert.equal(parts.leftovers, []);
      for (const rows of Object.values(parts.metrics)) assert.is(new Set(rows).size, rows.length);
      const records = readdirSync(join(output, "stages"));
      for (const record of records) JSON.parse(readFileSync(join(output, "stages", record), "utf8"));
    }));
}

test.run();
