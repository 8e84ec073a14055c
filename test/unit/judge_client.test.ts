// Runs alone: it has timeouts of some milliseconds.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ChatClient, type ChatClientOptions } from "../../ts/judge/chat_client.ts";
import { retryAfterMs } from "../../ts/judge/chat_response.ts";
import { AdaptiveLimiter } from "../../ts/judge/limiter.ts";
import { Secret, secretFromEnvironment } from "../../ts/judge/secret.ts";
import type { BelleError } from "../../ts/native/errors.ts";
import { type ChatBehaviour, type ChatCall, startChatServer } from "../support/chat_server.ts";
import { thrown } from "../support/thrown.ts";

const test = suite("judge chat client");
const canary = "canary-7f3a9c51e0/+k";
const environment = { JUDGE_KEY: canary };
const request = { messages: [{ role: "user" as const, content: "你好" }], temperature: 0, max_tokens: 8 };
const answer: ChatBehaviour = { kind: "answer", text: "得分: 1分" };

/** Runs `body` with a client of a server that behaves as told. */
async function withServer(
  behave: (call: ChatCall) => ChatBehaviour,
  options: Partial<ChatClientOptions>,
  body: (client: ChatClient, calls: ChatCall[], most: () => number) => Promise<void>,
): Promise<void> {
  const server = await startChatServer(behave);
  try {
    const client = new ChatClient({
      baseUrl: server.baseUrl,
      model: "judge-1",
      apiKeyEnv: "JUDGE_KEY",
      backoffMs: 1,
      environment,
      ...options,
    });
    await body(client, server.calls, server.mostInFlight);
  } finally {
    await server.close();
  }
}

function assertNoKey(error: BelleError): void {
  const shown = [
    error.message,
    error.stack,
    JSON.stringify(error),
    inspect(error, { depth: 9, showHidden: true }),
  ].join("\n");
  assert.not.ok(shown.includes(canary), shown);
  assert.not.ok(shown.includes(encodeURIComponent(canary)), shown);
}

test("sends one request with the key and reads text, finish reason and usage", async () => {
  await withServer(
    () => answer,
    {},
    async (client, calls) => {
      const completion = await client.complete(request);
      assert.is(completion.text, "得分: 1分");
      assert.is(completion.finishReason, "stop");
      assert.is(completion.promptTokens, 2);
      assert.is(completion.completionTokens, 6);
      assert.is(calls.length, 1);
      assert.is(calls[0]!.headers.authorization, `Bearer ${canary}`);
      assert.equal(calls[0]!.body, { model: "judge-1", ...request });
    },
  );
});

const flaky: Array<[string, ChatBehaviour]> = [
  ["408", { kind: "status", status: 408 }],
  ["409", { kind: "status", status: 409 }],
  ["429", { kind: "status", status: 429 }],
  ["500", { kind: "status", status: 500, body: "<html>oops</html>" }],
  ["503", { kind: "status", status: 503 }],
  ["a broken connection", { kind: "break" }],
  ["a half answer", { kind: "break", halfway: true }],
  ["200 without JSON", { kind: "garbage", body: "<html>login</html>" }],
  ["200 without choices", { kind: "garbage", body: '{"choices":[]}' }],
];
for (const [name, behaviour] of flaky) {
  test(`tries again after ${name}`, async () => {
    await withServer(
      (call) => (call.number < 3 ? behaviour : answer),
      {},
      async (client, calls) => {
        assert.is((await client.complete(request)).text, "得分: 1分");
        assert.is(calls.length, 3);
      },
    );
  });
}

test("makes six tries in all, then says so; maxTries 1 means one", async () => {
  await withServer(
    () => ({ kind: "status", status: 500, body: '{"error":{"message":"overloaded"}}' }),
    {},
    async (client, calls) => {
      const error = await thrown(() => client.complete(request));
      assert.is(error.code, "ERR_BELLE_HTTP");
      assert.match(
        error.message,
        /answered 500: overloaded\. Gave up after 6 tries; run the same command again to go on\.$/,
      );
      assert.is(error.details.tries, 6);
      assert.is(calls.length, 6);
    },
  );
  await withServer(
    () => ({ kind: "status", status: 500 }),
    { maxTries: 1 },
    async (client, calls) => {
      await thrown(() => client.complete(request));
      assert.is(calls.length, 1);
    },
  );
});

test("waits as Retry-After says", async () => {
  const limited: ChatBehaviour = { kind: "status", status: 429, headers: { "retry-after": "0.3" } };
  await withServer(
    (call) => (call.number === 1 ? limited : answer),
    {},
    async (client) => {
      const started = performance.now();
      await client.complete(request);
      assert.ok(performance.now() - started >= 290);
    },
  );
});

