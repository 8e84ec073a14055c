// `belle-train bench` as a user runs it: the smallest shape, for real.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { belle, start } from "../cli/support.ts";

const test = suite("bench cli");

test("a table on stdout; --json gives the claim's own line", async () => {
  const table = await belle(["bench", "gemm", "--quick", "--dtype", "float32", "--threads", "1", "--quiet"]);
  assert.equal([table.code, table.err], [0, ""]);
  const lines = table.out.trimEnd().split("\n");
  assert.is(lines[0], "gemm, float32, 1 threads, 1 rounds");
  assert.is(lines.length, 4);
  for (const line of lines.slice(1))
    assert.match(line, /^ {2}(nn|nt|tn) 256×256×256 \(square\), 1 thread +[\d.,]+ GF\/s +\d+% of the register peak$/);
  const json = await belle(["bench", "gemm", "--quick", "--dtype", "float32", "--threads", "1", "--json"]);
  assert.equal([json.code, json.err], [0, ""]);
  const report = JSON.parse(json.out) as { claim: string; results: Array<{ share_of_peak: { median: number } }> };
  assert.equal([report.claim, report.results.length], ["gemm", 3]);
  for (const { share_of_peak } of report.results) assert.ok(share_of_peak.median > 0 && share_of_peak.median < 1.2);
});

test("every claim runs; one that fails says why and does not hide the others", async () => {
  const names = ["attention", "loss", "optimizer", "train_step", "generate", "plan"];
  const { code, out, err } = await belle([
    "bench",
    ...["gemm", ...names],
    ...["--quick", "--dtype", "float32", "--threads", "1", "--peer", "/nowhere/python3", "--json"],
  ]);
  assert.is(code, 1);
  const lines = out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { claim: string; error?: { message: string } });
  assert.equal(
    lines.map(({ claim }) => claim),
    ["gemm", ...names],
  );
  // gemm and loss have no peer.
  const failed = lines.filter(({ error }) => error !== undefined).map(({ claim }) => claim);
  assert.equal(failed, ["attention", "optimizer", "train_step", "generate"]);
  assert.match(err, /^bench attention: python3 sdpa\.py cannot be run: .*ENOENT$/m);
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
