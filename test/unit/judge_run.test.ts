// Runs alone: it stops runs after some milliseconds.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { judgeSchema } from "../../ts/config/judge.ts";
import { ChatClient } from "../../ts/judge/chat_client.ts";
import { clientFromConfig } from "../../ts/judge/from_config.ts";
import { Journal, type JournalReply, requestId } from "../../ts/judge/journal.ts";
import { readLines } from "../../ts/judge/json_lines.ts";
import { estimateJudge, type JudgeEvent, type JudgeItem, type JudgeOptions, judge } from "../../ts/judge/judge.ts";
import { type ChatBehaviour, type ChatCall, type ChatServer, startChatServer } from "../support/chat_server.ts";
import { temporaryFolder } from "../support/folder.ts";
import { root } from "../support/paths.ts";
import { thrown } from "../support/thrown.ts";

const test = suite("judge run");
const canary = "canary-51e07f3a9c";
let folder = "";
let server: ChatServer | undefined;

test.before.each(() => {
  folder = temporaryFolder();
});
test.after.each(async () => {
  await server?.close();
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

function items(count: number): JudgeItem[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `q${i}`,
    class: i % 2 === 0 ? "math" : "generation",
    question: `问题${i}`,
    gold: i % 2 === 0 ? String(i) : "",
    answer: `回答${i}`,
  }));
}

type Behave = (call: ChatCall) => ChatBehaviour;

async function options(behave: Behave, more: Partial<JudgeOptions> = {}): Promise<JudgeOptions> {
  server ??= await startChatServer(behave);
  const client = new ChatClient({
    baseUrl: server.baseUrl,
    model: "judge-1",
    apiKeyEnv: "JUDGE_KEY",
    backoffMs: 1,
    environment: { JUDGE_KEY: canary },
  });
  const protocol = { prompts: "2304.07854", gold: "paper", assembly: "published" } as const;
  return { client, items: items(6), repeats: 3, temperature: 0, max_tokens: 64, ...protocol, ...more };
}

async function collect(run: AsyncIterable<JudgeEvent>) {
  const events: JudgeEvent[] = [];
  for await (const event of run) events.push(event);
  const last = events.at(-1);
  if (last?.type !== "done") throw new Error(`the last event is ${last?.type}`);
  const judgments = events.flatMap((event) => (event.type === "item" ? [event.judgment] : []));
  judgments.sort((a, b) => (a.id < b.id ? -1 : 1));
  return { events, judgments, counts: last.counts };
}

const reply = (id: string, text = "得分: 1分"): JournalReply => ({
  id,
  item: "q",
  repeat: 0,
  ask: 0,
  text,
  finishReason: "stop",
  promptTokens: 1,
  completionTokens: 1,
  model: "m",
  milliseconds: 1,
});

test("judges each item k times and averages", async () => {
  const scores = ["0.2", "0.4", "0.9"];
  const seen = new Map<string, number>();
  const run = await options((call) => {
    const content = call.body.messages[0]!.content;
    const n = seen.get(content) ?? 0;
    seen.set(content, n + 1);
    return { kind: "answer", text: `得分: ${scores[n]}` };
  });
  const { judgments, counts, events } = await collect(judge(run));
  assert.is(server!.calls.length, 18);
  assert.is(judgments.length, 6);
  for (const judgment of judgments) assert.ok(Math.abs(judgment.score! - 0.5) < 1e-12);
  assert.is(counts.scored, 6);
  assert.is(counts.byStatus.ok, 18);
  assert.ok(counts.promptTokens > 0);
  const progress = events.filter((event) => event.type === "progress");
  assert.is(progress.length, 6);
  assert.is(progress.at(-1)!.type === "progress" && progress.at(-1)!.done, 6);
});

test("a reply without a score is asked again once; failures never become numbers", async () => {
  const run = await options(
    (call) => {
      const first = call.body.messages[0]!.content;
      if (first.includes("问题0"))
        return { kind: "answer", text: call.body.messages.length > 1 ? "得分: 0.5" : "写得好" };
      if (first.includes("问题1")) return { kind: "answer", text: "我拒绝打分" };
      if (first.includes("问题2")) return { kind: "answer", text: "得分: 1", finishReason: "length" };
      if (first.includes("问题3")) return { kind: "status", status: 400, body: '{"error":{"message":"too long"}}' };
      if (first.includes("问题4")) return { kind: "answer", text: "给出4分" };
      return { kind: "answer", text: "得分: 1" };
    },
    { repeats: 1 },
  );
  const { judgments, counts } = await collect(judge(run));
  assert.equal(
    judgments.map(({ score, verdicts: [verdict] }) => [verdict!.status, score, verdict!.reasked]),
    [
      ["ok", 0.5, true],
      ["unparsed", undefined, true],
      ["truncated", undefined, false],
      ["refused", undefined, false],
      ["out_of_range", undefined, true],
      ["ok", 1, false],
    ],
  );
  assert.match(judgments[3]!.verdicts[0]!.reply, /400: too long/);
  assert.is(judgments[4]!.verdicts[0]!.value, 4);
  assert.is(counts.scored, 2);
  assert.is(counts.reasked, 3);
  assert.is(counts.calls, 9);
});

