// The benchmarks' own arithmetic and command line, the table, and benchKernel's arguments and counts.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { result, summary } from "../../bench/measure.ts";
import { commandWords, readOptions, UsageError } from "../../bench/options.ts";
import { PeerServer, peerCommand, runProgram } from "../../bench/peer.ts";
import { type ClaimReport, chooseClaims, claims } from "../../ts/cli/bench.ts";
import { displayWidth } from "../../ts/cli/ui/progress.ts";
import { benchTable } from "../../ts/cli/views/bench_view.ts";
import { benchKernel, type KernelRequest } from "../../ts/index.ts";
import { fails } from "../support/thrown.ts";

const test = suite("bench");
const node = process.execPath;

test("median and spread, of odd and even counts", () => {
  assert.equal(summary([3, 1, 10]), { median: 3, min: 1, max: 10 });
  assert.equal(summary([4, 1, 2, 10]), { median: 3, min: 1, max: 10 });
  assert.equal(summary([0.123456789]), { median: 0.1235, min: 0.1235, max: 0.1235 });
});

test("a ratio is the median of the rounds' ratios, better above 1 either way", () => {
  // The machine was twice as slow in the second round: both sides saw it.
  const speed = result({ name: "a", unit: "GF/s", higher: true, ours: [30, 15, 28], peer: [10, 5, 14] });
  assert.equal(speed.times_better, { median: 3, min: 2, max: 3 });
  const time = result({ name: "a", unit: "s", higher: false, ours: [1, 2], peer: [4, 6] });
  assert.equal(
    [time.times_better, time.peer],
    [
      { median: 3.5, min: 3, max: 4 },
      { median: 5, min: 4, max: 6 },
    ],
  );
  const alone = result({ name: "a", unit: "s", higher: false, ours: [1], peer: [] });
  assert.equal(Object.keys(alone), ["name", "unit", "higher", "ours"]);
});

test("options have defaults, and a quick run makes one round", () => {
  const options = readOptions(["--threads", "3", "--size", "9m", "--peer", "python3 -X dev"], ["size", "steps"]);
  assert.equal([options.threads, options.rounds, options.dtype, options.quick], [3, 3, "bfloat16", false]);
  assert.equal([options.peer, options.own], [["python3", "-X", "dev"], { size: "9m", steps: undefined }]);
  assert.is(readOptions(["--quick"]).rounds, 1);
  assert.ok(readOptions([]).threads >= 1);
  assert.equal(commandWords(`"/a b/python" -c 'x y'`), ["/a b/python", "-c", "x y"]);
});

const wrong: Array<[argv: string[], said: RegExp]> = [
  [["--quikc"], /^Unknown option '--quikc'\. Options: --peer, .*--quick\.$/],
  [["gemm"], /^Unexpected argument 'gemm'/],
  [["--rounds", "0"], /^--rounds must be a whole number of at least 1, not "0"\.$/],
  [["--threads", "two"], /^--threads must be a whole number of at least 0, not "two"\.$/],
  [["--dtype", "float16"], /^--dtype must be one of float32, bfloat16, not "float16"\.$/],
  [["--peer", " "], /^--peer must name a program/],
];

for (const [argv, said] of wrong)
  test(`the options ${argv.join(" ")} are refused`, () => {
    assert.throws(
      () => readOptions(argv),
      (error: unknown) => error instanceof UsageError && said.test(error.message),
    );
  });

test("a peer is a Python for our script, or a command of its own", () => {
  assert.match(peerCommand(["python3", "-O"], "sdpa.py").join(" "), /^python3 -O \/.*\/bench\/peers\/sdpa\.py$/);
  for (const own of [
    ["python3", "mine.py"],
    ["python3", "-c", "x"],
    ["python3", "-m", "x"],
  ])
    assert.equal(peerCommand(own, "sdpa.py"), own);
});

test("a program's last line is its answer; its peak memory is seen from outside", async () => {
  const body = `const b = Buffer.alloc(200e6, 1); setTimeout(() => console.log("x\\n" + JSON.stringify({ n: b.length })), 300)`;
  const { line, peakRss } = await runProgram([node, "-e", body]);
  assert.equal(line, { n: 200e6 });
  assert.ok(peakRss > 200e6 && peakRss < 400e6, String(peakRss));
});