test("does not wait longer than max_wait", async () => {
  const limited: ChatBehaviour = { kind: "status", status: 429, headers: { "retry-after": "3600" } };
  await withServer(
    () => limited,
    { maxWaitMs: 1000 },
    async (client, calls) => {
      const error = await thrown(() => client.complete(request));
      assert.match(
        error.message,
        /asks to wait 3600 s, longer than max_wait \(1 s\); run the same command again later/,
      );
      assert.is(calls.length, 1);
    },
  );
});

test("reads Retry-After as milliseconds, seconds or a date", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  assert.is(retryAfterMs(new Headers({ "retry-after-ms": "250", "retry-after": "9" }), now), 250);
  assert.is(retryAfterMs(new Headers({ "retry-after": "0" }), now), 0);
  assert.is(retryAfterMs(new Headers({ "retry-after": "Thu, 01 Jan 2026 00:00:05 GMT" }), now), 5000);
  assert.is(retryAfterMs(new Headers({ "retry-after": "soon" }), now), undefined);
  assert.is(retryAfterMs(new Headers(), now), undefined);
});

const fatal: Array<[number, string, string, RegExp]> = [
  [
    401,
    '{"error":{"message":"bad key"}}',
    "ERR_BELLE_AUTH",
    /401: bad key\. Set the environment variable JUDGE_KEY to a key/,
  ],
  [403, "", "ERR_BELLE_AUTH", /403\. Set the environment variable JUDGE_KEY/],
  [
    404,
    '{"error":{"message":"no model"}}',
    "ERR_BELLE_HTTP",
    /404: no model\. Check base_url \(http:.*\/v1\) and that the model "judge-1" exists/,
  ],
  [402, "", "ERR_BELLE_QUOTA", /quota is used up; add credit/],
  [
    429,
    '{"error":{"message":"exceeded","code":"insufficient_quota"}}',
    "ERR_BELLE_QUOTA",
    /429: exceeded\. The account's quota is used up/,
  ],
  [400, '{"error":{"message":"context too long"}}', "ERR_BELLE_INVALID_ARGUMENT", /400: context too long\.$/],
];
for (const [status, body, code, message] of fatal) {
  test(`${status} ${code} is not tried again and never shows the key`, async () => {
    await withServer(
      () => ({ kind: "status", status, body }),
      {},
      async (client, calls) => {
        const error = await thrown(() => client.complete(request));
        assert.is(error.code, code);
        assert.match(error.message, message);
        assert.is(error.details.status, status);
        assert.is(calls.length, 1);
        assertNoKey(error);
      },
    );
  });
}

test("an endpoint that echoes the key gets it redacted in errors and in answers", async () => {
  const echo = JSON.stringify({
    error: { message: `key ${canary} (${encodeURIComponent(canary)}) and sk-abcdefgh12345678 are wrong` },
  });
  await withServer(
    () => ({ kind: "status", status: 401, body: echo }),
    {},
    async (client) => {
      const error = await thrown(() => client.complete(request));
      assert.match(error.message, /key \[redacted\] \(\[redacted\]\) and \[redacted\] are wrong/);
      assertNoKey(error);
    },
  );
  await withServer(
    () => ({ kind: "answer", text: `你的密钥是${canary}` }),
    {},
    async (client) => {
      assert.is((await client.complete(request)).text, "你的密钥是[redacted]");
    },
  );
  await withServer(
    () => ({ kind: "garbage", body: `Bearer ${canary}` }),
    { maxTries: 1 },
    async (client) => {
      assertNoKey(await thrown(() => client.complete(request)));
    },
  );
});

test("a redirect is not followed", async () => {
  const redirect: ChatBehaviour = { kind: "status", status: 302, headers: { location: "http://127.0.0.1:9/v1" } };
  await withServer(
    () => redirect,
    {},
    async (client, calls) => {
      const error = await thrown(() => client.complete(request));
      assert.match(
        error.message,
        /redirects elsewhere, which is not followed because the key would go along; set base_url/,
      );
      assert.is(calls.length, 1);
    },
  );
});

test("a refused connection names the address and the cause", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const client = new ChatClient({ baseUrl: `http://127.0.0.1:${port}/v1`, model: "m", backoffMs: 1, maxTries: 2 });
  const error = await thrown(() => client.complete(request));
  assert.match(error.message, /Could not talk to 127\.0\.0\.1:\d+ \(.*ECONNREFUSED.*\); check base_url, the network/);
});

test("a silent server runs into the time limit", async () => {
  await withServer(
    () => ({ kind: "hang" }),
    { timeoutMs: 60, maxTries: 2 },
    async (client, calls) => {
      const error = await thrown(() => client.complete(request));
      assert.is(error.code, "ERR_BELLE_TIMEOUT");
      assert.match(
        error.message,
        /did not answer within 0\.06 s; raise timeout or lower concurrency\. Gave up after 2 tries/,
      );
      assert.is(calls.length, 2);
    },
  );
});