test("without re-asking every item costs one call", async () => {
  const run = await options(() => ({ kind: "answer", text: "好" }), { repeats: 1, reask: false });
  const { counts } = await collect(judge(run));
  assert.is(counts.calls, 6);
  assert.is(counts.byStatus.unparsed, 6);
  assert.is(counts.scored, 0);
});

test("the journal saves every call: a second run makes none and gives the same result", async () => {
  const path = join(folder, "journal.jsonl");
  const run = await options((call) => ({ kind: "answer", text: call.number % 5 === 0 ? "不知道" : "得分: 0.5" }));
  const first = await Journal.open(path);
  const before = await collect(judge({ ...run, journal: first }));
  await first.close();
  const calls = server!.calls.length;
  const second = await Journal.open(path);
  const after = await collect(judge({ ...run, journal: second }));
  await second.close();
  assert.is(server!.calls.length, calls);
  assert.is(after.counts.calls, 0);
  assert.is(after.counts.cached, calls);
  assert.equal(after.judgments, before.judgments);
  assert.not.ok(readFileSync(path, "utf8").includes(canary));
});

test("repeats are separate requests, and any change of the request asks anew", async () => {
  const path = join(folder, "journal.jsonl");
  const run = await options(() => ({ kind: "answer", text: "得分: 1" }), { items: items(1), repeats: 2 });
  const journal = await Journal.open(path);
  await collect(judge({ ...run, journal }));
  assert.is(server!.calls.length, 2);
  await collect(judge({ ...run, journal, repeats: 3 }));
  assert.is(server!.calls.length, 3);
  await collect(judge({ ...run, journal, temperature: 0.5 }));
  assert.is(server!.calls.length, 5);
  await collect(judge({ ...run, journal, assembly: "delimited" }));
  assert.is(server!.calls.length, 7);
  await journal.close();
});

test("an error of the whole run ends it, keeps the journal, and the next run goes on", async () => {
  const path = join(folder, "journal.jsonl");
  let broken = true;
  const run = await options((call) =>
    broken && call.number > 7 ? { kind: "status", status: 401, body: "{}" } : { kind: "answer", text: "得分: 1" },
  );
  const journal = await Journal.open(path);
  const error = await thrown(() => collect(judge({ ...run, journal })));
  assert.is(error.code, "ERR_BELLE_AUTH");
  assert.is(journal.size, 7);
  broken = false;
  const before = server!.calls.length;
  const { counts } = await collect(judge({ ...run, journal }));
  await journal.close();
  assert.is(counts.cached, 7);
  assert.is(server!.calls.length - before, 11);
});

test("ten refusals in a row are a matter of the run, not of the items", async () => {
  const run = await options(() => ({ kind: "status", status: 400, body: '{"error":"no such parameter"}' }), {
    items: items(40),
  });
  const error = await thrown(() => collect(judge(run)));
  assert.match(
    error.message,
    /refused 10 requests in a row, the last with: .*no such parameter\. Check model, temperature/,
  );
  assert.ok(server!.calls.length < 20);
});

test("maxCalls stops the run before it costs more", async () => {
  const run = await options(() => ({ kind: "answer", text: "得分: 1" }), { maxCalls: 4 });
  const error = await thrown(() => collect(judge(run)));
  assert.is(error.code, "ERR_BELLE_QUOTA");
  assert.match(error.message, /limit of 4 judge calls is reached; raise it/);
  assert.is(server!.calls.length, 4);
});

test("an abort lets paid replies arrive, then stops", async () => {
  const controller = new AbortController();
  const journal = await Journal.open(join(folder, "journal.jsonl"));
  const run = await options(() => ({ kind: "answer", text: "得分: 1", delayMs: 30 }), { items: items(40) });
  setTimeout(() => controller.abort(), 100);
  const error = await thrown(() => collect(judge({ ...run, journal, signal: controller.signal })));
  assert.is(error.code, "ERR_BELLE_ABORTED");
  assert.is(journal.size, server!.calls.length);
  assert.ok(journal.size > 0 && journal.size < 120);
  await journal.close();
});

