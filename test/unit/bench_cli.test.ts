// `belle-train bench` as a user runs it: the smallest shape, for real.
// Runs alone: it measures how soon an interrupt ends a benchmark.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { claims } from "../../ts/cli/bench.ts";
import { belle, start } from "../support/command_line.ts";
import { withFolder } from "../support/folder.ts";

const test = suite("bench cli");
const quick = ["--quick", "--dtype", "float32", "--threads", "1"];

test("a table on stdout; --json gives the claim's own line", async () => {
  const table = await belle(["bench", "gemm", ...quick, "--quiet"]);
  assert.equal([table.code, table.err], [0, ""]);
  const lines = table.out.trimEnd().split("\n");
  assert.is(lines[0], "gemm, float32, 1 threads, 1 rounds");
  assert.is(lines.length, 4);
  for (const line of lines.slice(1))
    assert.match(line, /^ {2}(nn|nt|tn) 256×256×256 \(square\), 1 thread +[\d.,]+ GF\/s +\d+% of the register peak$/);
  const json = await belle(["bench", "gemm", ...quick, "--json"]);
  assert.equal([json.code, json.err], [0, ""]);
  const report = JSON.parse(json.out) as { claim: string; results: Array<{ share_of_peak: { median: number } }> };
  assert.equal([report.claim, report.results.length], ["gemm", 3]);
  for (const { share_of_peak } of report.results) assert.ok(share_of_peak.median > 0 && share_of_peak.median < 1.2);
});

interface Line {
  claim: string;
  error?: { message: string };
  results?: Array<{ name: string; ours: { median: number; min: number; max: number }; peer?: object }>;
}

const linesOf = (out: string) =>
  out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);

test("every claim runs to its end and gives figures", () =>
  withFolder(async (folder) => {
    const file = join(folder, "text.txt");
    // 1,000 pieces need some variety.
    const word = (i: number) => String.fromCodePoint(0x4e00 + ((i * 7919) % 300), 0x4e00 + ((i * 104_729) % 300));
    writeFileSync(file, Array.from({ length: 2000 }, (_, i) => `${word(i)}${word(i * i)}${word(3 * i)}\n`).join(""));
    const { code, out, err } = await belle(["bench", ...quick, "--file", file, "--json"]);
    assert.equal([code, err], [0, ""]);
    const lines = linesOf(out);
    assert.equal(
      lines.map(({ claim }) => claim),
      [...claims],
    );
    for (const { claim, results = [] } of lines) {
      assert.ok(results.length > 0, claim);
      for (const { name, ours, peer } of results) {
        assert.ok(0 < ours.min && ours.min <= ours.median && ours.median <= ours.max, `${claim} ${name}`);
        assert.is(peer, undefined);
      }
    }
  }));

test("a claim that fails says why, in the language asked for, and does not hide the others", async () => {
  const asked = ["gemm", "attention", "loss", "optimizer", "generate"];
  const missing = ["--peer", "/nowhere/python3", "--json"];
  const { code, out, err } = await belle(["bench", ...asked, ...quick, ...missing]);
  assert.is(code, 1);
  const lines = linesOf(out);
  assert.equal(
    lines.map(({ claim }) => claim),
    asked,
  );
  // gemm and loss have no peer.
  const failed = lines.filter(({ error }) => error !== undefined).map(({ claim }) => claim);
  assert.equal(failed, ["attention", "optimizer", "generate"]);
  assert.match(err, /^bench attention: python3 sdpa\.py cannot be run: .*ENOENT$/m);
  const chinese = await belle(["bench", "attention", ...quick, ...missing, "--lang", "zh"]);
  assert.match(chinese.err, /^bench attention: python3 sdpa\.py 无法运行：.*ENOENT$/m);
});

test("a wrong option is wrong usage, told once", async () => {
  const { code, err } = await belle(["bench", "gemm", "loss", ...quick, "--rounds", "0"]);
  assert.is(code, 2);
  assert.is(err.match(/--rounds must be a whole number of at least 1, not "0"\./g)?.length, 1, err);
  assert.match(err, "belle-train bench --help");
});

test("an unknown claim is wrong usage", async () => {
  const { code, err } = await belle(["bench", "gem"]);
  assert.is(code, 2);
  assert.match(err, "There is no claim gem; there are gemm, attention,");
});

test("an interrupt ends the claim and its programs", async () => {
  const { child, finished } = start(["bench", "gemm", "--dtype", "float32", "--threads", "1", "--rounds", "100"]);
  await new Promise<void>((begun) =>
    child.stderr!.on("data", (chunk: Buffer) => String(chunk).includes("measuring gemm (1/1)") && begun()),
  );
  const asked = Date.now();
  child.kill("SIGINT");
  const { code, err } = await finished;
  assert.is(code, 130);
  assert.match(err, "Interrupted.");
  assert.ok(Date.now() - asked < 5000);
});

test.run();