test("an abort ends a call and a wait at once", async () => {
  await withServer(
    () => ({ kind: "hang" }),
    {},
    async (client) => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(new Error("enough")), 30);
      const error = await thrown(() => client.complete(request, controller.signal));
      assert.is(error.code, "ERR_BELLE_ABORTED");
      assert.is((error.cause as Error).message, "enough");
    },
  );
  const limited: ChatBehaviour = { kind: "status", status: 429, headers: { "retry-after": "60" } };
  await withServer(
    () => limited,
    {},
    async (client) => {
      const started = performance.now();
      const error = await thrown(() => client.complete(request, AbortSignal.timeout(50)));
      assert.is(error.code, "ERR_BELLE_ABORTED");
      assert.ok(performance.now() - started < 5000);
    },
  );
});

test("the cap starts at four, grows after clean answers, halves once for a burst of 429", () => {
  const limiter = new AdaptiveLimiter(6);
  assert.is(limiter.limit, 4);
  for (let i = 0; i < 4; i++) limiter.succeeded();
  assert.is(limiter.limit, 5);
  for (let i = 0; i < 50; i++) limiter.succeeded();
  assert.is(limiter.limit, 6);
  limiter.throttled(0);
  assert.is(limiter.limit, 3);
  limiter.throttled(0);
  assert.is(limiter.limit, 3);
  assert.is(new AdaptiveLimiter(1).limit, 1);
});

test("requests under way keep to the bound", async () => {
  const slow: ChatBehaviour = { kind: "answer", text: "1", delayMs: 15 };
  await withServer(
    () => slow,
    { concurrency: 8 },
    async (client, _calls, most) => {
      await Promise.all(Array.from({ length: 4 }, () => client.complete(request)));
      assert.is(most(), 4);
      await Promise.all(Array.from({ length: 60 }, () => client.complete(request)));
      assert.is(most(), 8);
    },
  );
  await withServer(
    () => slow,
    { concurrency: 1 },
    async (client, _calls, most) => {
      await Promise.all(Array.from({ length: 5 }, () => client.complete(request)));
      assert.is(most(), 1);
    },
  );
});

const wrongOptions: Array<[Partial<ChatClientOptions>, RegExp]> = [
  [{ baseUrl: "api.example.com" }, /base_url is not a URL; write it like https:/],
  [{ baseUrl: "ftp://example.com/v1" }, /starts with ftp:; only https: and http:/],
  [{ baseUrl: "https://user:pw@example.com/v1" }, /must hold no user name, password, query or fragment/],
  [{ baseUrl: "https://example.com/v1?key=1" }, /must hold no user name, password, query or fragment/],
  [{ baseUrl: "http://example.com/v1" }, /would send the API key unencrypted to example\.com; use https/],
  [{ apiKeyEnv: "ABSENT_KEY" }, /environment variable ABSENT_KEY is not set; put the judge's API key in it/],
  [
    { apiKeyEnv: "sk-abc-this-is-a-key" },
    /must be the name of an environment variable, such as OPENAI_API_KEY, not the key itself\.$/,
  ],
  [{ concurrency: 0 }, /concurrency is 0; it must be a number of at least 1/],
  [{ timeoutMs: Number.NaN }, /timeout_ms is NaN/],
];
for (const [options, message] of wrongOptions) {
  test(`refuses ${JSON.stringify(options)}`, async () => {
    const error = await thrown(
      () =>
        new ChatClient({
          baseUrl: "https://example.com/v1",
          model: "m",
          apiKeyEnv: "JUDGE_KEY",
          environment,
          ...options,
        }),
    );
    assert.match(error.message, message);
    assertNoKey(error);
  });
}

test("a key with a line break is refused without being shown", async () => {
  const error = await thrown(() => secretFromEnvironment("K", { K: `${canary}\n${canary}` }));
  assert.match(error.message, /K holds white space or characters that no API key has/);
  assertNoKey(error);
});

test("a secret prints as [redacted] in every way", () => {
  const secret = new Secret(canary);
  assert.is(
    `${secret} ${JSON.stringify({ secret })} ${inspect({ secret })}`,
    '[redacted] {"secret":"[redacted]"} { secret: [redacted] }',
  );
  const base64 = Buffer.from(canary).toString("base64");
  assert.is(secret.redact(`a ${canary} b ${base64} c`).includes(canary), false);
  assert.is(secret.redact(base64).includes(base64.replace(/=+$/, "")), false);
  assert.is(new Secret("-").redact("a-b"), "a-b");
});

test.run();
