import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadEvalSet } from "../../ts/eval/eval_set.ts";
import { evaluateByRules } from "../../ts/eval/evaluate.ts";
import { normalise, numbersIn, parseCheck, type RuleCheck, scoreByRule } from "../../ts/eval/rules.ts";
import { root } from "../support/paths.ts";

const test = suite("eval rules");

const rules: Array<[RuleCheck, string, 0 | 1]> = [
  [{ kind: "equals", value: "动物" }, " “动物”。", 1],
  [{ kind: "equals", value: "Beijing" }, "ＢＥＩＪＩＮＧ!", 1],
  [{ kind: "equals", value: "动物" }, "是动物", 0],
  [{ kind: "contains", value: "青草" }, "牛喜欢吃青草。", 1],
  [{ kind: "contains", value: "sheep" }, "羊的英文是 sheep。", 1],
  [{ kind: "contains", value: "sheep" }, "sheepish", 0],
  [{ kind: "contains", value: "5" }, "15", 0],
  [{ kind: "contains", value: "5" }, "15, 5个", 1],
  [{ kind: "contains", value: "(a+)+$" }, "aaaa", 0],
  [{ kind: "one_of", value: ["是", "对"] }, "对。", 1],
  [{ kind: "one_of", value: ["是", "对"] }, "不对", 0],
  [{ kind: "at_least", values: ["猫", "狗", "羊"], count: 2 }, "羊和猫", 1],
  [{ kind: "at_least", values: ["猫", "狗", "羊"], count: 2 }, "羊、羊、羊", 0],
  [{ kind: "number", value: 8 }, "15减7等于8。", 1],
  [{ kind: "number", value: 8 }, "等于８", 1],
  [{ kind: "number", value: 8 }, "8不对，是9", 0],
  [{ kind: "number", value: 8 }, "八", 0],
  [{ kind: "number", value: 1234.5 }, "共1,234.50元", 1],
  [{ kind: "number", value: -3 }, "答案: -3", 1],
  [{ kind: "number", value: 0.33, tolerance: 0.01 }, "约0.333", 1],
];
for (const [check, answer, expected] of rules) {
  test(`rule ${JSON.stringify(check)} on ${JSON.stringify(answer)} gives ${expected}`, () => {
    assert.is(scoreByRule(check, answer), expected);
    assert.equal(parseCheck(JSON.parse(JSON.stringify(check))), check);
  });
}

test("numbers of a text", () => {
  assert.equal(numbersIn("3-2=1，-5，1,23，1,234,567.5，2024-05-01"), [3, 2, 1, -5, 1, 23, 1234567.5, 2024, 5, 1]);
  assert.equal(numbersIn("没有"), []);
  assert.is(normalise("《　你好，ＡＢ  c！》"), "你好,ab c");
});

test("wrong checks are refused in words", async () => {
  const bad: Array<[unknown, RegExp]> = [
    ["x", /"check" must be an object/],
    [{ kind: "equals", value: "。" }, /"check\.value" must be a text with letters or digits/],
    [{ kind: "one_of", value: [] }, /list of 1 to 1000 texts/],
    [{ kind: "at_least", values: ["a"], count: 2 }, /"check\.count" must be a whole number from 1/],
    [{ kind: "number", value: "8" }, /"check\.value" must be a number/],
    [{ kind: "number", value: 8, tolerance: -1 }, /"check\.tolerance" must be 0 or more/],
  ];
  for (const [check, message] of bad) assert.throws(() => parseCheck(check), message);
});

test("the quickstart's reference answers fulfil their own rules", async () => {
  const path = join(root, "assets/quickstart/questions.jsonl");
  const { items } = await loadEvalSet(path);
  const answers = new Map(items.map((item) => [item.id, item.gold]));
  const { summary } = evaluateByRules({ name: "gold", items, answers });
  assert.is(summary.averages.items.mean, 1);
  assert.is(summary.averages.items.n, items.length);
  const wrong = evaluateByRules({ name: "wrong", items, answers: new Map(items.map((item) => [item.id, "嗯"])) });
  assert.is(wrong.summary.averages.items.mean, 0);
});

test.run();
