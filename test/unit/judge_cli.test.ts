// The commands `eval judge` and `report` as a user runs them, against a judge that misbehaves, with a planted key.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type ChatBehaviour, type ChatCall, startChatServer } from "../support/chat_server.ts";
import { belle } from "../support/command_line.ts";
import { temporaryFolder } from "../support/folder.ts";

const test = suite("judge cli");
const canary = "canary-sekret-99c1f0a7";
const env = { JUDGE_KEY: canary };
const questions = ["1+1等于几？", "写一首关于春天的诗。", "2+3等于几？"];

/** A folder with questions and answers, and a judge; everything printed and written is searched for the key. */
async function scene(
  behave: (call: ChatCall) => ChatBehaviour,
  body: (run: (...more: string[]) => ReturnType<typeof belle>, folder: string, calls: ChatCall[]) => Promise<void>,
) {
  const folder = temporaryFolder();
  const server = await startChatServer(behave);
  const printed: string[] = [];
  try {
    const items = questions.map((question, i) => ({
      question,
      class: i === 1 ? "generation" : "math",
      std_answer: i === 1 ? "" : "2",
    }));
    writeFileSync(join(folder, "set.jsonl"), items.map((item) => `${JSON.stringify(item)}\n`).join(""));
    const answers = questions.map((question) => ({ question, answer: "<b>我觉得是</b> 2" }));
    writeFileSync(join(folder, "answers.jsonl"), answers.map((one) => `${JSON.stringify(one)}\n`).join(""));
    const judge = ["eval", "judge", join(folder, "answers.jsonl"), "--questions", join(folder, "set.jsonl")];
    const sets = ["model=judge-1", `base_url=${server.baseUrl}`, "api_key_env=JUDGE_KEY", "repeats=2"];
    const run = async (...more: string[]) => {
      const words =
        more[0] === "report"
          ? more
          : [...judge, ...sets.flatMap((set) => ["--set", set]), "--out", join(folder, "out"), ...more];
      const finished = await belle(words, { env });
      printed.push(finished.out, finished.err);
      return finished;
    };
    await body(run, folder, server.calls);
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const everything = [...printed, ...files.map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"))];
    assert.ok(server.calls.every((call) => call.headers.authorization === `Bearer ${canary}`));
    assert.is(everything.filter((text) => text.includes(canary)).length, 0);
  } finally {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

test("judges, writes scores, summary and report, and makes no call when run again", async () => {
  await scene(
    (call) =>
      call.number % 4 === 0
        ? { kind: "status", status: 500, body: canary }
        : { kind: "answer", text: `得分: 0.5 ${canary}` },
    async (run, folder, calls) => {
      const first = await run("--canaries", "1");
      assert.is(first.code, 0, first.err);
      assert.match(first.err, /macro average 0\.500 \(n = 3 \/ 3\); .*report\.html/);
      assert.equal(readdirSync(join(folder, "out")).sort(), [
        "journal.jsonl",
        "report.html",
        "scores.jsonl",
        "summary.json",
      ]);
      const html = readFileSync(join(folder, "out/report.html"), "utf8");
      assert.match(html, "&lt;b&gt;我觉得是&lt;/b&gt; 2");
      assert.not.match(html, "<b>我");
      const before = calls.length;
      const second = await run("--canaries", "1", "--json", "--lang", "zh");
      assert.is(second.code, 0, second.err);
      assert.is(calls.length, before);
      const lines = second.out
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { type: string });
      assert.is(lines.at(-1)!.type, "summary");
      const compare = join(folder, "compare.html");
      const markdown = join(folder, "compare.md");
      const summary = join(folder, "out/summary.json");
      const report = await run(
        "report",
        summary,
        summary,
        "--out",
        compare,
        "--out",
        markdown,
        "--title",
        "对比",
        "--lang",
        "zh",
      );
      assert.is(report.code, 0, report.err);
      assert.match(readFileSync(compare, "utf8"), "<h1>对比</h1>");
      assert.match(readFileSync(markdown, "utf8"), /^# 对比\n/);
    },
  );
});

test("a judge that fails for good exits 75, keeps what was paid for, and the next run goes on", async () => {
  let down = false;
  await scene(
    (call) =>
      down || call.number > 3
        ? {
            kind: "status",
            status: 429,
            headers: { "retry-after": "9999" },
            body: `{"error":{"message":"slow down ${canary}"}}`,
          }
        : { kind: "answer", text: "得分: 1" },
    async (run, folder, calls) => {
      const { code, err } = await run("--canaries", "0");
      assert.is(code, 75, err);
      assert.match(err, /answered 429: slow down \[redacted\]\. It asks to wait 9999 s, longer than max_wait/);
      assert.is(readFileSync(join(folder, "out/journal.jsonl"), "utf8").trim().split("\n").length, 3);
      assert.not.ok(readdirSync(join(folder, "out")).includes("summary.json"));
      down = true;
      const before = calls.length;
      const again = await run("--canaries", "0", "--json");
      assert.is(again.code, 75);
      assert.match(again.out, '"code":"ERR_BELLE_HTTP"');
      assert.ok(calls.length - before <= 3);
    },
  );
});

test("a refused key exits 3 and names the variable", async () => {
  await scene(
    () => ({ kind: "status", status: 401, body: `{"error":{"message":"Incorrect API key provided: ${canary}"}}` }),
    async (run) => {
      const { code, err } = await run();
      assert.is(code, 3);
      assert.match(err, "Incorrect API key provided: [redacted]. Set the environment variable JUDGE_KEY to a key");
    },
  );
});

test("a dry run sends nothing", async () => {
  await scene(
    () => ({ kind: "break" }),
    async (run, _folder, calls) => {
      const { code, out } = await run("--dry-run", "--canaries", "0");
      assert.is(code, 0);
      assert.match(out, /^3 answers, 6 calls, \d+ characters of prompts\n$/);
      assert.is(calls.length, 0);
    },
  );
});

test("wrong input is one sentence", async () => {
  await scene(
    () => ({ kind: "break" }),
    async (run, folder) => {
      writeFileSync(join(folder, "answers.jsonl"), '{"question":"别的","answer":"x"}\n');
      const { code, err } = await run();
      assert.is(code, 1);
      assert.match(
        err,
        /lacks answers to 3 of 3 items, the first "line-0001", and has 1 for items that are not in the set/,
      );
      const model = await run("--set", "repeats=0");
      assert.is(model.code, 2);
      const report = await run("report", join(folder, "none.json"), "--out", join(folder, "x.html"));
      assert.match(report.err, /none\.json could not be read \(ENOENT\); give the summary\.json/);
    },
  );
});

test("help in both languages", async () => {
  for (const words of [["eval", "judge"], ["report"]]) {
    const english = await belle([...words, "--help"]);
    const chinese = await belle([...words, "--help", "--lang", "zh"]);
    assert.equal([english.code, chinese.code], [0, 0]);
    assert.match(english.out, words[0] === "report" ? "File to write: .html" : "Folder of the results");
    assert.match(chinese.out, words[0] === "report" ? "输出文件：.html" : "结果文件夹");
  }
});

test.run();
