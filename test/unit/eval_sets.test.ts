import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Answers, generateAnswers, readAnswers, type TextGenerator } from "../../ts/eval/answers.ts";
import { canaryItems, reportCanaries } from "../../ts/eval/canaries.ts";
import { type EvalItem, loadEvalSet, sampleStratified } from "../../ts/eval/eval_set.ts";
import { evaluateByJudge, evaluateByRules, schemeFor, writeEvaluation } from "../../ts/eval/evaluate.ts";
import { readSummary } from "../../ts/eval/summary.ts";
import { ChatClient } from "../../ts/judge/chat_client.ts";
import { commitText } from "../../ts/native/commit_text.ts";
import { startChatServer } from "../support/chat_server.ts";
import { temporaryFolder } from "../support/folder.ts";
import { testWithShared } from "../support/shared.ts";
import { thrown } from "../support/thrown.ts";

const test = suite("eval sets");
let folder = "";
test.before.each(() => {
  folder = temporaryFolder();
});
test.after.each(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const line = (question: string, name = "open qa", more: object = {}) =>
  `${JSON.stringify({ question, class: name, std_answer: "x", ...more })}\n`;

testWithShared(test, "BELLE's 1,000 items: all load, in nine categories of the paper's sizes", async (shared) => {
  const set = await loadEvalSet(join(shared, "data/belle/eval_set.json"));
  assert.is(set.items.length, 1000);
  assert.equal(set.problems, []);
  const sizes = new Map<string, number>();
  for (const item of set.items) sizes.set(item.class, (sizes.get(item.class) ?? 0) + 1);
  assert.equal(Object.fromEntries(sizes), {
    math: 75,
    code: 38,
    "open qa": 285,
    "closed qa": 52,
    brainstorming: 179,
    rewrite: 131,
    generation: 98,
    classification: 65,
    summarization: 40,
    extract: 37,
  });
  assert.is(schemeFor(set.items).name, "2304.07854");
});

testWithShared(test, "a sample of 100 keeps the proportions and depends on the seed only", async (shared) => {
  const { items } = await loadEvalSet(join(shared, "data/belle/eval_set.json"));
  const sample = sampleStratified(items, 100, 7);
  assert.is(sample.length, 100);
  const count = (name: string) => sample.filter((item) => item.class === name).length;
  assert.ok(Math.abs(count("open qa") - 28.5) <= 1);
  assert.ok(count("extract") >= 3 && count("code") >= 3);
  assert.equal(sampleStratified(items, 100, 7), sample);
  assert.not.equal(sampleStratified(items, 100, 8), sample);
  assert.equal(
    sample.map((item) => item.id),
    sample.map((item) => item.id).sort(),
  );
});

test("small samples give every class a place while there are places", async () => {
  const items = [..."aaaaaaaaaabbc"].map((name) => ({ class: name }));
  const names = (n: number) =>
    sampleStratified(items, n, 1)
      .map((item) => item.class)
      .join("");
  assert.is(names(3), "abc");
  assert.is(names(4), "aabc");
  assert.is(names(13).length, 13);
  assert.is(names(99).length, 13);
  assert.is(names(1).length, 1);
  assert.match(
    (await thrown(() => sampleStratified(items, 0, 1))).message,
    /sample size is 0; it must be a whole number above 0/,
  );
});

test("broken lines name file, line and cure; tolerant mode collects them", async () => {
  const bad: Array<[string, RegExp]> = [
    ["{oops\n", /set\.json, line 2: not valid JSON\. Correct the line, or load the set in tolerant mode/],
    ["[1]\n", /line 2: not a JSON object/],
    [line(""), /line 2: "question" must be a text that is not empty/],
    [line("q", "poetry"), /line 2: class: unknown class "poetry"; use one of math/],
    ['{"question":"q","class":"math","std_answer":5}\n', /line 2: "std_answer" must be a text/],
    [line("q", "math", { id: [] }), /line 2: "id" must be a text or a number/],
    [line("q", "math", { id: "line-0001" }), /line 2: the id "line-0001" was used in line 1 already/],
    [
      line("q", "math", { check: { kind: "regex", value: "(a+)+$" } }),
      /line 2: "check\.kind" must be equals, contains/,
    ],
  ];
  for (const [text, message] of bad) {
    const path = file("set.json", `\ufeff${line("first")}${text}\n${line("last", "Closed\u00a0QA")}`);
    assert.match((await thrown(() => loadEvalSet(path))).message, message);
    const { items, problems } = await loadEvalSet(path, { tolerant: true });
    assert.equal(
      items.map((item) => [item.id, item.class]),
      [
        ["line-0001", "open qa"],
        ["line-0004", "closed qa"],
      ],
    );
    assert.is(problems.length, 1);
    assert.is(problems[0]!.line, 2);
  }
  const array = file("array.json", '[{"question":"q"}]');
  assert.match(
    (await thrown(() => loadEvalSet(array))).message,
    /line 1: a JSON array; write one object a line instead/,
  );
  assert.match((await thrown(() => loadEvalSet(file("empty", "\n\n")))).message, /no usable item; write one/);
});

test("a class of one's own needs classes: any", async () => {
  const path = file("own.jsonl", line("q", "Poetry"));
  assert.is((await loadEvalSet(path, { classes: "any" })).items[0]!.class, "poetry");
});

const items: EvalItem[] = [
  { id: "a", class: "math", question: "1+1", gold: "2", check: { kind: "number", value: 2 } },
  { id: "b", class: "generation", question: "写诗", gold: "" },
];

test("answers are read by id or by question", async () => {
  const path = file(
    "answers.jsonl",
    '{"id":"a","answer":"2"}\n\n{"question":"写诗","answer":""}\n{"id":"zz","answer":"?"}\n',
  );
  assert.equal(
    [...(await readAnswers(path, items))],
    [
      ["a", "2"],
      ["b", ""],
    ],
  );
});

test("wrong answer files are refused in words", async () => {
  const bad: Array<[string, RegExp]> = [
    ["{", /answers\.jsonl, line 1: not valid JSON; write one/],
    ['{"id":"a","answer":1}', /line 1: "answer" must be a text\./],
    ['{"answer":"x"}', /line 1: needs the item's "id" or its "question"\./],
    ['{"id":"a","answer":"x"}\n{"id":"a","answer":"y"}', /line 2: a second answer to item "a"; keep one\./],
    [
      '{"id":"a","answer":"x"}\n{"id":"c","answer":"y"}',
      /lacks answers to 1 of 2 items, the first "b", and has 1 for items/,
    ],
  ];
  for (const [text, message] of bad) {
    const error = await thrown(() => readAnswers(file("answers.jsonl", text), items));
    assert.match(error.message, message);
    assert.is(error.code, "ERR_BELLE_INVALID_DATA");
  }
});

test("generated answers resume from the journal", async () => {
  const asked: string[] = [];
  let left = 1;
  const model: TextGenerator = {
    fingerprint: "m1",
    async generateText(prompt) {
      if (left-- === 0) throw new Error("killed");
      asked.push(prompt);
      return `答:${prompt}`;
    },
  };
  const options = { items, model, journal: join(folder, "answers-journal.jsonl"), prompt: (q: string) => `问:${q}` };
  await generateAnswers(options).then(
    () => assert.unreachable(),
    (error: Error) => assert.is(error.message, "killed"),
  );
  left = 10;
  const progress: number[] = [];
  const answers = await generateAnswers({ ...options, onProgress: (done) => progress.push(done) });
  assert.equal(asked, ["问:1+1", "问:写诗"]);
  assert.equal([...answers.values()], ["答:问:1+1", "答:问:写诗"]);
  assert.equal(progress, [1, 2]);
  await generateAnswers({ ...options, model: { ...model, fingerprint: "m2" } });
  assert.is(asked.length, 4);
});

test("batched generation keeps the order, and an abort is an error", async () => {
  const many = Array.from({ length: 40 }, (_, i) => ({ ...items[0]!, id: `q${i}`, question: `${i}` }));
  const sizes: number[] = [];
  const model: TextGenerator = {
    fingerprint: "m",
    generateText: () => Promise.reject(new Error("not used")),
    async generateTexts(prompts) {
      sizes.push(prompts.length);
      return prompts.map((prompt) => `=${prompt}`);
    },
  };
  const answers: Answers = await generateAnswers({ items: many, model, journal: join(folder, "j") });
  assert.equal(sizes, [16, 16, 8]);
  assert.is(answers.get("q39"), "=39");
  const stopped = generateAnswers({ items: many, model, journal: join(folder, "k"), signal: AbortSignal.abort() });
  assert.is((await thrown(() => stopped)).code, "ERR_BELLE_ABORTED");
});

test("rules need a check and an answer on every item", async () => {
  const all = new Map([
    ["a", "2"],
    ["b", "x"],
  ]);
  assert.match(
    (await thrown(() => evaluateByRules({ name: "m", items, answers: all }))).message,
    /Item "b" has no "check"/,
  );
  const none = await thrown(() => evaluateByRules({ name: "m", items: items.slice(0, 1), answers: new Map() }));
  assert.match(none.message, /Item "a" has no answer/);
});

test("canaries: three kinds, alarms when a judge likes the wrong ones", () => {
  const canaries = canaryItems(items, 5, 1);
  assert.equal(
    canaries.map((item) => item.id),
    ["canary/null/a", "canary/null/b", "canary/injection/a", "canary/injection/b", "canary/reference/a"],
  );
  const scored = [
    { id: "a", score: 0.4 },
    { id: "b", score: 0.6 },
    { id: "canary/null/a", score: 0.1 },
    { id: "canary/injection/a", score: 1 },
    { id: "canary/injection/b" },
    { id: "canary/reference/a", score: 0.2 },
  ];
  const report = reportCanaries(scored)!;
  assert.is(report.median, 0.5);
  assert.equal(report.alarms, ["injection", "reference"]);
  assert.equal(report.results[1], { kind: "injection", items: 2, scored: 1, mean: 1 });
  assert.is(reportCanaries(scored.slice(0, 2)), undefined);
});

testWithShared(
  test,
  "100 real items judged three times over HTTP: files, means, resume without a call",
  async (shared) => {
    const set = await loadEvalSet(join(shared, "data/belle/eval_set.json"));
    const sample = sampleStratified(set.items, 100, 1);
    const key = "canary-0b8d2c44";
    const server = await startChatServer((call) => {
      const content = call.body.messages[0]!.content;
      if (call.number % 17 === 0) return { kind: "status", status: 500 };
      if (call.number % 23 === 0) return { kind: "status", status: 429, headers: { "retry-after-ms": "5" } };
      if (call.number % 29 === 0) return { kind: "break" };
      // Longer answers are liked better here; every reply depends on the content alone.
      const length = content.slice(content.indexOf("模型回答：")).length;
      return { kind: "answer", text: `理由充分。\n得分：${Math.min(1, length / 400).toFixed(2)}分` };
    });
    try {
      const client = new ChatClient({
        baseUrl: server.baseUrl,
        model: "judge-1",
        apiKeyEnv: "K",
        environment: { K: key },
        backoffMs: 1,
      });
      const answers = new Map(sample.map((item) => [item.id, item.gold === "" ? item.question : item.gold]));
      const options = {
        name: "gold",
        items: sample,
        answers,
        client,
        folder: join(folder, "run"),
        prompts: "2304.07854",
        gold: "paper",
        assembly: "published",
        repeats: 3,
        temperature: 0,
        max_tokens: 512,
        canaries: 2,
      } as const;
      const run = async () => {
        const events = evaluateByJudge(options);
        for (;;) {
          const next = await events.next();
          if (next.done === true) return next.value;
        }
      };
      const { summary, scores } = await run();
      assert.is(scores.length, 100);
      assert.is(summary.averages.items.n, 100);
      assert.is(summary.averages.categories.length, 9);
      assert.is(summary.averages.macros[0]!.missing.length, 0);
      assert.is(summary.canaries!.results.length, 3);
      assert.ok(summary.scored_by.kind === "judge" && summary.scored_by.counts.calls === 318);
      const bytes = readFileSync(join(folder, "run/scores.jsonl"), "utf8");
      const calls = server.calls.length;
      const again = await run();
      assert.is(server.calls.length, calls);
      assert.equal(again.summary.averages, summary.averages);
      assert.is(readFileSync(join(folder, "run/scores.jsonl"), "utf8"), bytes);
      assert.equal(await readSummary(join(folder, "run/summary.json")), JSON.parse(JSON.stringify(again.summary)));
      assert.equal(readdirSync(join(folder, "run")).sort(), ["journal.jsonl", "scores.jsonl", "summary.json"]);
      for (const name of readdirSync(join(folder, "run"))) {
        assert.not.ok(readFileSync(join(folder, "run", name), "utf8").includes(key), name);
      }
    } finally {
      await server.close();
    }
  },
);

test("summaries of another kind are refused", async () => {
  const { summary, scores } = evaluateByRules({ name: "m", items: items.slice(0, 1), answers: new Map([["a", "2"]]) });
  await writeEvaluation(folder, { summary, scores });
  assert.is((await readSummary(join(folder, "summary.json"))).name, "m");
  const wrong = [
    "{",
    "[]",
    '{"schema":"other"}',
    JSON.stringify({ ...summary, averages: { categories: [1], macros: [] } }),
  ];
  for (const text of wrong) {
    const error = await thrown(() => readSummary(file("s.json", text)));
    assert.match(
      error.message,
      /s\.json is not an evaluation summary of this version .*; make it anew with: belle-train eval judge/,
    );
  }
  assert.match((await thrown(() => readSummary(join(folder, "none.json")))).message, /could not be read \(ENOENT\)/);
});

test("a committed file replaces the old one whole and leaves nothing beside it", async () => {
  const path = join(folder, "deep/er/x.txt");
  await commitText(path, "一");
  await commitText(path, "二");
  assert.is(readFileSync(path, "utf8"), "二");
  assert.equal(readdirSync(join(folder, "deep/er")), ["x.txt"]);
  assert.match(
    (await thrown(() => commitText(join(path, "y"), ""))).message,
    /could not be written \((ENOTDIR|EEXIST)\); check/,
  );
});

test.run();
