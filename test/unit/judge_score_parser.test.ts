// Runs alone: it measures that time is linear.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseScore, type ScoreOptions } from "../../ts/judge/score_parser.ts";
import { testWithShared } from "../support/shared.ts";

const test = suite("judge score parser");

/** A number: ok with that score. [status, value]: not ok. */
type Expected = number | [string, number?];

function check(reply: string, expected: Expected, options?: ScoreOptions) {
  const parsed = parseScore(reply, options);
  const label = `${JSON.stringify(reply)} -> ${JSON.stringify(parsed)}`;
  if (typeof expected === "number") {
    assert.is(parsed.status, "ok", label);
    assert.ok(Math.abs(parsed.score! - expected) < 1e-12, label);
  } else {
    assert.is(parsed.status, expected[0], label);
    assert.is(parsed.score, undefined, label);
    if (expected[1] !== undefined) assert.is(parsed.value, expected[1], label);
  }
}

// The verdicts BELLE's authors published with their prompts of 2023-04-04.
const published: Array<[string, Expected]> = [
  ["得分: 0分", 0],
  ["学生的答案和标准答案一致，得分: 1分。", 1],
  ['再次，它在函数的结尾处打印了一个 "hello" 字符串，这并不是函数所要求的输出。\n因此，学生答案得分为 0 分。', 0],
  ["但学生的代码多了一行打印语句，没有影响到结果的正确性。所以，学生答案得1分。", 1],
  ["而模型将其归为护理类，这可能是一个笔误。因此，我给出4分的分数。", ["out_of_range", 4]],
  ["可以看出模型没有给出矿泉水、洗发水和红酒的分类，因此可以给出2分的分数。", ["out_of_range", 2]],
  ["分数：3分。模型正确提取出了人名，但未能识别出组织名。", ["out_of_range", 3]],
  ["应该是指“组织名”的意思，因此可以给出4分的分数。", ["out_of_range", 4]],
  ["得分: 0.5分", 0.5],
  [
    "因此可以给出3.5分的分数。需要提醒模型需要完整地回答问题并且提供足够的细节描述才能得到更高的分数。",
    ["out_of_range", 3.5],
  ],
  ["分数：0分\n模型的回答与标准答案完全不符，无法得到任何分数", 0],
  ["可以得出模型回答是正确的。因此，可以给模型5分的高分。", ["out_of_range", 5]],
  ["得分:1分。模型回答与标准回答完全一致，翻译准确无误。", 1],
  ["得分: 0.8分。模型回答了问题并表达了愿意与用户互相了解的态度", 0.8],
];

const cases: Record<string, Array<[string, Expected]>> = {
  "forms of the anchored number": [
    ["得分：０．８", 0.8],
    ["**得分**：0.8", 0.8],
    ["## 得分\n0.9\n理由：……", 0.9],
    ["得分【0.6】", 0.6],
    ["得分：“0.7”分", 0.7],
    ["总得分为0.9", 0.9],
    ["最终得分 = 0.85", 0.85],
    ["评分 0.4", 0.4],
    ["打分：1", 1],
    ["得分：.5", 0.5],
    ["得分: 1.\n理由", 1],
    ["得\u200b分: 0.3", 0.3],
    ["Score: 0.25", 0.25],
    ["rating is 0.75.", 0.75],
    ["final_score: 0.5", 0.5],
    ["Scores: 0.5", 0.5],
    ["Score - 0.8", ["unparsed"]],
    ["得分：1，100分制不适用", 1],
    ["得分：0.5，3个要点缺失", 0.5],
    ["得分: 1分。综上，得分：1.0", 1],
  ],
  "percents, fractions, denominators": [
    ["得分: 80%", 0.8],
    ["得分：８０％", 0.8],
    ["得分：0.8/1", 0.8],
    ["得分：0.5分/1分", 0.5],
    ["Score: 4/5", 0.8],
    ["score: 0.7 out of 1", 0.7],
    ["3/4", 0.75],
    ["理由如下。\n4/5\n", 0.8],
    ["得分: 6/5", ["out_of_range", 1.2]],
    ["得分: 1/0", ["unparsed"]],
  ],
  "verbs and bare numbers": [
    ["我会给这个回答打0.8分", 0.8],
    ["我打0.8分", 0.8],
    ["给模型回答0.6分", 0.6],
    ["给予0.9分", 0.9],
    ["扣0.2分，得0.8分", 0.8],
    ["第一问得0.5分，第二问得0.3分", ["ambiguous"]],
    ["0.75", 0.75],
    ["“1分”", 1],
    ["1。", 1],
    ["75%", 0.75],
  ],
  json: [
    ['{"score": 0.3, "reason": "原文说得分: 1"}', 0.3],
    ['```json\n{"score": 1, "reason": ""}\n```', 1],
    ['{"score": 7}', ["out_of_range", 7]],
    ['{"score": "0.4"}', 0.4],
  ],
  "not a score": [
    ["", ["empty"]],
    [" \u200b\n", ["empty"]],
    ["无法评分", ["unparsed"]],
    ["抱歉，我不能对此打分。", ["unparsed"]],
    ["得分：满分", ["unparsed"]],
    ["满分为1分，最低分为0分", ["unparsed"]],
    ['请按照"得分:"这样的形式输出分数。', ["unparsed"]],
    ["得分(满分1分): 0.8", 0.8],
    ["Score (0-1): 0.6", 0.6],
    ["得分: 0-1", ["unparsed"]],
    ["得分:0到1之间", ["unparsed"]],
    ["得分: 0.5+0.3=0.8", ["unparsed"]],
    ["得分：1/1/1", ["unparsed"]],
    ["得分:\n\n1. 模型回答正确\n2. 语句通顺", ["unparsed"]],
    ["得分点1: 语句通顺", ["unparsed"]],
    ["得分率80%", ["unparsed"]],
    ["得1分钟休息", ["unparsed"]],
    ["不能给1分", ["unparsed"]],
    ["最多给1分", ["unparsed"]],
    ["he scores 3 goals", ["unparsed"]],
    ["We score 5 points here", ["unparsed"]],
    ["2023/3/25", ["unparsed"]],
    ["将分数3/4化简，得分：1分", 1],
  ],
  "out of range is kept, not clamped": [
    ["得分: 1.5", ["out_of_range", 1.5]],
    ["得分: -1", ["out_of_range", -1]],
    ["得分-0.8", ["out_of_range", -0.8]],
    ["得分: 80分(满分100分)", ["out_of_range", 80]],
    ["得分: 1,000分", ["out_of_range", 1000]],
  ],
  ambiguous: [
    ["得分: 1分。……重新考虑，得分: 0分", ["ambiguous"]],
    ["如果一致，则得1分，如果不一致，则直接得0分", ["ambiguous"]],
  ],
};