test("leaving the loop stops the calls", async () => {
  const run = await options(() => ({ kind: "answer", text: "得分: 1", delayMs: 10 }), { items: items(100) });
  for await (const event of judge(run)) if (event.type === "item") break;
  // A request sent just before the end may still be on its way to the server's count.
  await new Promise((resolve) => setTimeout(resolve, 50));
  const calls = server!.calls.length;
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.is(server!.calls.length, calls);
  assert.ok(calls < 60);
});

test("everything is checked before the first call", async () => {
  const answer = () => ({ kind: "answer", text: "得分: 1" }) as const;
  const bad: Array<[Partial<JudgeOptions>, RegExp]> = [
    [{ items: [...items(2), { ...items(1)[0]!, id: "x", class: "chat" }] }, /^item x: unknown class "chat"/],
    [{ items: [...items(2), ...items(1)] }, /Two items have the id "q0"/],
    [{ items: [{ ...items(1)[0]!, gold: "" }] }, /judged against a gold answer/],
    [{ items: [{ ...items(1)[0]!, class: "cot" }] }, /have none for class "cot"/],
    [{ repeats: 0 }, /repeats is 0/],
    [{ rescale: 0 }, /rescale is 0/],
  ];
  for (const [more, message] of bad) {
    const run = await options(answer, more);
    assert.match((await thrown(() => collect(judge(run)))).message, message);
  }
  assert.is(server!.calls.length, 0);
});

test("the estimate counts calls and characters and sends nothing", async () => {
  const run = await options(() => ({ kind: "answer", text: "1" }));
  const estimate = estimateJudge(run);
  assert.is(estimate.calls, 18);
  assert.ok(estimate.promptCharacters > 18 * 100);
  assert.is(server!.calls.length, 0);
});

test("a process killed in the middle resumes without one repeated call", async () => {
  const path = join(folder, "journal.jsonl");
  const answered = new Set<string>();
  let repeated = 0;
  server = await startChatServer((call) => {
    const content = call.body.messages[0]!.content;
    if (journaled.has(content)) repeated++;
    answered.add(content);
    return { kind: "answer", text: "得分: 1", delayMs: 5 };
  });
  const journaled = new Set<string>();
  const words = ["--import", "tsx", "test/support/judge_child.ts", server.baseUrl, path, "60"];
  const run = () => spawn(process.execPath, words, { cwd: root, stdio: "ignore" });
  const child = run();
  const gone = new Promise((done) => child.on("close", done));
  for (let i = 0; i < 1000 && server.calls.length < 20; i++) await new Promise((next) => setTimeout(next, 10));
  child.kill("SIGKILL");
  await gone;
  // What the dead process had been told it may count on; a torn line is added on top.
  const lines = readFileSync(path, "utf8").match(/^.*\}$/gm) ?? [];
  const kept = new Set(lines.map((line) => (JSON.parse(line) as JournalReply).item));
  assert.ok(kept.size > 5 && kept.size < 60, `${kept.size} kept`);
  for (const call of server.calls) {
    const content = call.body.messages[0]!.content;
    if (kept.has(`q${/问题(\d+)/.exec(content)?.[1]}`)) journaled.add(content);
  }
  appendFileSync(path, Buffer.from('{"v":1,"id":"abc","text":"得分：很').subarray(0, -1));
  const before = server.calls.length;
  assert.is(await new Promise((done) => run().on("close", done)), 0);
  assert.is(repeated, 0);
  assert.is(server.calls.length - before, 60 - kept.size);
  assert.is(answered.size, 60);
});

test("journal: a torn last line is cut off, also inside a character", async () => {
  const path = join(folder, "j.jsonl");
  const journal = await Journal.open(path);
  await journal.append(reply("a", "得分：很好"));
  await journal.close();
  const whole = readFileSync(path);
  for (const torn of ['{"v":1,"id"', "得分".slice(0, 1)]) {
    const bytes = Buffer.from(torn).subarray(0, torn.length === 1 ? 2 : undefined);
    writeFileSync(path, Buffer.concat([whole, bytes]));
    const again = await Journal.open(path);
    assert.is(again.repairedBytes, bytes.length);
    assert.is(again.find("a")?.text, "得分：很好");
    await again.append(reply("b"));
    await again.close();
    const third = await Journal.open(path);
    assert.is(third.size, 2);
    await third.close();
  }
});

