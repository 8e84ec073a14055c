// A judge for trying things out: an OpenAI-compatible server on this computer that scores an answer by how many of the
// reference's character pairs it holds. It says nothing about quality; it shows that the protocol works.
//   node --import tsx scripts/local-judge.ts [port]     runs until Ctrl-C
import { startChatServer } from "../test/support/chat_server.ts";

function pairs(text: string): Set<string> {
  const chars = [...text.replace(/\s+/gu, "")];
  return new Set(chars.slice(1).map((char, i) => chars[i]! + char));
}

/** Reference and answer as judge messages quote them (ts/judge/prompts.ts). */
function parts(message: string): { gold: string; answer: string } {
  const answer = /模型回答： ?'([\s\S]*)'。请针对/u.exec(message)?.[1] ?? "";
  const gold = /标准回答:([\s\S]*?) {2}模型回答：/u.exec(message)?.[1] ?? "";
  return { gold, answer };
}

const port = Number(process.argv[2] ?? 8765);
const server = await startChatServer((call) => {
  const { gold, answer } = parts(call.body.messages.at(-1)?.content ?? "");
  const wanted = pairs(gold);
  const given = pairs(answer);
  const shared = [...wanted].filter((pair) => given.has(pair)).length;
  // Without a reference: the share of distinct pairs, so that a repeated syllable is worth little.
  const score = wanted.size > 0 ? shared / wanted.size : given.size / Math.max(1, [...answer].length - 1);
  return { kind: "answer", text: `得分: ${Math.min(1, score).toFixed(2)}。理由：字符对重合率。`, delayMs: 20 };
}, port);
console.log(server.baseUrl);
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void server.close().then(() => process.exit(0)));
}
