// Scoring by a judge that cannot be asked.
import { join } from "node:path";
import { type ChatServer, startChatServer } from "../../support/chat_server.ts";
import { writeFiles } from "../support.ts";
import type { BadInput, Place } from "./case.ts";

let server: ChatServer | undefined;

/** The server the cases speak to: it refuses every key. */
export async function startRefusingServer(): Promise<ChatServer> {
  server = await startChatServer(() => ({
    kind: "status",
    status: 401,
    body: JSON.stringify({ error: { message: "Incorrect API key provided: sk-abcdef1234567890" } }),
  }));
  return server;
}

const questions = '{"question":"你好吗？","class":"open qa","std_answer":"好"}\n';

function judge({ dir, output }: Place, ...options: string[]): string[] {
  writeFiles(dir, { "questions.jsonl": questions, "answers.jsonl": '{"question":"你好吗？","answer":"好"}\n' });
  const files = [join(dir, "answers.jsonl"), "--questions", join(dir, "questions.jsonl"), "--out", output];
  const set = options.flatMap((option) => ["--set", option]);
  return ["eval", "judge", ...files, "--canaries", "0", ...set];
}

export const judgeCases: BadInput[] = [
  {
    name: "judge: the key's variable is not set",
    make: (place) => judge(place, "model=judge-1", "api_key_env=BELLE_NO_SUCH_KEY"),
    code: 3,
    error: "ERR_BELLE_AUTH",
    says: ["BELLE_NO_SUCH_KEY is not set", "export BELLE_NO_SUCH_KEY="],
  },
  {
    name: "judge: the key itself is in the configuration",
    make: (place) => judge(place, "model=judge-1", "api_key_env=sk-abcdef1234567890"),
    code: 2,
    error: "ERR_BELLE_CONFIG",
    says: ["api_key_env", "the name of an environment variable", /^(?!.*sk-abc)/],
  },
  {
    name: "judge: no model is named",
    make: (place) => judge(place),
    code: 2,
    error: "ERR_BELLE_CONFIG",
    says: ["model", "is missing"],
  },
  {
    name: "judge: the question file has a broken line",
    make(place) {
      const argv = judge(place, "model=judge-1");
      writeFiles(place.dir, { "questions.jsonl": `${questions}{"question": \n` });
      return argv;
    },
    code: 1,
    error: "ERR_BELLE_INVALID_DATA",
    says: [/questions\.jsonl, line 2/],
  },
  {
    name: "judge: an answer is missing",
    make(place) {
      const argv = judge(place, "model=judge-1", "api_key_env=HOME");
      writeFiles(place.dir, { "answers.jsonl": "" });
      return argv;
    },
    code: 1,
    error: "ERR_BELLE_INVALID_DATA",
    says: ["answers.jsonl", "same questions"],
  },
];

/** These reach the service: the journal they open stays, for the next run to go on. */
export const judgeServiceCases: BadInput[] = [
  {
    name: "judge: the key is wrong",
    make: (place) => judge(place, "model=judge-1", "api_key_env=HOME", `base_url=${server!.baseUrl}`),
    code: 3,
    error: "ERR_BELLE_AUTH",
    says: ["127.0.0.1", "401", "HOME"],
  },
  {
    name: "judge: nobody listens at the address",
    async make(place) {
      const gone = await startChatServer(() => ({ kind: "hang" }));
      await gone.close();
      return judge(place, "model=judge-1", `base_url=${gone.baseUrl}`);
    },
    code: 75,
    error: "ERR_BELLE_HTTP",
    says: ["127.0.0.1:", "ECONNREFUSED", "run the same command again"],
  },
];
