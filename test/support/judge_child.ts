// A judge run in a process of its own, to be killed: judge_child.ts BASE_URL JOURNAL ITEMS
import { ChatClient } from "../../ts/judge/chat_client.ts";
import { Journal } from "../../ts/judge/journal.ts";
import { judge } from "../../ts/judge/judge.ts";

const [baseUrl = "", path = "", count = "0"] = process.argv.slice(2);
const journal = await Journal.open(path);
const items = Array.from({ length: Number(count) }, (_, i) => ({
  id: `q${i}`,
  class: "generation",
  question: `问题${i}：`,
  gold: "",
  answer: "好",
}));
const run = judge({
  client: new ChatClient({ baseUrl, model: "judge-1", concurrency: 4 }),
  items,
  journal,
  prompts: "2304.07854",
  gold: "paper",
  assembly: "published",
  repeats: 1,
  temperature: 0,
  max_tokens: 16,
});
for await (const _ of run);
await journal.close();