test("the verdicts published with the prompts", () => {
  assert.is(published.length, 14);
  for (const [reply, expected] of published) check(reply, expected);
});

for (const [name, list] of Object.entries(cases)) {
  test(name, () => {
    for (const [reply, expected] of list) check(reply, expected);
  });
}

test("finish reasons come before parsing", () => {
  check("得分: 1分", ["truncated"], { finishReason: "length" });
  check("得分: 1分", ["filtered"], { finishReason: "content_filter" });
  check("", ["filtered"], { finishReason: "content_filter" });
  check("得分: 1分", 1, { finishReason: "stop" });
});

test("several scores by policy", () => {
  const reply = "得分: 0.2分。再想一下，得分: 0.9分";
  check(reply, ["ambiguous"]);
  check(reply, 0.2, { ambiguous: "first" });
  check(reply, 0.9, { ambiguous: "last" });
  assert.equal(parseScore(reply).values, [0.2, 0.9]);
});

test("rescaling happens only when asked, and only to plain numbers", () => {
  check("分数：3分。", 0.6, { rescale: 5 });
  check("得分: 4/5", 0.8, { rescale: 5 });
  check("得分: 80%", 0.8, { rescale: 5 });
  check("得分: 6", ["out_of_range", 1.2], { rescale: 5 });
});

test("long hostile replies take linear time", () => {
  const n = 200_000;
  const hostile = [
    `得分${" ".repeat(n)}1${"/".repeat(n)}`,
    "得分:".repeat(n / 4),
    "1".repeat(n),
    `得分${"1,111".repeat(n / 5)}`,
    "给".repeat(n),
    "满分1".repeat(n / 3),
    "\n".repeat(n),
    "(0 ".repeat(n / 3),
  ];
  const started = performance.now();
  for (const reply of hostile) parseScore(reply);
  assert.ok(performance.now() - started < 5000, "not linear");
  check("得分: 1".padEnd(1_100_000, "。"), ["unparsed"]);
});

testWithShared(
  test,
  "every demo output of the published prompt file gets a verdict that its text supports",
  (shared) => {
    const lines = readFileSync(join(shared, "data/belle/eval_prompt_2023-04-04.json"), "utf8").trim().split("\n");
    const statuses: Record<string, number> = {};
    for (const line of lines) {
      const record = JSON.parse(line) as Record<string, string>;
      for (const key of ["demo_output_1", "demo_output_2"]) {
        const text = record[key] ?? "";
        // The rewrite example holds its input in the output field.
        if (text === "" || record.class === "rewrite") continue;
        const { status } = parseScore(text);
        statuses[status] = (statuses[status] ?? 0) + 1;
      }
    }
    assert.equal(statuses, { ok: 13, out_of_range: 6 });
  },
);

test.run();
