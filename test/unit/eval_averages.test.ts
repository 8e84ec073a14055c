import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  averageScores,
  nineCategoryScheme,
  type ScoredItem,
  schemeOfClasses,
  twelveUseCaseScheme,
} from "../../ts/eval/averages.ts";
import { philox, RandomStream } from "../../ts/eval/random.ts";
import {
  bootstrapMacro,
  estimateMacro,
  estimateMean,
  pairedDifference,
  studentQuantile,
  studentTwoSided,
} from "../../ts/eval/statistics.ts";
import { nineCategories } from "../../ts/judge/classes.ts";
import { thrown } from "../support/thrown.ts";

const test = suite("eval averages");

function near(actual: number | undefined, expected: number, tolerance = 1e-9): void {
  assert.ok(actual !== undefined && Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);
}

// arXiv 2304.07854, table 5: others, rewrite, classification, generation, summarization, extract, open qa, brainstorming,
// closed qa -> macro average, macro average without others. Cells are rounded to three digits in print.
const table5: Array<[string, number[], number, number]> = [
  ["LLaMA-EXT zh(3.5&4)+sharegpt", [0.419, 0.858, 0.655, 0.897, 0.663, 0.456, 0.422, 0.837, 0.577], 0.643, 0.67],
  ["LLaMA zh(3.5&4)+sharegpt", [0.442, 0.828, 0.655, 0.853, 0.743, 0.444, 0.355, 0.803, 0.537], 0.629, 0.652],
  ["zh(alpaca-3.5)", [0.338, 0.789, 0.691, 0.825, 0.624, 0.423, 0.358, 0.805, 0.616], 0.608, 0.642],
  // biome-ignore lint/suspicious/noApproximativeNumericConstant: a printed cell, not the logarithm of 2
  ["zh(alpaca-4)", [0.419, 0.825, 0.626, 0.918, 0.69, 0.559, 0.451, 0.879, 0.593], 0.662, 0.693],
  ["zh(alpaca-3.5&4)", [0.412, 0.807, 0.637, 0.889, 0.709, 0.489, 0.445, 0.814, 0.645], 0.65, 0.679],
  ["en(alpaca-3.5&4)", [0.376, 0.76, 0.606, 0.894, 0.744, 0.489, 0.376, 0.899, 0.502], 0.627, 0.659],
  ["en(alpaca-3.5&4)+sharegpt", [0.508, 0.774, 0.632, 0.818, 0.691, 0.578, 0.38, 0.819, 0.653], 0.65, 0.668],
  ["zh(3.5&4)+sharegpt+belle-3.5", [0.566, 0.904, 0.82, 0.984, 0.753, 0.461, 0.564, 0.938, 0.672], 0.74, 0.762],
  ["ChatGPT", [0.875, 0.861, 0.813, 0.971, 0.795, 0.767, 0.69, 0.944, 0.751], 0.83, 0.824],
];

for (const [name, means, macro, withoutOthers] of table5) {
  test(`table 5 of 2304.07854: ${name}`, () => {
    // Two items a category, whose mean is the cell; "others" is split over math and code.
    const items = nineCategories.flatMap((category, k): ScoredItem[] => {
      const spread = Math.min(means[k]!, 1 - means[k]!) / 2;
      const [a, b] = category === "others" ? ["math", "code"] : [category, category];
      return [
        { id: `${k}a`, class: a!, score: means[k]! - spread },
        { id: `${k}b`, class: b!, score: means[k]! + spread },
      ];
    });
    const averages = averageScores(items, nineCategoryScheme, { bootstrapRounds: 50 });
    assert.equal(
      averages.macros.map((one) => one.id),
      ["macro_average", "macro_average_without_others"],
    );
    near(averages.macros[0]!.mean, macro, 1e-3);
    near(averages.macros[1]!.mean, withoutOthers, 1e-3);
  });
}

test("others is one category over its items, not the mean of math and code", () => {
  const items: ScoredItem[] = [
    { id: "1", class: "math", score: 1 },
    { id: "2", class: "math", score: 1 },
    { id: "3", class: "math", score: 1 },
    { id: "4", class: "code", score: 0 },
  ];
  const averages = averageScores(items, nineCategoryScheme);
  assert.is(averages.categories.length, 1);
  near(averages.categories[0]!.mean, 0.75);
  assert.equal(averages.macros.length, 1);
  assert.is(averages.macros[0]!.missing.length, 8);
});

test("twelve use cases: overall is the unweighted mean of types", () => {
  const items: ScoredItem[] = [];
  for (const [k, { id }] of twelveUseCaseScheme.categories.entries()) {
    for (let i = 0; i <= k; i++) items.push({ id: `${k}-${i}`, class: id, score: k / 11 });
  }
  const averages = averageScores(items, twelveUseCaseScheme, { bootstrapRounds: 50 });
  assert.equal(
    averages.macros.map((one) => one.id),
    ["overall"],
  );
  near(averages.macros[0]!.mean, 0.5);
  assert.is(averages.macros[0]!.n, 78);
  // By items the larger types weigh more: sum k(k+1) / 11 / 78.
  near(averages.items.mean, 572 / 11 / 78);
});