test("a peer that fails is named, with its last sentence", async () => {
  const message = async (command: string[]) => {
    try {
      await runProgram(command);
    } catch (error) {
      return (error as Error).message;
    }
    return "";
  };
  assert.match(
    await message([node, "-e", `console.error("a\\nno torch"); process.exit(3)`]),
    /^node .*ended with 3: no torch$/,
  );
  assert.match(await message([node, "-e", `console.log("hello")`]), /must print one JSON line last, not: hello$/);
  assert.match(await message(["/nowhere/python3"]), /^python3 cannot be run: .*ENOENT/);
});

test("a peer that answers requests is asked one after another, and ends with its block", async () => {
  const echo = `require("readline").createInterface({ input: process.stdin }).on("line", (l) => console.log(JSON.stringify({ twice: 2 * JSON.parse(l).n })))`;
  {
    await using server = new PeerServer([node, "-e", echo]);
    assert.equal(await server.ask({ n: 2 }), { twice: 4 });
    assert.equal(await server.ask({ n: 5 }), { twice: 10 });
  }
  await using dead = new PeerServer([node, "-e", `console.error("no torch"); process.exit(1)`]);
  let said = "";
  await dead.ask({}).catch((error: Error) => {
    said = error.message;
  });
  assert.match(said, /ended with 1 before it answered: no torch$/);
});

test("claims are chosen in their order; an unknown one or a missing file is wrong usage", async () => {
  const choose = (asked: string[], file?: string) => chooseClaims(asked, file, ({ en }) => en);
  assert.equal(choose(["loss", "gemm"]), ["gemm", "loss"]);
  assert.equal(
    choose([]),
    claims.filter((claim) => claim !== "bpe_train"),
  );
  assert.equal(choose([], "a.txt"), [...claims]);
  await fails(() => choose(["gem"]), "ERR_BELLE_USAGE", /^There is no claim gem; there are gemm, /);
  await fails(() => choose(["bpe_train"]), "ERR_BELLE_USAGE", /--file/);
  await fails(
    () => chooseClaims(["gem"], undefined, ({ zh }) => zh),
    "ERR_BELLE_USAGE",
    /^没有 gem 这一项；可选 gemm、/,
  );
});

test("the table aligns its columns and says what each figure is judged by, in both languages", () => {
  const same = (value: number) => ({ median: value, min: value, max: value });
  const base = { unit: "ms", higher: false };
  const report: ClaimReport = {
    claim: "loss",
    dtype: "float32",
    threads: 2,
    rounds: 3,
    results: [
      { name: "short", ...base, ours: { median: 1.5, min: 1.25, max: 12345.6 }, peer: same(3), times_better: same(2) },
      { name: "a longer name", ...base, ours: same(2000), share_of_peak: same(0.876) },
      { name: "三", ...base, ours: same(2), times_three_gemms: same(1.1) },
    ],
  };
  const lines = benchTable([report], (text) => text.en).split("\n");
  assert.equal(lines, [
    "loss, float32, 2 threads, 3 rounds",
    "  short          1.5 (1.25–12,346) ms  peer 3: 2 × better",
    "  a longer name  2,000 ms              88% of the register peak",
    "  三             2 ms                  1.10 × its three GEMMs",
    "",
  ]);
  assert.is(displayWidth(lines[3]!.split("2 ms")[0]!), lines[2]!.indexOf("2,000"));
  const chinese = benchTable([report, report], (text) => text.zh);
  for (const words of ["2 线程，3 轮", "对方 3：优 2 倍", "寄存器峰值的 88%", "其三个 GEMM 的 1.10 倍"])
    assert.match(chinese, words);
});

const counts: Array<[request: KernelRequest, flops: number, bytes: number]> = [
  [{ op: "gemm", m: 3, n: 5, k: 7 }, 2 * 3 * 5 * 7, 0],
  [{ op: "gemm", m: 3, n: 5, k: 7, layout: "nt" }, 2 * 3 * 5 * 7, 0],
  [{ op: "gemm", m: 3, n: 5, k: 7, layout: "tn" }, 2 * 3 * 5 * 7, 0],
  // 7 tokens in documents of 3 and 4: 6 + 10 pairs.
  [{ op: "attention", tokens: 7, documents: 2, heads: 4, kvHeads: 2, headDim: 8 }, 4 * 16 * 8 * 4, 0],
  [{ op: "attention_backward", tokens: 7, documents: 2, heads: 4, headDim: 8, alibi: true }, 10 * 16 * 8 * 4, 0],
  [{ op: "linear_cross_entropy", rows: 20, d: 8, vocab: 50 }, 6 * 20 * 8 * 50, 0],
  [{ op: "linear_cross_entropy_gemms", rows: 20, d: 8, vocab: 50 }, 6 * 20 * 8 * 50, 0],
  [{ op: "adamw", n: 100 }, 0, 2800],
  [{ op: "rms_norm", rows: 4, d: 16 }, 0, 2 * 4 * 16 * 4],
  [{ op: "swiglu", rows: 4, d: 16 }, 0, 3 * 4 * 16 * 4],
];