test("journal: a last line that only lacks its newline is kept", async () => {
  const path = join(folder, "j.jsonl");
  writeFileSync(path, JSON.stringify({ v: 1, ...reply("a") }));
  const journal = await Journal.open(path);
  await journal.append(reply("b"));
  await journal.close();
  assert.is(readFileSync(path, "utf8").trim().split("\n").length, 2);
});

test("journal: failures are recorded but asked again", async () => {
  const path = join(folder, "j.jsonl");
  const journal = await Journal.open(path);
  await journal.append({ id: "a", item: "q", repeat: 0, ask: 0, error: { code: "X", message: "y" } });
  await journal.close();
  const again = await Journal.open(path);
  assert.is(again.find("a"), undefined);
  assert.is(again.repairedBytes, 0);
  await again.close();
});

test("journal: a damaged line in the middle names its number", async () => {
  const path = join(folder, "j.jsonl");
  const good = JSON.stringify({ v: 1, ...reply("a") });
  for (const bad of ["{oops", '{"v":2}', "[]", JSON.stringify({ v: 1, ...reply("a"), text: 5 })]) {
    writeFileSync(path, `${good}\n${bad}\n${good}\n`);
    const error = await thrown(() => Journal.open(path));
    assert.match(error.message, /j\.jsonl, line 2: not a journal entry of this version; delete that line/);
    assert.not.ok(existsSync(`${path}.lock`));
  }
});

test("journal: one writer at a time; the lock of a dead process is taken over", async () => {
  const path = join(folder, "j.jsonl");
  const journal = await Journal.open(path);
  const error = await thrown(() => Journal.open(path));
  assert.is(error.code, "ERR_BELLE_BUSY");
  assert.match(error.message, /in use by another run \(process \d+ /);
  await journal.close();
  writeFileSync(`${path}.lock`, `999999999 ${hostname()}\n`);
  await (await Journal.open(path)).close();
  assert.not.ok(existsSync(`${path}.lock`));
  const missing = await thrown(() => Journal.open(join(folder, "no", "j.jsonl")));
  assert.match(missing.message, /could not be created \(ENOENT\); check that its folder exists/);
});

test("journal: many appends at once all reach the file", async () => {
  const path = join(folder, "j.jsonl");
  const journal = await Journal.open(path);
  await Promise.all(Array.from({ length: 300 }, (_, i) => journal.append(reply(`id${i}`))));
  assert.is(readFileSync(path, "utf8").trim().split("\n").length, 300);
  await journal.close();
});

test("request ids do not depend on key order but on every value", () => {
  assert.is(requestId({ a: 1, b: { c: 2, d: 3 } }), requestId({ b: { d: 3, c: 2 }, a: 1 }));
  assert.is.not(requestId({ a: 1, repeat: 0 }), requestId({ a: 1, repeat: 1 }));
  const digest = createHash("sha256").update('{"a":null,"b":1}').digest("hex");
  assert.is(requestId({ b: 1, a: null, x: undefined }), digest);
});

test("line reader: long lines, wrong encodings and missing files are refused by line", async () => {
  const path = join(folder, "x.jsonl");
  const read = async () => {
    for await (const _ of readLines(path, { maxLineBytes: 1000 }));
  };
  assert.match((await thrown(read)).message, /x\.jsonl does not exist; check the path/);
  writeFileSync(path, Buffer.from([0x61, 0x0a, 0xff, 0x0a]));
  assert.match((await thrown(read)).message, /line 2: not UTF-8; convert the file/);
  writeFileSync(path, `a\n${"b".repeat(2000)}`);
  assert.match((await thrown(read)).message, /line 2: longer than 1000 bytes; is this a JSON Lines file/);
  writeFileSync(path, `${"x".repeat(300_000)}\r\ny`);
  const lengths: number[] = [];
  for await (const line of readLines(path)) lengths.push(line.text.length);
  assert.equal(lengths, [300_000, 1]);
});

test("a local server needs no key, any other does", async () => {
  const section = judgeSchema.parse({ model: "m", base_url: "http://127.0.0.1:1/v1" });
  assert.is(clientFromConfig(section, {}).endpoint, "http://127.0.0.1:1/v1/chat/completions");
  const remote = judgeSchema.parse({ model: "m" });
  assert.match((await thrown(() => clientFromConfig(remote, {}))).message, /OPENAI_API_KEY is not set/);
});

test.run();