test("items without a score lower the coverage and no mean", () => {
  const items: ScoredItem[] = [
    { id: "1", class: "a", score: 0.4 },
    { id: "2", class: "a" },
    { id: "3", class: "a", score: 0.6 },
    { id: "4", class: "b" },
  ];
  const averages = averageScores(items, schemeOfClasses(["a", "b", "a"]));
  const [a, b] = averages.categories;
  near(a!.mean, 0.5);
  assert.is(a!.n, 2);
  near(a!.coverage, 2 / 3);
  assert.is(b!.mean, undefined);
  assert.is(b!.coverage, 0);
  assert.equal(averages.macros[0]!.missing, ["b"]);
  near(averages.items.coverage, 0.5);
});

test("a class without a category is refused", async () => {
  const error = await thrown(() => averageScores([{ id: "7", class: "cot", score: 1 }], nineCategoryScheme));
  assert.match(error.message, /Item 7: the categories of 2304\.07854 have no place for class "cot"/);
});

test("Student's t against tables", () => {
  near(studentQuantile(0.95, 1), 12.706204736432095, 1e-8);
  near(studentQuantile(0.95, 2), 4.302652729696142, 1e-9);
  near(studentQuantile(0.95, 10), 2.2281388519649385, 1e-9);
  near(studentQuantile(0.99, 30), 2.74999565356726, 1e-9);
  near(studentQuantile(0.95, 2.5), 3.5746548418, 1e-8);
  near(studentQuantile(0.95, 1e6), 1.9599663, 1e-5);
  near(studentTwoSided(2.0, 5), 0.1019394788, 1e-9);
});

test("mean, standard error and interval of a sample", () => {
  const estimate = estimateMean([0.1, 0.4, 0.4, 0.9]);
  near(estimate.mean, 0.45);
  near(estimate.sd, Math.sqrt(0.33 / 3));
  near(estimate.se, Math.sqrt(0.33 / 3 / 4));
  near(estimate.interval!.high - estimate.interval!.low, 2 * 3.182446305284263 * Math.sqrt(0.0275), 1e-9);
  assert.equal(estimateMean([]), { n: 0 });
  assert.equal(estimateMean([0.3]), { n: 1, mean: 0.3 });
});

test("macro standard error: sqrt of the summed squares over K", () => {
  const groups = [estimateMean([0, 1, 0, 1]), estimateMean([0.2, 0.4, 0.6])];
  const macro = estimateMacro(groups);
  near(macro.mean, 0.45);
  near(macro.se, Math.sqrt(groups[0]!.se! ** 2 + groups[1]!.se! ** 2) / 2);
  assert.is(estimateMacro([estimateMean([1]), groups[0]!]).se, undefined);
  assert.equal(estimateMacro([estimateMean([1, 1]), estimateMean([0, 0])]).interval, { low: 0.5, high: 0.5 });
});

test("bootstrap: seeded, and close to the t interval on a large sample", () => {
  const random = new RandomStream(3);
  const values = Array.from({ length: 400 }, () => random.nextUint32() / 2 ** 32);
  const a = bootstrapMacro([values], { seed: 1 })!;
  assert.equal(a, bootstrapMacro([values], { seed: 1 }));
  assert.not.equal(a, bootstrapMacro([values], { seed: 2 }));
  const t = estimateMean(values).interval!;
  near(a.low, t.low, 0.006);
  near(a.high, t.high, 0.006);
  assert.is(bootstrapMacro([values, []], { seed: 1 }), undefined);
});

test("paired difference on shared items", () => {
  const a = new Map([
    ["1", 1],
    ["2", 0.5],
    ["3", 0.7],
    ["x", 1],
  ]);
  const b = new Map([
    ["1", 0.5],
    ["2", 0.5],
    ["3", 0.1],
    ["y", 0],
  ]);
  const difference = pairedDifference(a, b);
  assert.is(difference.n, 3);
  near(difference.mean, 1.1 / 3);
  near(difference.pValue, studentTwoSided(difference.mean! / difference.se!, 2));
  assert.is(pairedDifference(a, a).pValue, 1);
});

test("Philox 4x32-10 against the known answers of Random123", () => {
  const hex = (words: number[]) => words.map((word) => word.toString(16).padStart(8, "0")).join(" ");
  assert.is(hex(philox([0, 0, 0, 0], [0, 0])), "6627e8d5 e169c58d bc57ac4c 9b00dbd8");
  const ones = 0xffffffff;
  assert.is(hex(philox([ones, ones, ones, ones], [ones, ones])), "408f276d 41c83b0e a20bc7c6 6d5451fd");
  const pi = philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]);
  assert.is(hex(pi), "d16cfe09 94fdcceb 5001e420 24126ea1");
});

test("random choices are subsets in order, every element as likely", () => {
  const counts = new Array<number>(10).fill(0);
  for (let seed = 0; seed < 2000; seed++) {
    const chosen = new RandomStream(seed).choose(10, 3);
    assert.equal(
      [...new Set(chosen)].sort((a, b) => a - b),
      chosen,
    );
    for (const i of chosen) counts[i]!++;
  }
  for (const count of counts) assert.ok(Math.abs(count - 600) < 100, `${counts}`);
});

test.run();