for (const [request, flops, bytes] of counts)
  test(`benchKernel times ${JSON.stringify(request)} and counts its work`, async () => {
    const figure = await benchKernel(request, { backend: "cpu", threads: 1, seconds: 0 });
    const { median, min, max } = figure.seconds;
    assert.ok(0 < min && min <= median && median <= max && max < 1, JSON.stringify(figure));
    assert.ok(figure.repeats >= 1);
    assert.equal([figure.flops, figure.bytes], [flops, bytes]);
    assert.match(figure.isa, /^(avx512bf16|avx512|avx2|baseline)$/);
  });

test("bfloat16 moves half the bytes", async () => {
  const { bytes } = await benchKernel({ op: "swiglu", rows: 4, d: 16 }, { dtype: "bfloat16", seconds: 0 });
  assert.is(bytes, 3 * 4 * 16 * 2);
});

test("the loss takes as many rows at once as fit 54 MiB of logits, in sixteens", async () => {
  const of = async (rows: number, vocab: number, chunkRows = 0) => {
    const request = { op: "linear_cross_entropy", rows, d: 1, vocab, chunkRows } as const;
    return benchKernel(request, { threads: 1, seconds: 0 });
  };
  assert.is((await of(40, 100)).chunkRows, 40);
  assert.is((await of(40, 100, 24)).chunkRows, 24);
  const large = await of(96, 250_880); // 54 MiB / (4 × 250,880) = 56.4
  assert.is(large.chunkRows, 48);
  assert.ok(large.workspaceBytes >= 48 * 250_880 * 4);
});

test("the peak is above what a matrix product reaches", async () => {
  const options = { threads: 1, seconds: 0.05 };
  const peak = await benchKernel({ op: "peak" }, options);
  const gemm = await benchKernel({ op: "gemm", m: 192, n: 192, k: 192 }, options);
  assert.ok(peak.flops / peak.seconds.median > gemm.flops / gemm.seconds.median);
});

const refused: Array<[request: object, options: object, said: RegExp]> = [
  [{ op: "gem" }, {}, /^op must be one of peak, gemm, .*, not gem\.$/],
  [{ op: "gemm", m: 0, n: 1, k: 1 }, {}, /^request\.m must be an integer .*not 0\.$/],
  [{ op: "gemm", m: 1, n: 1, k: 1, layout: "tt" }, {}, /^request\.layout must be .*nn/],
  [{ op: "attention", tokens: 2, documents: 3, heads: 1, headDim: 8 }, {}, /documents must be .* at most tokens/],
  [{ op: "adamw", n: 1 }, { dtype: "float16" }, /^request\.dtype must be /],
  [{ op: "adamw", n: 1 }, { seconds: -1 }, /^seconds must be a number from 0 to 600, not -1\.$/],
  [{ op: "adamw", n: 1 }, { threads: 1e9 }, /^threads must be /],
  [{ op: "adamw", n: 1 }, { backend: "tpu" }, /^backend must be one of /],
];

for (const [request, options, said] of refused)
  test(`benchKernel refuses ${JSON.stringify({ ...request, ...options })}`, () =>
    fails(() => benchKernel(request as KernelRequest, options), "ERR_BELLE_INVALID_ARGUMENT", said).then(
      () => undefined,
    ));

test("sizes no memory holds, and an abort, are errors of their own", async () => {
  const huge = { op: "gemm", m: 2 ** 31 - 1, n: 2 ** 31 - 1, k: 2 ** 31 - 1 } as const;
  await fails(() => benchKernel(huge), "ERR_BELLE_OUT_OF_MEMORY", /./);
  const controller = new AbortController();
  const running = benchKernel({ op: "adamw", n: 1000 }, { seconds: 600, signal: controller.signal });
  setTimeout(() => controller.abort(), 20);
  await fails(() => running, "ERR_BELLE_ABORTED", /^The measurement was stopped/);
});

test.run();
